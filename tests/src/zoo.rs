//! The zoo: plugins that misbehave, a recorder whose folder they are let into, and the parade of them through it.
//!
//! Promises: everything is built before the first is let in; a plugin that is let in again is another file, so that neither
//!   back-off nor quarantine keeps it quiet; what was found out, and what for another reason, is counted.
//! Leaves to others: what must hold of the recording and of a good plugin beside them (`tests/zoo_beside.rs`), what it
//!   costs (`examples/beside_zoo.rs`), what each one does (`nvr-worker/tests/zoo`).

use crate::plugins::{build, zoo_manifest};
use crate::recorder::Recorder;
use crate::wait;
use serde_json::Value;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// How long one step may take, seconds.
pub const STEP_S_MAX: u64 = 30;
/// Inputs a plugin is given before it is removed, where its end is what it is found out by.
const INPUTS_BEFORE_END: u64 = 30;

/// What a plugin is found out by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Its self-test, or before.
    Test,
    /// What it does with a frame of a camera.
    Service,
    /// How it ends when its file is removed.
    End,
    /// The counter of what it was refused, while it serves.
    Counter,
}
use By::{Counter, End, Service, Test};

/// File of the zoo, how it is found out, and what is said then.
pub const ZOO: &[(&str, By, &str)] = &[
    ("hang_load", Test, "it was not ready after 5 s"),
    ("hang", Service, "it hung: no answer for 2000 ms"),
    ("hang", Test, "it hung: no answer for 2000 ms"),
    ("hang_stop", End, "it did not stop when told to"),
    ("hang_stop", Test, "it hung: no answer for 2000 ms"),
    ("abort", Service, "it crashed: SIGABRT"),
    ("abort", Test, "it crashed: SIGABRT"),
    ("segfault", Service, "it crashed: SIGSEGV"),
    ("segfault", Test, "it crashed: SIGSEGV"),
    ("stack", Service, "it crashed: SIGSEGV"),
    ("stack", Test, "it crashed: SIGSEGV"),
    ("bomb", End, "it crashed: SIGABRT"),
    ("bomb", Test, "it crashed: SIGABRT"),
    ("exit", Service, "it ended itself with exit code 0"),
    ("exit", Test, "it ended itself with exit code 0"),
    // A busy machine has not that much memory for it within the 2 s.
    ("leak", Service, "it reached its memory limit|it hung"),
    ("leak", Test, "it reached its memory limit|it hung"),
    ("fork", Service, "that no plugin may make: clone"),
    ("fork", Test, "that no plugin may make: clone"),
    ("thread", Service, "SIGSYS"),
    ("thread", Test, "SIGSYS"),
    ("exec", Service, "that no plugin may make: execve"),
    ("exec", Test, "that no plugin may make: execve"),
    ("socket", Service, "that no plugin may make: socket"),
    ("socket", Test, "that no plugin may make: socket"),
    ("socket_load", Test, "socket, while it was loaded"),
    ("ptrace", Service, "that no plugin may make: ptrace"),
    ("ptrace", Test, "that no plugin may make: ptrace"),
    ("kill", Service, "that no plugin may make: kill"),
    ("kill", Test, "that no plugin may make: kill"),
    ("open", Service, "it tried what the sandbox refuses: openat"),
    ("open", Test, "it tried what the sandbox refuses: openat"),
    ("exec_memory", Service, "it tried what the sandbox refuses: mmap"),
    ("exec_memory", Test, "it tried what the sandbox refuses: mmap"),
    ("frame_write", Service, "it crashed: SIGSEGV"),
    ("frame_remap", Service, "it crashed: SIGSEGV"),
    ("flood", Service, "it floods"),
    ("flood", Test, "it floods"),
    ("undeclared", Counter, ""),
    ("undeclared", Test, "it emitted undeclared types"),
    ("forge", Service, "it breaks the protocol"),
    ("forge", Test, "it breaks the protocol"),
    ("last_words", Service, "it goes on after its last words"),
    ("last_words", Test, "it goes on after its last words"),
    ("other_abi", Test, "it was built for ABI 7.1"),
    ("lies", Test, "its entry lacks a function"),
    ("no_entry", Test, "it exports no `nvr_plugin_entry`"),
    ("other_id", Test, "the library `fire`"),
    ("other_types", Test, "the library `fire`"),
    ("no_type", Test, "declares event type 4711"),
];

