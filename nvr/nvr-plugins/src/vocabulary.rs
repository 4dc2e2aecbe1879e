//! The closed lists: what a plugin may say and ask for, and what none may.
//!
//! Promises: a word that is on no list does not load; words of faces, biometrics, emotions and re-identification are
//!   found however they are written together, and refused before anything else is looked at.
//! Leaves to others: where the words stand (`manifest`, the worker's descriptor).

use nvr_base::{Class, Label};
use nvr_plugin_api::closed::EventType;

/// Situations: the eight of decree 2023-828, then those beyond them.
pub const SITUATIONS: [&str; 14] = [
    "abandoned-object",
    "weapon",
    "wrong-way",
    "zone-entry",
    "person-down",
    "crowd-movement",
    "crowd-density",
    "fire",
    "counting",
    "camera-tamper",
    "bag-carried",
    "reduced-mobility",
    "distancing",
    "loitering",
];
/// How many of [`SITUATIONS`] the decree allows for alerts in public places.
const DECREE: usize = 8;

/// What a plugin may ask of the host. `inference:MODEL` names a model beside these.
const NEEDS: [&str; 4] = ["tracks", "frames-gray", "frames-rgb", "history"];
/// Longest model name, in bytes.
const MODEL_LEN_MAX: usize = 64;

/// Whole words that stand for what is never built.
const FORBIDDEN_WORDS: [&str; 13] = [
    "face",
    "faces",
    "reid",
    "identity",
    "identities",
    "embedding",
    "embeddings",
    "iris",
    "gait",
    "fingerprint",
    "faceprint",
    "mood",
    "ethnicity",
];
/// Parts of words that stand for the same, wherever they occur once separators are gone.
const FORBIDDEN_PARTS: [&str; 9] = [
    "biometr",
    "emotion",
    "facial",
    "reidentif",
    "facerecog",
    "faceid",
    "facedetect",
    "voiceprint",
    "personidentif",
];

/// True for a situation of the closed list.
pub fn is_situation(name: &str) -> bool {
    SITUATIONS.contains(&name)
}

/// True for one of the decree's eight situations.
pub fn is_of_the_eight(name: &str) -> bool {
    SITUATIONS.iter().take(DECREE).any(|s| *s == name)
}

/// True for an event type of the closed list.
pub fn is_event_type(name: &str) -> bool {
    EventType::from_name(name).is_some()
}

/// The name of an event type by its number in the contract.
pub fn event_name(number: i32) -> Option<&'static str> {
    EventType::from_number(number).map(EventType::name)
}

/// The class of a number of the contract: a label's, or a group's; `None` for one that is on no list.
pub fn class_name(number: i32) -> Option<String> {
    match number {
        256 => Some(Class::Vehicle.to_string()),
        257 => Some(Class::Bag.to_string()),
        258 => Some(Class::Animal.to_string()),
        _ => Some(Label::from_index(usize::try_from(number).ok()?)?.name().to_owned()),
    }
}

/// True for a need of the closed list.
pub fn is_need(name: &str) -> bool {
    let model = |m: &str| {
        !m.is_empty()
            && m.len() <= MODEL_LEN_MAX
            && m.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b))
    };
    NEEDS.contains(&name) || name.strip_prefix("inference:").is_some_and(model)
}

/// The forbidden word inside `text`, if there is one.
pub fn forbidden(text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    let words = || lower.split(|c: char| !c.is_alphanumeric());
    let joined: String = words().collect();
    let word = FORBIDDEN_WORDS.iter().find(|f| words().any(|w| w == **f));
    word.or_else(|| FORBIDDEN_PARTS.iter().find(|f| joined.contains(**f))).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_words_are_found_however_written() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(forbidden(text), expected, "{text}");
        check("face", Some("face"));
        check("Face-Match", Some("face"));
        check("inference:face_landmarks", Some("face"));
        check("facerecognition", Some("facerecog"));
        check("BIO-METRICS", Some("biometr"));
        check("emotions", Some("emotion"));
        check("re-identification", Some("reidentif"));
        check("re_id", None);
        check("reid", Some("reid"));
        check("person-embedding", Some("embedding"));
        check("surface-water", None);
        check("zone-entry", None);
        let types = EventType::ALL.iter().map(|t| t.name());
        for word in SITUATIONS.into_iter().chain(types).chain(NEEDS) {
            check(word, None);
        }
    }

    #[test]
    fn lists_are_closed() {
        assert!(is_event_type("zone-entry") && is_event_type("line-crossed") && !is_event_type("identity"));
        assert!(is_need("tracks") && is_need("inference:movenet-multipose") && !is_need("inference:"));
        assert!(!is_need("socket") && !is_need("inference:../x"));
        assert_eq!((event_name(4), event_name(0), event_name(20)), (Some("zone-entry"), None, None));
        let classes = [0, 256, 258, 999, -1].map(class_name);
        let expected = [Some("person"), Some("vehicle"), Some("animal"), None, None];
        assert_eq!(classes, expected.map(|name| name.map(str::to_owned)));
        assert!(is_of_the_eight("fire") && !is_of_the_eight("counting"));
    }
}
