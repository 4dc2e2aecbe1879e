//! What people read, in English and French.
//!
//! Promises: every text comes from `locales/`; a missing French one is shown in English; no control
//! character of a configuration or camera reaches a terminal.
//! Leaves to others: when to say what.

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use std::fmt;
use std::sync::OnceLock;

const EN: [&str; 3] = [
    include_str!("../locales/en/findings.ftl"),
    include_str!("../locales/en/states.ftl"),
    include_str!("../locales/en/commands.ftl"),
];
const FR: [&str; 3] = [
    include_str!("../locales/fr/findings.ftl"),
    include_str!("../locales/fr/states.ftl"),
    include_str!("../locales/fr/commands.ftl"),
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