/// A built plugin of the zoo.
#[derive(Debug, Clone)]
pub struct Built {
    library: PathBuf,
    id: String,
    needs: &'static str,
}

impl Built {
    /// Builds `file` of the zoo under the id `id` into `folder`. In service it behaves until it sees a frame of a camera.
    ///
    /// # Panics
    /// When it does not build.
    pub fn new(folder: &Path, file: &str, id: &str, is_in_service: bool) -> Self {
        let library = folder.join(format!("{file}-{id}-{is_in_service}.so"));
        let mut defines = vec![format!("PLUGIN_ID=\"{id}\"")];
        if is_in_service {
            defines.push("IN_SERVICE".into());
        }
        let mut needs = "\"tracks\"";
        if file.starts_with("frame_") {
            defines.push("MORE_NEEDS=.gray={NVR_FORMAT_GRAY8,320,180,5.0f}".into());
            needs = "\"tracks\", \"frames-gray\"";
        }
        build(&format!("nvr/nvr-worker/tests/zoo/{file}.c"), &defines, &library);
        Self { library, id: id.into(), needs }
    }
}

/// One of the zoo, outside or in the folder.
#[derive(Debug, Clone)]
struct Animal {
    name: String,
    by: By,
    expected: &'static str,
    /// What it serves, if it passes its test.
    situation: Option<&'static str>,
    built: Built,
    /// Length of the log when it was let in, bytes.
    log_len: usize,
    is_removed: bool,
    /// It was found out for another reason than the expected one.
    is_otherwise: bool,
}

impl Animal {
    fn is_found(&self, analysis: &Value, log: &str) -> bool {
        match self.by {
            Test | Service => is_logged(log, &self.name, self.expected),
            Counter => counted(analysis, &self.name, "refused") > 0,
            End => counted(analysis, &self.name, "inputs") > INPUTS_BEFORE_END,
        }
    }

    /// Removed, ended, and said.
    fn is_over(&self, analysis: &Value) -> bool {
        let is_said = self.by != End || is_why(analysis, &self.name, self.expected);
        (is_said || self.is_otherwise) && generations(analysis, &self.name).is_empty()
    }
}

/// The zoo on its way through the folder: no two for one situation, and so many that fail their test at the same time.
#[derive(Debug, Clone)]
pub struct Parade {
    waiting: VecDeque<Animal>,
    inside: Vec<Animal>,
    tested_max: usize,
    is_endless: bool,
    turn: u64,
    /// Plugins that were let in.
    pub let_in: usize,
    /// Those that were found out by what was expected.
    pub found: usize,
    /// Names of those that went into quarantine for something else.
    pub otherwise: Vec<String>,
}

