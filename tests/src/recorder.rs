//! A recorder under test: real programs, a store of its own, cameras of its own.
//!
//! Promises: everything started here ends with it, killed if need be; its folder goes with it.
//! Leaves to others: what must hold.

use crate::{binary, wait};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// How long a program may take to be ready, seconds.
const READY_S_MAX: u64 = 60;

/// A program that is killed when it goes out of scope.
#[derive(Debug)]
pub struct Running(pub Child);

impl Running {
    /// `kill -9`, and waits.
    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// SIGTERM, and waits: true when it ended with 0.
    pub fn terminate(&mut self) -> bool {
        if let Some(pid) = rustix::process::Pid::from_raw(self.0.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        self.0.wait().is_ok_and(|status| status.success())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Fake cameras.
#[derive(Debug)]
pub struct Cameras {
    running: Running,
    rest: Option<BufReader<std::process::ChildStdout>>,
    /// Where they listen.
    pub port: u16,
}

impl Cameras {
    /// Starts `nvr testcam` with `args` on a free port.
    ///
    /// # Panics
    /// When it does not say where it listens.
    pub fn start(args: &[&str]) -> Self {
        Self::start_at(0, args)
    }

    /// The same on `port`; 0 is a free one.
    ///
    /// # Panics
    /// When it does not say where it listens.
    pub fn start_at(port: u16, args: &[&str]) -> Self {
        let mut child = Command::new(binary("nvr"))
            .args(["testcam", "--port", &port.to_string()])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("nvr testcam starts");
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        let running = Running(child);
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(out.read_line(&mut line).expect("readable"), 0, "the fake cameras ended: {args:?}");
            let port =
                line.split("rtsp://127.0.0.1:").nth(1).and_then(|rest| rest.split('/').next()?.parse().ok());
            if let Some(port) = port {
                return Self { running, rest: Some(out), port };
            }
        }
    }

    /// Ends them in good order; the totals they print.
    ///
    /// # Panics
    /// When they print none.
    pub fn totals(mut self) -> Value {
        self.running.terminate();
        let mut text = String::new();
        if let Some(mut rest) = self.rest.take() {
            rest.read_to_string(&mut text).expect("readable");
        }
        let json = text.lines().rev().find(|l| l.starts_with('{')).expect("a line of totals");
        serde_json::from_str(json).expect("JSON")
    }
}

/// A store, a configuration and, while it runs, a daemon.
#[derive(Debug)]
pub struct Recorder {
    folder: tempfile::TempDir,
    daemon: Option<Running>,
}

impl Recorder {
    /// A folder with a configuration of `cameras`: id and URL each.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn new(cameras: &[(&str, String)]) -> Self {
        let recorder = Self { folder: tempfile::tempdir().expect("a folder"), daemon: None };
        let list: String =
            cameras.iter().map(|(id, url)| format!("[[camera]]\nid = \"{id}\"\nurl = \"{url}\"\n")).collect();
        recorder.configure(&recorder.storage(), &list);
        recorder
    }

    /// Where the footage goes.
    pub fn storage(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("nvr.toml")
    }

    /// Writes the configuration, as an editor would: under another name, then renamed.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn configure(&self, storage: &Path, cameras: &str) {
        std::fs::create_dir_all(storage).expect("storage folder");
        let socket = self.folder.path().join("nvr.sock");
        let text = format!(
            "[storage]\npath = \"{}\"\nkeep_free_percent = 0\n[server]\nsocket = \"{}\"\n{cameras}",
            storage.display(),
            socket.display()
        );
        let part = self.config().with_extension("part");
        std::fs::write(&part, text).expect("configuration");
        std::fs::rename(part, self.config()).expect("configuration");
    }

