//! What people read, in English and French.
//!
//! Promises: every text comes from `locales/`; a missing French one is shown in English; no control
//! character of a configuration or camera reaches a terminal.
//! Leaves to others: when to say what.

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use std::fmt;
use std::sync::OnceLock;

const EN: [&str; 5] = [
    include_str!("../locales/en/findings.ftl"),
    include_str!("../locales/en/states.ftl"),
    include_str!("../locales/en/commands.ftl"),
    include_str!("../locales/en/installation.ftl"),
    include_str!("../locales/en/alerts.ftl"),
];
const FR: [&str; 5] = [
    include_str!("../locales/fr/findings.ftl"),
    include_str!("../locales/fr/states.ftl"),
    include_str!("../locales/fr/commands.ftl"),
    include_str!("../locales/fr/installation.ftl"),
    include_str!("../locales/fr/alerts.ftl"),
];

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Locale {
    /// English.
    #[default]
    En,
    /// French.
    Fr,
}

impl Locale {
    /// From the variables `LC_ALL`, `LC_MESSAGES`, `LANG`, the first that is set and not empty
    /// (POSIX.1-2017 §8.2); English for any other language.
    pub fn from_variables(value: impl Fn(&str) -> Option<String>) -> Self {
        let set =
            ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| value(name).filter(|v| !v.is_empty()));
        match set.as_deref().map(|v| v.split(['_', '.', '@', '-']).next().unwrap_or_default()) {
            Some("fr") => Self::Fr,
            _ => Self::En,
        }
    }

    fn tag(self) -> unic_langid::LanguageIdentifier {
        // Both parse; the default is the undetermined language, whose plural rule is English enough.
        match self {
            Self::En => "en",
            Self::Fr => "fr",
        }
        .parse()
        .unwrap_or_default()
    }
}

/// A value inside a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arg {
    /// A text; control characters are taken out when it is shown.
    Text(String),
    /// A whole number; texts may choose words by it.
    Number(i64),
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Self::Text(printable(text))
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

macro_rules! numbers {
    ($($type:ty),*) => { $(
        impl From<$type> for Arg {
            fn from(number: $type) -> Self {
                Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
            }
        }
    )* };
}
numbers!(u32, i64, u64, usize);

impl fmt::Display for Arg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl serde::Serialize for Arg {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => s.serialize_str(text),
            Self::Number(number) => s.serialize_i64(*number),
        }
    }
}

/// The texts of one language, with English behind it.
pub struct Texts {
    bundles: Vec<FluentBundle<FluentResource>>,
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Texts({} languages)", self.bundles.len())
    }
}

impl Texts {
    /// The texts of `locale`.
    pub fn new(locale: Locale) -> Self {
        let mut bundles = Vec::new();
        if locale == Locale::Fr {
            bundles.push(bundle(Locale::Fr, &FR));
        }
        bundles.push(bundle(Locale::En, &EN));
        Self { bundles }
    }

    /// The text `id` or `id.attribute`. An id without a text is shown as itself: a test keeps that from happening.
    pub fn text(&self, id: &str, args: &[(&str, Arg)]) -> String {
        let (message, attribute) = id.split_once('.').map_or((id, None), |(m, a)| (m, Some(a)));
        let mut values = FluentArgs::with_capacity(args.len());
        for (name, value) in args {
            let value = match value {
                Arg::Text(text) => FluentValue::from(printable(text)),
                Arg::Number(number) => FluentValue::from(*number),
            };
            values.set(*name, value);
        }
        for bundle in &self.bundles {
            let Some(found) = bundle.get_message(message) else { continue };
            let pattern = match attribute {
                None => found.value(),
                Some(name) => found.get_attribute(name).map(|a| a.value()),
            };
            if let Some(pattern) = pattern {
                return bundle.format_pattern(pattern, Some(&values), &mut Vec::new()).into_owned();
            }
        }
        id.to_owned()
    }
}

fn bundle(locale: Locale, sources: &[&str]) -> FluentBundle<FluentResource> {
    let mut bundle = FluentBundle::new_concurrent(vec![locale.tag()]);
    // Isolation marks are for mixed writing directions; terminals show them as rubbish.
    bundle.set_use_isolating(false);
    for source in sources {
        // What does not parse is left out here and found by the tests.
        let resource = FluentResource::try_new((*source).to_owned()).unwrap_or_else(|(resource, _)| resource);
        bundle.add_resource_overriding(resource);
    }
    bundle
}

/// The texts of this process's language, made at first use.
pub fn texts() -> &'static Texts {
    static TEXTS: OnceLock<Texts> = OnceLock::new();
    TEXTS.get_or_init(|| Texts::new(Locale::from_variables(|name| std::env::var(name).ok())))
}

/// A text in this process's language.
///
/// ```
/// assert!(!nvr_base::text::text("gap-camera-down", &[]).is_empty());
/// ```
pub fn text(id: &str, args: &[(&str, Arg)]) -> String {
    texts().text(id, args)
}

