//! Folders in, actions out.
//!
//! Promises: every rule of the catalogue as a line of data. Leaves to others: real folders (`folder`).

use super::*;

const A: [u8; 32] = [0xaa; 32];
const B: [u8; 32] = [0xbb; 32];

fn manifest_text(hash: [u8; 32]) -> String {
    format!(
        "id = \"zone-entry\"\nversion = \"1\"\nabi = \"0.1\"\nsituation = \"zone-entry\"\nregime = \"event-eight\"\n\
         sha256 = \"{}\"\n",
        Hash(hash)
    )
}

fn entry(name: &str, kind: Kind, len: u64, content: Content) -> Entry {
    Entry { name: name.into(), kind, len, content }
}

fn library(hash: [u8; 32]) -> Entry {
    entry("libzone.so", Kind::File, 1000, Content::Hash(Hash(hash)))
}

fn manifest(hash: [u8; 32]) -> Entry {
    entry("zone.toml", Kind::File, 200, Content::Text(manifest_text(hash)))
}

fn said(action: &Action) -> String {
    match action {
        Action::Stage { name, manifest, signature } => {
            let signed = if signature.is_some() { " signed" } else { "" };
            format!("stage {name} {}{signed}", manifest.sha256.short().chars().take(2).collect::<String>())
        }
        Action::Wait { name, until_ms, why } => format!("wait {name} {until_ms} {why}"),
        Action::Retire { name } => format!("retire {name}"),
        Action::Reject { name, why } => format!("reject {name} {why}"),
    }
}

/// Each step is a time, a folder and the beginnings of what is said of it, in order.
fn check(steps: &[(u64, Vec<Entry>, &[&str])]) {
    let mut catalogue = Catalogue::default();
    for (n, (now, listing, expected)) in steps.iter().enumerate() {
        let got: Vec<String> = catalogue.look(listing, *now).iter().map(said).collect();
        let same = got.len() == expected.len() && got.iter().zip(*expected).all(|(g, e)| g.starts_with(e));
        assert!(same, "step {n}: {got:#?} instead of {expected:#?}");
    }
}

#[test]
fn a_good_pair_is_staged_once_and_retired_when_gone() {
    check(&[
        (0, vec![], &[]),
        (1, vec![library(A), manifest(A)], &["stage zone aa"]),
        (2, vec![library(A), manifest(A)], &[]),
        (3, vec![library(B), manifest(B)], &["stage zone bb"]),
        (4, vec![manifest(B)], &["retire zone", "wait zone 10004 there is no library"]),
        (5, vec![], &[]),
        (6, vec![library(B), manifest(B)], &["stage zone bb"]),
    ]);
}

#[test]
fn a_plain_copy_is_waited_for() {
    check(&[
        (0, vec![library(B)], &["wait zone 10000 there is no manifest"]),
        (500, vec![library(B), manifest(A)], &["wait zone 10000 the library's hash is bb"]),
        (1000, vec![library(A), manifest(A)], &["stage zone aa"]),
        // A replacement that never becomes whole leaves the old one staged.
        (2000, vec![library(B), manifest(A)], &["wait zone 12000 the library's hash"]),
        (11_999, vec![library(B), manifest(A)], &[]),
        (12_000, vec![library(B), manifest(A)], &["reject zone the library's hash"]),
        (13_000, vec![library(B), manifest(A)], &[]),
        (14_000, vec![library(B), manifest(B)], &["stage zone bb"]),
    ]);
}

#[test]
fn half_a_manifest_is_waited_for_a_forbidden_one_is_not() {
    let half = entry("zone.toml", Kind::File, 9, Content::Text("id = \"zo".into()));
    let face = manifest_text(A) + "event_types = [\"face-match\"]\n";
    let face = entry("zone.toml", Kind::File, 9, Content::Text(face));
    check(&[
        (0, vec![library(A), half], &["wait zone 10000 the manifest cannot be read"]),
        (1, vec![library(A), face], &["reject zone `event_types` asks for `face`"]),
    ]);
}

#[test]
fn what_is_no_plain_file_is_turned_away() {
    let at = |kind, len| vec![entry("libzone.so", kind, len, Content::Unread), manifest(A)];
    check(&[(0, at(Kind::Symlink, 10), &["reject zone libzone.so is a symbolic link"])]);
    check(&[(0, at(Kind::Directory, 10), &["reject zone libzone.so is a directory"])]);
    check(&[(0, at(Kind::Other, 10), &["reject zone libzone.so is a device"])]);
    check(&[(0, at(Kind::File, 2 << 30), &["reject zone 2147483648 bytes, more than 67108864"])]);
    check(&[(0, at(Kind::File, LIBRARY_LEN_MAX + 1), &["reject zone 67108865 bytes"])]);
}

#[test]
fn strange_names_are_named_once() {
    let strange = |name: &str| vec![entry(name, Kind::File, 1, Content::Unread)];
    check(&[
        (0, strange("lib../x.so"), &["reject lib../x.so not libNAME.so"]),
        (1, strange("lib../x.so"), &[]),
    ]);
    check(&[(0, strange("libZone.so"), &["reject libZone.so not"])]);
    check(&[(0, strange("lib zone.so"), &["reject lib zone.so not"])]);
    check(&[(0, strange("libz\u{1b}[2J.so"), &["reject libz\u{fffd}[2J.so not"])]);
    check(&[(0, strange("readme"), &["reject readme not"])]);
    check(&[(0, strange(".libzone.so.part"), &[])]);
    check(&[(0, vec![entry("old", Kind::Directory, 1, Content::Unread)], &["reject old a directory"])]);
    check(&[(0, vec![entry(DISABLED, Kind::Directory, 1, Content::Unread)], &[])]);
}

#[test]
fn the_folder_is_bounded() {
    let many =
        (0..=ENTRIES_MAX).map(|n| entry(&format!(".{n:03}"), Kind::File, 1, Content::Unread)).collect();
    check(&[(0, many, &["reject the folder more than 256"])]);
}

#[test]
fn a_signature_that_comes_later_is_a_new_offer() {
    let signature = entry("libzone.so.minisig", Kind::File, 9, Content::Text("untrusted comment".into()));
    check(&[
        (0, vec![library(A), manifest(A)], &["stage zone aa"]),
        (1, vec![library(A), manifest(A), signature], &["stage zone aa signed"]),
    ]);
}
