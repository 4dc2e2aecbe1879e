//! The plugins that a configuration's rules name, as they describe themselves to `nvr check`.
//!
//! Promises: each is started once, in the sandboxed worker, as the recorder starts it; no library is loaded here.
//! Leaves to others: one that is not there (`rules`), the self-test and its steps (`nvr plugins verify`).

use crate::args::FolderArgs;
use crate::commands::plugins::shelf::{Item, State, items};
use crate::commands::plugins::source::Source;
use crate::commands::plugins::verify::ask;
use nvr_base::config::Config;
use nvr_plugins::descriptor::Descriptor;
use std::collections::{BTreeMap, BTreeSet};

/// What a plugin says it is, by its id, or why it does not say.
pub(super) type Described = BTreeMap<&'static str, Result<Descriptor, String>>;

/// Asks every plugin that a rule names and the folder holds.
pub(super) fn describe(config: &Config) -> Described {
    let wanted: BTreeSet<&str> = config.rules.iter().map(|rule| rule.situation.as_str()).collect();
    if wanted.is_empty() {
        return Described::new();
    }
    let folder = FolderArgs { plugins: None, trusted_keys: Vec::new() };
    // A folder that cannot be read is as good as empty: `rules` names it.
    let items = items(&Source::of(Some(config), &folder)).unwrap_or_default();
    let is = |item: &&Item, id: &str| {
        item.state != State::Disabled && item.manifest.as_ref().is_some_and(|manifest| manifest.id == id)
    };
    let of = |id: &'static str| Some((id, ask(items.iter().find(|item| is(item, id))?)));
    wanted.into_iter().filter_map(of).collect()
}

/// Pixels a metre that a plugin would like.
pub(super) fn wish(described: &Described, plugin: &str) -> Option<f64> {
    described.get(plugin)?.as_ref().ok().map(|descriptor| f64::from(descriptor.min_px_per_m))
}