/// `text` without what could steer a terminal or hide a character: controls (C0, C1, DEL), marks that
/// change the direction of writing, and characters without width.
pub fn printable(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().filter(|c| !hidden(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{AlertState, Verdict};
    use crate::blind::BlindReason;
    use crate::config::FindingId;
    use crate::{CameraState, GapReason};
    use fluent_bundle::FluentResource;
    use std::collections::BTreeSet;

    /// Every id and `id.attribute` of the sources; panics on what does not parse.
    fn ids(sources: &[&str]) -> BTreeSet<String> {
        let mut ids = BTreeSet::new();
        for source in sources {
            // Counted from the text itself, so that an entry the parser skipped is missed below.
            let resource = FluentResource::try_new((*source).to_owned()).map_err(|(_, e)| e).unwrap();
            let mut message = String::new();
            for line in source.lines() {
                let Some((name, _)) = line.split_once(" =") else { continue };
                if let Some(attribute) = name.strip_prefix("    .") {
                    ids.insert(format!("{message}.{attribute}"));
                } else if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
                    message = name.to_owned();
                    assert!(ids.insert(message.clone()), "{name} twice");
                }
            }
            assert!(resource.entries().count() > 0);
        }
        ids
    }

    #[test]
    fn both_languages_have_the_same_ids() {
        assert_eq!(ids(&EN), ids(&FR));
    }

    #[test]
    fn everything_that_is_shown_has_a_text_in_both_languages() {
        let mut wanted: Vec<String> = Vec::new();
        wanted.extend(GapReason::ALL.iter().map(|r| format!("gap-{r}")));
        wanted.extend(BlindReason::ALL.iter().map(|(reason, _)| format!("blind-{reason}")));
        wanted.extend(AlertState::ALL.iter().map(|s| format!("alert-state-{s}")));
        wanted.extend(Verdict::ALL.iter().map(|v| format!("alert-{v}")));
        wanted.extend(CameraState::ALL.iter().map(|s| format!("state-{}", s.as_str())));
        wanted.extend(FindingId::ALL.iter().flat_map(|f| [f.text_id(), format!("{}.remedy", f.text_id())]));
        for sources in [EN, FR] {
            let ids = ids(&sources);
            let missing: Vec<_> = wanted.iter().filter(|id| !ids.contains(*id)).collect();
            assert!(missing.is_empty(), "{missing:?}");
        }
    }

    #[test]
    fn every_text_is_formatted_without_errors() {
        let names: BTreeSet<&str> =
            EN.iter().chain(&FR).flat_map(|s| s.split("{ $").skip(1)).map(name).collect();
        let mut args = FluentArgs::new();
        for name in &names {
            args.set(*name, FluentValue::from(2));
        }
        for (locale, sources) in [(Locale::En, EN), (Locale::Fr, FR)] {
            let bundle = bundle(locale, &sources);
            for id in ids(&sources) {
                let (message, attribute) =
                    id.split_once('.').map_or((id.as_str(), None), |(m, a)| (m, Some(a)));
                let message = bundle.get_message(message).unwrap_or_else(|| panic!("{id} does not parse"));
                let pattern = match attribute {
                    None => message.value(),
                    Some(name) => message.get_attribute(name).map(|a| a.value()),
                };
                let mut errors = Vec::new();
                let text = bundle.format_pattern(pattern.unwrap(), Some(&args), &mut errors);
                assert!(errors.is_empty() && !text.trim().is_empty(), "{locale:?} {id}: {errors:?}");
            }
        }
        fn name(rest: &str) -> &str {
            rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default()
        }
    }

    #[test]
    fn locales() {
        for (all, messages, lang, expected) in [
            ("", "", "", Locale::En),
            ("", "", "fr_FR.UTF-8", Locale::Fr),
            ("", "fr", "en_US", Locale::Fr),
            ("C", "fr", "fr", Locale::En),
            ("", "de_DE", "fr_FR", Locale::En),
            ("fr@euro", "", "", Locale::Fr),
        ] {
            let value = |name: &str| {
                let value = match name {
                    "LC_ALL" => all,
                    "LC_MESSAGES" => messages,
                    _ => lang,
                };
                Some(value.to_owned())
            };
            assert_eq!(Locale::from_variables(value), expected, "{all} {messages} {lang}");
        }
    }

    #[test]
    fn english_stands_in_and_ids_stand_out() {
        let texts = Texts { bundles: vec![bundle(Locale::Fr, &[]), bundle(Locale::En, &EN)] };
        assert_eq!(texts.text("gap-disk-full", &[]), "disk full");
        assert_eq!(texts.text("no-such-text", &[]), "no-such-text");
        assert_eq!(Texts::new(Locale::Fr).text("gap-disk-full", &[]), "disque plein");
    }

    #[test]
    fn numbers_choose_words() {
        let summary = |locale, n: u32| {
            let args = [("cameras", Arg::from(n)), ("errors", Arg::from(n)), ("warnings", Arg::from(n))];
            Texts::new(locale).text("check-summary", &args)
        };
        assert_eq!(summary(Locale::En, 0), "0 cameras, 0 errors, 0 warnings");
        assert_eq!(summary(Locale::En, 1), "1 camera, 1 error, 1 warning");
        assert_eq!(summary(Locale::Fr, 0), "0 caméra, 0 erreur, 0 avertissement");
        assert_eq!(summary(Locale::Fr, 2000), "2000 caméras, 2000 erreurs, 2000 avertissements");
    }

    #[test]
    fn nothing_steers_a_terminal() {
        for (text, expected) in [
            ("plain é 日本", "plain é 日本"),
            ("a\u{1b}[2Jb\r\n\t\0", "a[2Jb"),
            ("a\u{9b}31m\u{7f}", "a31m"),
            ("abc\u{202e}cba\u{200b}\u{2066}\u{feff}", "abccba"),
        ] {
            assert_eq!(printable(text), expected);
        }
        let path = Arg::Text("\u{1b}]0;x\u{7}".into());
        assert!(!Texts::new(Locale::En).text("check-socket", &[("path", path)]).contains('\u{1b}'));
    }
}