    /// Starts the daemon.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(&mut self) {
        self.start_with(&[]);
    }

    /// The same with variables, such as the programs to use as its children.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_with(&mut self, variables: &[(&str, &Path)]) {
        let log = std::fs::File::create(self.folder.path().join("serve.log")).expect("log");
        let child = Command::new(binary("nvr"))
            .args(["serve", "--config"])
            .arg(self.config())
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("nvr serve starts");
        self.daemon = Some(Running(child));
    }

    /// The daemon.
    ///
    /// # Panics
    /// When it was not started.
    pub fn daemon(&mut self) -> &mut Running {
        self.daemon.as_mut().expect("started")
    }

    /// Ends the daemon in good order.
    ///
    /// # Panics
    /// When it does not end with 0.
    pub fn stop(&mut self) {
        let ended = self.daemon.take().is_none_or(|mut d| d.terminate());
        assert!(ended, "nvr serve ended badly: {}", self.log());
    }

    /// What the daemon said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("serve.log")).unwrap_or_default()
    }

    /// Runs a command on this store.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run(&self, args: &[&str]) -> Output {
        Command::new(binary("nvr")).args(args).arg("--config").arg(self.config()).output().expect("nvr runs")
    }

    /// Runs a command with `--json`.
    ///
    /// # Panics
    /// When it prints no JSON.
    pub fn json(&self, args: &[&str]) -> Value {
        let out = self.run(&[args, &["--json"]].concat());
        serde_json::from_slice(&out.stdout).unwrap_or_else(|_| {
            panic!("{args:?}: {} {}\n{}", out.status, String::from_utf8_lossy(&out.stderr), self.log())
        })
    }

    /// The answer of a command with `--json`, when there is one.
    pub fn try_json(&self, args: &[&str]) -> Option<Value> {
        serde_json::from_slice(&self.run(&[args, &["--json"]].concat()).stdout).ok()
    }

    /// The status of one camera, when the daemon answers.
    pub fn camera(&self, id: &str) -> Option<Value> {
        let status = self.try_json(&["status"])?;
        status["cameras"].as_array()?.iter().find(|c| c["id"] == id).cloned()
    }

    /// Waits until `id` is in `state`.
    ///
    /// # Panics
    /// When it does not come to that.
    pub fn wait_state(&self, id: &str, state: &str) -> Value {
        let came = wait::within(READY_S_MAX, || self.camera(id).filter(|c| c["state"] == state));
        came.unwrap_or_else(|| panic!("{id} is not {state}: {:?}; log:\n{}", self.camera(id), self.log()))
    }

    /// Waits until `id` has footage of at least `seconds` in its last span.
    ///
    /// # Panics
    /// When it does not come to that.
    pub fn wait_recorded(&self, id: &str, seconds: f64) {
        let came = wait::within(READY_S_MAX + seconds as u64, || {
            let status = self.camera(id)?;
            let until: nvr_base::Utc = status["last_fragment"].as_str()?.parse().ok()?;
            let timeline = self.try_json(&["timeline", "--camera", id])?;
            let from: nvr_base::Utc = timeline["spans"].as_array()?.last()?["from"].as_str()?.parse().ok()?;
            (until.micros_since(from) as f64 / 1e6 >= seconds).then_some(())
        });
        if came.is_none() {
            let status = String::from_utf8_lossy(&self.run(&["status"]).stderr).into_owned();
            panic!("no {seconds} s of {id}: {:?} {status}; log:\n{}", self.camera(id), self.log());
        }
    }

    /// Every segment file, oldest first.
    pub fn segments(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.storage().join("segments")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found.sort();
        found
    }
}

/// What `ffprobe` says of a file: its complaints, and the packets of the first video stream.
///
/// # Panics
/// When ffprobe is not there.
pub fn probe(file: &Path) -> (String, u64) {
    let out = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-count_packets",
            "-select_streams",
            "v:0",
            "-show_entries",
            "stream=nb_read_packets",
            "-of",
            "csv=p=0",
        ])
        .arg(file)
        .output()
        .expect("ffprobe runs");
    let packets =
        String::from_utf8_lossy(&out.stdout).chars().filter(char::is_ascii_digit).collect::<String>();
    (String::from_utf8_lossy(&out.stderr).into_owned(), packets.parse().unwrap_or(0))
}

/// What `ffmpeg` complains about when it decodes a file.
///
/// # Panics
/// When ffmpeg is not there.
pub fn decode_complaints(file: &Path) -> String {
    let out = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(file)
        .args(["-f", "null", "-"])
        .output()
        .expect("ffmpeg runs");
    String::from_utf8_lossy(&out.stderr).into_owned()
}
