//! Files into a folder, orders out: drop in, replace, break, remove.
//!
//! Promises: the same turns as in service, with real files, real workers and the real watch. Leaves to others: every
//! turn of a life (`generation`), every way to misbehave (`zoo`).

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that cannot go on fails

use nvr_plugins::host::{Host, Order, Settings};
use nvr_plugins::manifest::{Manifest, Regime};
use nvr_plugins::signature::Trust;
use nvr_plugins::staging::hash_of;
use nvr_plugins::watch::{Watch, Woken};
use nvr_plugins::worker::Worker;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

struct Rig {
    folders: (tempfile::TempDir, tempfile::TempDir),
    watch: Watch,
    host: Host,
    workers: BTreeMap<u64, Worker>,
    log: Vec<String>,
}

impl Rig {
    fn new() -> Self {
        let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let watch = Watch::new(folders.0.path());
        let settings = Settings {
            folder: folders.0.path().into(),
            store: folders.1.path().into(),
            program: env!("CARGO_BIN_EXE_nvr-worker").into(),
            memory_bytes_max: 128 << 20,
            trust: Trust::new(&[], true).unwrap(),
        };
        let host = Host::new(settings, watch.bell());
        Self { folders, watch, host, workers: BTreeMap::new(), log: Vec::new() }
    }

    /// Builds a plugin of the zoo beside the folder and moves it and its manifest in.
    fn put(&self, plugin: &str, version_flag: &str) {
        self.put_as("zoo", plugin, version_flag);
    }

    /// The same, under this name.
    fn put_as(&self, name: &str, plugin: &str, version_flag: &str) {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let built = tempfile::tempdir().unwrap();
        let out = built.path().join("libzoo.so");
        let status = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-w", version_flag, "-o"])
            .arg(&out)
            .arg(here.join(format!("tests/zoo/{plugin}.c")))
            .arg("-I")
            .arg(here.join("../../plugin-api/include"))
            .status()
            .expect("a C compiler");
        assert!(status.success());
        let bytes = std::fs::read(&out).unwrap();
        let manifest = Manifest {
            id: "zone-entry".into(),
            version: "1.0.0".into(),
            abi: "0.1".into(),
            situation: "zone-entry".into(),
            needs: vec!["tracks".into()],
            event_types: vec!["zone-entry".into()],
            regime: Regime::EventEight,
            sha256: hash_of(&bytes),
            author: String::new(),
        };
        std::fs::write(self.folders.0.path().join(format!("lib{name}.so")), bytes).unwrap();
        std::fs::write(self.folders.0.path().join(format!("{name}.toml")), manifest.to_toml().unwrap())
            .unwrap();
    }

    /// Runs the host until its log ends with these words.
    fn until(&mut self, expected: &[&str]) {
        for _ in 0..200 {
            let start = self.log.len().saturating_sub(expected.len());
            if self.log.len() >= expected.len()
                && self.log[start..].iter().zip(expected).all(|(l, e)| l.starts_with(e))
            {
                self.log.clear();
                return;
            }
            let woken = self.watch.wait(self.host.due_ms());
            let now = self.watch.now_ms();
            let mut orders = self.host.tick(now);
            if woken == Woken::Look {
                orders.extend(self.host.look(now));
                self.watch.looked(self.host.is_waiting());
            }
            while !orders.is_empty() {
                let next: Vec<Order> = orders.drain(..).flat_map(|o| self.follow(o)).collect();
                orders = next;
            }
        }
        panic!("{:#?} instead of {expected:?}", self.log);
    }

    fn follow(&mut self, order: Order) -> Vec<Order> {
        let now = self.watch.now_ms();
        let word = match order {
            Order::Take { generation, worker, .. } => {
                self.workers.insert(generation.0, *worker);
                format!("take {}", generation.0)
            }
            Order::Warm(_, id) => format!("warm {}", id.0),
            Order::CutOver { from, to, .. } => format!("cut {} {}", from.map_or(0, |f| f.0), to.0),
            Order::Drain(plugin, id) => {
                self.log.push(format!("drain {}", id.0));
                assert_eq!(self.workers.remove(&id.0).unwrap().stop().1, None);
                return self.host.drained(&plugin, id, now);
            }
            Order::Kill(plugin, id) => {
                self.workers.remove(&id.0);
                return self.host.died(&plugin, id, "killed", now);
            }
            Order::Blind(..) => "blind".into(),
            Order::Alert(_, why) => format!("alert {why}"),
            Order::Rejected(_, why) => format!("rejected {why}"),
            Order::Waiting(..) => return Vec::new(),
        };
        self.log.push(word);
        Vec::new()
    }
}

#[test]
fn drop_in_replace_break_remove() {
    let mut rig = Rig::new();
    rig.put("good", "-DV=1");
    rig.until(&["take 1", "cut 0 1"]);
    // Another hash of the same plugin.
    rig.put("exit_bomb", "-DV=2");
    rig.until(&["take 2", "warm 2", "cut 1 2", "drain 1"]);
    rig.put("segfault", "-DV=3");
    rig.until(&["alert"]);
    let line = rig.host.list().into_iter().next().unwrap();
    assert!(line.why.unwrap().contains("SIGSEGV"));
    assert_eq!((line.generations.len(), line.quarantine.len()), (1, 1));
    // The second goes on; when it dies it is started again.
    let died = rig.host.died("zoo", line.generations[0].0, "SIGSEGV", rig.watch.now_ms());
    assert!(matches!(died.as_slice(), [Order::Alert(..), Order::Blind(..)]), "{died:?}");
    rig.workers.clear();
    rig.until(&["take 4", "cut 0 4"]);
    std::fs::remove_file(rig.folders.0.path().join("libzoo.so")).unwrap();
    rig.until(&["blind", "drain 4"]);
    assert_eq!(rig.host.list()[0].generations, []);
}

#[test]
fn one_of_two_for_a_situation_waits_until_the_other_is_gone() {
    let mut rig = Rig::new();
    let remove = |rig: &Rig, name: &str| {
        for file in [format!("lib{name}.so"), format!("{name}.toml")] {
            std::fs::remove_file(rig.folders.0.path().join(file)).unwrap();
        }
    };
    rig.put("good", "-DV=1");
    rig.until(&["take 1", "cut 0 1"]);
    rig.put_as("other", "good", "-DV=2");
    rig.until(&["rejected zoo already serves `zone-entry`"]);
    remove(&rig, "zoo");
    rig.until(&["blind", "drain 1", "take 1", "cut 0 1"]);
    // Both at once, as one look at the folder sees it.
    remove(&rig, "other");
    rig.put("good", "-DV=3");
    rig.until(&["take 2", "cut 0 2"]);
    // What waits and is removed does not come.
    rig.put_as("other", "good", "-DV=4");
    rig.until(&["rejected zoo already serves `zone-entry`"]);
    remove(&rig, "other");
    std::fs::write(rig.folders.0.path().join("last.toml"), "x").unwrap();
    rig.until(&["rejected"]);
    remove(&rig, "zoo");
    rig.until(&["blind", "drain 2"]);
    assert!(rig.host.list().iter().all(|line| line.generations.is_empty()));
}

#[test]
fn a_forbidden_manifest_is_turned_away() {
    let mut rig = Rig::new();
    rig.put("good", "-DV=1");
    let path = rig.folders.0.path().join("zoo.toml");
    let text = std::fs::read_to_string(&path).unwrap().replace("[\"zone-entry\"]", "[\"face-match\"]");
    std::fs::write(&path, text).unwrap();
    rig.until(&["rejected `event_types` asks for `face`"]);
}
