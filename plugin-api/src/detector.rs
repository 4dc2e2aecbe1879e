//! A detector as its author writes it: one type with this trait, one [`Descriptor`], one `export_detector!`.
//!
//! Promises: no `unsafe` in a detector; calls come one after another, in the order of the header.
//! Leaves to others: the boundary (`glue`). A panic is caught nowhere: it ends the plugin's process, and only that.

use crate::closed::{EventType, Regime};
use crate::input::Input;
use crate::needs::Needs;
use crate::output::Output;

/// What the plugin is.
#[derive(Debug, Clone)]
pub struct Descriptor {
    /// The `situation` of a rule: a-z, 0-9, `-`.
    pub id: &'static str,
    /// For people, in English.
    pub name: &'static str,
    /// `1.2.3`; `env!("CARGO_PKG_VERSION")`.
    pub version: &'static str,
    /// The situation it looks for.
    pub situation: &'static str,
    /// JSON: `{"en":{"name":…,"alert":…},"fr":{…}}`.
    pub texts: &'static str,
    /// JSON Schema of its own keys in a rule.
    pub config_schema: &'static str,
    /// What its events can be.
    pub event_types: &'static [EventType],
    /// Under which law it works.
    pub regime: Regime,
    /// Whether it counts.
    pub counts: bool,
    /// A new generation runs silent beside the old one for so long.
    pub warmup_s: f32,
    /// Calibration gate of a rule without its own; 0: none.
    pub min_px_per_m: f32,
    /// Of one `process`, 99 of 100.
    pub process_budget_us: u32,
}

/// One rule on one camera.
pub trait Detector: Sized {
    /// What it needs with a rule that says nothing more; for planning, before any rule exists.
    fn template() -> Needs;

    /// `config` is the rule as JSON: common keys (see [`crate::rule::CommonKeys`]) and those of its schema.
    ///
    /// # Errors
    /// What in the rule cannot work, for the person who wrote it.
    fn create(config: &str) -> Result<Self, String>;

    /// Does not change while it lives.
    fn needs(&self) -> Needs;

    /// Once, before the first `process`.
    ///
    /// # Errors
    /// Why it cannot start.
    fn start(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// One frame.
    fn process(&mut self, input: &Input<'_>, out: &mut Output<'_>);

    /// Forget everything seen; times and ids start again. The host ends what was open.
    fn reset(&mut self);

    /// Once, after the last `process`. The host ends what is open.
    fn stop(&mut self) {}
}
