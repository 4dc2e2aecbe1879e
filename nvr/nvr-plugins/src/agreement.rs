//! Whether a plugin is what its manifest says.
//!
//! Promises: pure: [`agree`] compares every word that both say, the first difference is a sentence; [`describe`] writes
//!   the manifest that agrees.
//! Leaves to others: reading both (`manifest`, `worker`).

use crate::manifest::{Hash, Manifest};
use crate::protocol::Descriptor;
use crate::vocabulary;

/// Compares the manifest with what the loaded library says it is.
///
/// # Errors
/// The first difference.
pub fn agree(manifest: &Manifest, descriptor: &Descriptor) -> Result<(), String> {
    let (major, minor) = descriptor.abi;
    let mut manifest_types = manifest.event_types.clone();
    let mut types = descriptor.event_types.clone();
    let mut manifest_needs = manifest.needs.clone();
    for list in [&mut manifest_types, &mut types, &mut manifest_needs] {
        list.sort();
        list.dedup();
    }
    let pairs = [
        ("id", manifest.id.clone(), descriptor.id.clone()),
        ("version", manifest.version.clone(), descriptor.version.clone()),
        ("abi", manifest.abi.clone(), format!("{major}.{minor}")),
        ("situation", manifest.situation.clone(), descriptor.situation.clone()),
        ("regime", format!("{:?}", manifest.regime), format!("{:?}", descriptor.regime)),
        ("event_types", manifest_types.join(", "), types.join(", ")),
        ("needs", manifest_needs.join(", "), descriptor.needs.words().join(", ")),
    ];
    for (key, says, is) in pairs {
        if says != is {
            let is = nvr_base::media_protocol::bounded_text(&is);
            return Err(format!("its manifest says {key} `{says}`, the library `{is}`"));
        }
    }
    let words = types.iter().map(String::as_str).chain([descriptor.id.as_str()]);
    match words.into_iter().find_map(vocabulary::forbidden) {
        Some(word) => Err(format!("its descriptor asks for `{word}`, which no plugin may have")),
        None => Ok(()),
    }
}

/// The manifest of a library that says this of itself, for packing it.
pub fn describe(descriptor: &Descriptor, sha256: Hash, author: &str) -> Manifest {
    let (major, minor) = descriptor.abi;
    Manifest {
        id: descriptor.id.clone(),
        version: descriptor.version.clone(),
        abi: format!("{major}.{minor}"),
        situation: descriptor.situation.clone(),
        needs: descriptor.needs.words(),
        event_types: descriptor.event_types.clone(),
        regime: descriptor.regime,
        sha256,
        author: author.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor() -> Descriptor {
        Descriptor {
            abi: (0, 1),
            id: "zone-entry".into(),
            version: "1.0.0".into(),
            situation: "zone-entry".into(),
            event_types: vec!["zone-entry".into(), "line-crossed".into()],
            ..Descriptor::default()
        }
    }

    fn check(change: impl FnOnce(&mut Descriptor), expected: &str) {
        let manifest = describe(&descriptor(), Hash([1; 32]), "");
        let mut library = descriptor();
        change(&mut library);
        let got = agree(&manifest, &library).map_or_else(|e| e, |()| "agrees".into());
        assert!(got.contains(expected), "{got}");
    }

    #[test]
    fn every_difference_is_named() {
        check(|_| {}, "agrees");
        check(|d| d.event_types.reverse(), "agrees");
        check(|d| d.id = "fire".into(), "says id `zone-entry`, the library `fire`");
        check(|d| d.version = "2".into(), "says version");
        check(|d| d.abi = (0, 2), "says abi `0.1`, the library `0.2`");
        check(|d| d.event_types = vec!["fire".into()], "says event_types");
        check(|d| d.needs.labels = [1, 0], "says needs ``, the library `tracks`");
        check(|d| d.regime = crate::manifest::Regime::Statistics, "says regime");
    }

    #[test]
    fn what_is_described_can_be_read() {
        let manifest = describe(&descriptor(), Hash([1; 32]), "Town");
        assert_eq!(Manifest::parse(&manifest.to_toml().unwrap()), Ok(manifest));
    }

    #[test]
    fn a_forbidden_descriptor_is_refused_even_when_the_manifest_says_the_same() {
        let library = Descriptor { id: "face-match".into(), ..descriptor() };
        let manifest = describe(&library, Hash([1; 32]), "");
        assert!(agree(&manifest, &library).unwrap_err().contains("asks for `face`"));
        assert!(manifest.to_toml().unwrap_err().to_string().contains("asks for `face`"));
    }
}