impl Parade {
    /// Builds the whole zoo into `folder`. Those that serve take `situations` in turn.
    ///
    /// # Panics
    /// When one does not build.
    pub fn new(folder: &Path, situations: &[&'static str], tested_max: usize) -> Self {
        let mut next = situations.iter().copied().cycle();
        let animal = |(file, by, expected): &(&str, By, &'static str)| {
            let situation = if *by == Test { None } else { next.next() };
            let name = format!("{}-{file}", if *by == Test { "t" } else { "s" });
            let id = situation.map_or_else(|| name.replace('_', "-"), str::to_owned);
            let built = Built::new(folder, file, &id, *by != Test);
            let (by, expected, log_len, is_removed, is_otherwise) = (*by, *expected, 0, false, false);
            Animal { name, by, expected, situation, built, log_len, is_removed, is_otherwise }
        };
        Self {
            waiting: ZOO.iter().map(animal).collect(),
            inside: Vec::new(),
            tested_max,
            is_endless: false,
            turn: 0,
            let_in: 0,
            found: 0,
            otherwise: Vec::new(),
        }
    }

    /// The same, where whoever is out goes to the end of the queue.
    #[must_use]
    pub fn endless(self) -> Self {
        Self { is_endless: true, ..self }
    }

    /// Lets in whoever there is room for, and takes out whoever was found out; `analysis` is how it stands now.
    ///
    /// # Panics
    /// When a file cannot be written or removed.
    pub fn step(&mut self, rig: &Rig, analysis: &Value) {
        let log = rig.recorder.log();
        while let Some(mut animal) = self.next() {
            self.turn += 1;
            self.let_in += 1;
            (animal.log_len, animal.is_removed, animal.is_otherwise) = (log.len(), false, false);
            rig.let_in(&animal.name, &animal.built, self.turn);
            self.inside.push(animal);
        }
        for mut animal in std::mem::take(&mut self.inside) {
            let since = log.get(animal.log_len..).unwrap_or_default();
            if animal.is_removed && animal.is_over(analysis) {
                self.found += usize::from(!animal.is_otherwise);
                if self.is_endless {
                    self.waiting.push_back(animal);
                }
                continue;
            }
            if !animal.is_removed {
                let is_found = animal.is_found(analysis, since);
                animal.is_otherwise = !is_found && is_logged(since, &animal.name, "is in quarantine:");
                if animal.is_otherwise {
                    self.otherwise.push(animal.name.clone());
                }
                animal.is_removed = is_found || animal.is_otherwise;
                if animal.is_removed {
                    rig.remove(&animal.name);
                }
            }
            self.inside.push(animal);
        }
    }

    /// The next one there is room for: who is to serve needs its situation.
    fn next(&mut self) -> Option<Animal> {
        let tested = self.inside.iter().filter(|a| a.by == Test).count();
        let has_room = |animal: &Animal| match animal.situation {
            None => tested < self.tested_max,
            taken => self.inside.iter().all(|a| a.situation != taken),
        };
        let at = self.waiting.iter().position(has_room)?;
        self.waiting.remove(at)
    }

    /// All have been through.
    pub fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.inside.is_empty()
    }

    /// Names of those in the folder.
    pub fn inside(&self) -> Vec<&str> {
        self.inside.iter().map(|a| a.name.as_str()).collect()
    }
}

/// A recorder with a plugins folder and a good plugin in it.
#[derive(Debug)]
pub struct Rig {
    /// The recorder.
    pub recorder: Recorder,
    /// For what is built; the plugins folder is below it.
    pub folder: tempfile::TempDir,
    /// The good plugin's library and manifest.
    pub good: (PathBuf, String),
}

