//! Whether a plugin is what its manifest says.
//!
//! Promises: pure: [`agree`] compares every word that both say; the first difference is a sentence.
//! Leaves to others: reading both (`manifest`, `worker`).

use crate::manifest::Manifest;
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