impl Rig {
    /// A configuration of `cameras` of the fake ones at `port`, and of `rules`: id, camera and situation each. The good
    /// plugin serves `zone-entry`.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn new(port: u16, cameras: &[String], rules: &[(&str, &str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let library = folder.path().join("good.so");
        build("tests/plugins/steady.c", &[], &library);
        let manifest = zoo_manifest("zone-entry", "\"tracks\"", &library);
        let rig = Self { recorder: Recorder::new(&[]), folder, good: (library, manifest) };
        std::fs::create_dir(rig.plugins()).expect("the plugins folder");
        rig.put("good", &rig.good.0, &rig.good.1);
        let mut all = format!(
            "[site]\nregime = \"private-site\"\n[plugins]\npath = \"{}\"\nallow_unsigned = true\n",
            rig.plugins().display()
        );
        for (n, id) in cameras.iter().enumerate() {
            all += &format!("[[camera]]\nid = \"{id}\"\nurl = \"rtsp://127.0.0.1:{port}/cam{n}\"\n");
        }
        for (id, camera, situation) in rules {
            all += &format!("[[rule]]\nid = \"{id}\"\ncamera = \"{camera}\"\nsituation = \"{situation}\"\n");
        }
        rig.recorder.configure(&rig.recorder.storage(), &all);
        rig
    }

    /// The plugins folder.
    pub fn plugins(&self) -> PathBuf {
        self.folder.path().join("plugins")
    }

    /// How the analysis stands; null when the recorder does not answer.
    pub fn analysis(&self) -> Value {
        self.recorder.try_json(&["status"]).map(|status| status["analysis"].clone()).unwrap_or_default()
    }

    /// Waits until `is_it` holds of the analysis.
    ///
    /// # Panics
    /// When it does not come to that.
    pub fn wait(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let came = wait::within(STEP_S_MAX, || Some(self.analysis()).filter(&is_it));
        came.unwrap_or_else(|| panic!("not {what}: {:#}\nlog:\n{}", self.analysis(), self.recorder.log()))
    }

    /// Puts the file `library` and its manifest into the folder: the manifest last.
    ///
    /// # Panics
    /// When it cannot.
    pub fn put(&self, name: &str, library: &Path, manifest: &str) {
        std::fs::copy(library, self.plugins().join(format!("lib{name}.so"))).expect("copied");
        std::fs::write(self.plugins().join(format!("{name}.toml")), manifest).expect("written");
    }

    /// Takes a plugin out.
    ///
    /// # Panics
    /// When it is not there.
    pub fn remove(&self, name: &str) {
        for file in [format!("lib{name}.so"), format!("{name}.toml")] {
            std::fs::remove_file(self.plugins().join(file)).expect("removed");
        }
    }

    /// Puts `built` in as `name`; `turn` only makes another file of it.
    ///
    /// # Panics
    /// When it cannot.
    pub fn let_in(&self, name: &str, built: &Built, turn: u64) {
        let mut bytes = std::fs::read(&built.library).expect("built");
        bytes.extend(turn.to_le_bytes());
        let library = self.folder.path().join("next.so");
        std::fs::write(&library, bytes).expect("written");
        self.put(name, &library, &zoo_manifest(&built.id, built.needs, &library));
    }

    /// Whether `expected` is said of a plugin: in the status, or in the log for what is no plugin at all.
    pub fn is_said(&self, analysis: &Value, name: &str, expected: &str) -> bool {
        is_why(analysis, name, expected) || is_logged(&self.recorder.log(), name, expected)
    }
}

/// Whether `text` contains one of the words of `expected`, `|` between them.
fn fits(text: &str, expected: &str) -> bool {
    expected.split('|').any(|one| text.contains(one))
}

fn is_why(analysis: &Value, name: &str, expected: &str) -> bool {
    fits(line(analysis, name)["why"].as_str().unwrap_or_default(), expected)
}

fn is_logged(log: &str, name: &str, expected: &str) -> bool {
    let subject = format!("\"{name}\"");
    log.lines().any(|l| l.contains(&subject) && fits(l, expected))
}

/// What the status says of a plugin.
pub fn line(analysis: &Value, name: &str) -> Value {
    let all = analysis["plugins"].as_array();
    all.and_then(|all| all.iter().find(|p| p["plugin"] == name)).cloned().unwrap_or_default()
}

/// A plugin's generations that have a process.
pub fn generations(analysis: &Value, name: &str) -> Vec<Value> {
    line(analysis, name)["generations"].as_array().cloned().unwrap_or_default()
}

/// What a plugin's generations counted under `counter`.
pub fn counted(analysis: &Value, name: &str, counter: &str) -> u64 {
    generations(analysis, name).iter().filter_map(|g| g["counters"][counter].as_u64()).sum()
}

/// What the status says of a rule.
pub fn rule(analysis: &Value, id: &str) -> Value {
    let all = analysis["rules"].as_array();
    all.and_then(|all| all.iter().find(|r| r["rule"] == id)).cloned().unwrap_or_default()
}
