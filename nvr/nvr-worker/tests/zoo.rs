//! The zoo: plugins that misbehave, each built from a few lines of C, loaded through host and worker as in production.
//!
//! Promises: for every one the reason that people are shown. Leaves to others: that recording does not notice
//! (`tests/`).

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that cannot go on fails

use nvr_plugins::manifest::{Manifest, Regime};
use nvr_plugins::protocol::{FrameFormat, FrameRef, Input, Phase};
use nvr_plugins::signature::Trust;
use nvr_plugins::staging::{hash_of, stage};
use nvr_plugins::worker::{Launch, Offered, Said, Worker};
use nvr_plugins::{selftest, staging::Copy};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A worker of the tests: sanely small, so that the leak is quick.
const MEMORY_BYTES_MAX: u64 = 128 << 20;

fn build(name: &str, folder: &Path) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = folder.join("libzoo.so");
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-w", "-o"])
        .arg(&out)
        .arg(here.join("tests/zoo").join(format!("{name}.c")))
        .arg("-I")
        .arg(here.join("../../plugin-api/include"))
        .status()
        .expect("a C compiler");
    assert!(status.success(), "{name} does not build");
    out
}

struct Zoo {
    _folders: (tempfile::TempDir, tempfile::TempDir),
    copy: Copy,
    manifest: Manifest,
}

/// Builds a plugin, lets `change` spoil the file, and stages it.
fn staged(name: &str, change: impl FnOnce(&Path)) -> Zoo {
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let library = build(name, folders.0.path());
    change(&library);
    let sha256 = hash_of(&std::fs::read(&library).unwrap());
    let manifest = Manifest {
        id: "zone-entry".into(),
        version: "1.0.0".into(),
        abi: "0.1".into(),
        situation: "zone-entry".into(),
        needs: vec!["tracks".into()],
        event_types: vec!["zone-entry".into()],
        regime: Regime::EventEight,
        sha256,
        author: String::new(),
    };
    let trust = Trust::new(&[], true).unwrap();
    let copy = stage(folders.0.path(), "zoo", sha256, None, &trust, folders.1.path()).unwrap();
    Zoo { _folders: folders, copy, manifest }
}

fn launch(zoo: &Zoo) -> Launch {
    let program = env!("CARGO_BIN_EXE_nvr-worker").into();
    Launch { program, library: zoo.copy.path.clone(), memory_bytes_max: MEMORY_BYTES_MAX }
}

fn check_changed(name: &str, change: impl FnOnce(&Path), expected: &str) {
    let zoo = staged(name, change);
    let got = match selftest::run(&launch(&zoo), &zoo.manifest) {
        Ok(worker) => match worker.stop() {
            (_, None) => "passes".to_owned(),
            (_, Some(ended)) => format!("passes, then {ended}"),
        },
        Err(why) => why,
    };
    assert!(got.contains(expected), "{name}: {got}");
}

fn check(name: &str, expected: &str) {
    check_changed(name, |_| {}, expected);
}

#[test]
fn good_ones_pass() {
    check("good", "passes");
    check("exit_bomb", "passes");
}

#[test]
fn crashes_are_named() {
    check(
        "abort",
        "it crashed: SIGABRT, it gave up (a panic, an assertion): thread 'main' panicked at rule.rs:7:1: no zone",
    );
    check("segfault", "it crashed: SIGSEGV, it used memory that is not its own");
    check("stack", "it crashed: SIGSEGV");
    check("bomb", "it crashed: SIGABRT");
    check("exit", "it ended itself with exit code 0");
    check("leak", "it reached its memory limit of 128 MiB (SIGSEGV)");
}

#[test]
fn hangs_are_ended() {
    check("hang", "it hung: no answer for 2000 ms");
    check("hang_load", "it was not ready after 5 s");
    check("hang_stop", "it hung: no answer for 2000 ms");
}

#[test]
fn what_is_forbidden_is_named() {
    check("fork", "it was ended for a system call that no plugin may make: clone (a process or thread)");
    // libc holds all signals back while it makes a thread, so there is no telling which call it was.
    check("thread", "it crashed: SIGSYS, it made a system call that no plugin may make");
    check("exec", "that no plugin may make: execve (a program)");
    check("socket", "that no plugin may make: socket");
    check("socket_load", "that no plugin may make: socket, while it was loaded");
    check("ptrace", "that no plugin may make: ptrace");
    check("kill", "that no plugin may make: kill");
    check("open", "it tried what the sandbox refuses: openat (a file)");
    check("exec_memory", "it tried what the sandbox refuses: mmap (executable memory)");
    // While it loads, landlock alone refuses files: with an error, and nothing to tell.
    check("open_load", "passes");
}

#[test]
fn lies_are_found() {
    check("other_abi", "it was built for ABI 7.1, this host speaks 0.1");
    check("lies", "its entry lacks a function");
    check("no_entry", "it exports no `nvr_plugin_entry`");
    check("other_id", "its manifest says id `zone-entry`, the library `fire`");
    check("other_types", "its manifest says event_types `zone-entry`, the library `fire`");
    check("no_type", "declares event type 4711, which is not on the closed list");
    check("flood", "it floods: 100000 emits of one call were refused");
    check("undeclared", "it emitted undeclared types");
    check("forge", "it breaks the protocol");
    check("last_words", "it goes on after its last words");
}

#[test]
fn what_is_no_library_is_not_loaded() {
    let cut =
        |to: u64| move |p: &Path| std::fs::File::options().write(true).open(p).unwrap().set_len(to).unwrap();
    check_changed("good", cut(0), "it cannot be loaded");
    check_changed("good", cut(100), "it cannot be loaded");
    check_changed("good", cut(5000), "while it was loaded");
    check_changed("good", |p| std::fs::write(p, b"#!/bin/sh\n").unwrap(), "it cannot be loaded");
}

/// A worker in service, one instance made.
fn serving(zoo: &Zoo) -> Worker {
    let mut worker = Worker::start(&launch(zoo)).unwrap();
    worker.create(1, r#"{"id":"r","situation":"zone-entry"}"#).unwrap();
    let said = worker.pump(Duration::from_secs(5)).unwrap();
    assert!(matches!(said.as_slice(), [Said::Created(1, _)]), "{said:?}");
    worker
}

fn input(sequence: u64) -> Input {
    let mut input = Input { instance: 1, sequence, ..Input::default() };
    input.scene.at_us = i64::try_from(sequence).unwrap() * 200_000;
    input
}

#[test]
fn a_good_plugin_says_its_event_and_every_layer_is_reported() {
    let zoo = staged("good", |_| {});
    let mut worker = serving(&zoo);
    let kinds: Vec<String> = worker.layers().iter().map(|l| format!("{:?}", l.kind)).collect();
    assert_eq!(kinds, ["NoNewPrivs", "Network", "Limits", "Files", "Syscalls"]);
    let mut phases = Vec::new();
    for n in 0..4 {
        for said in worker.process(input(n)).unwrap() {
            if let Said::Event(1, sequence, event) = said {
                phases.push((sequence, event.phase));
            }
        }
    }
    assert_eq!(phases, [(0, Phase::Begin), (2, Phase::End)]);
    assert_eq!(worker.stop(), (vec![Said::Destroyed(1)], None));
}

#[test]
fn a_busy_instance_drops_and_counts() {
    let zoo = staged("hang", |_| {});
    let mut worker = serving(&zoo);
    assert_eq!(worker.offer(input(0)).unwrap(), Offered::Sent);
    assert_eq!(worker.offer(input(1)).unwrap(), Offered::Busy);
    assert_eq!(worker.counters().dropped, 1);
    let ended = loop {
        if let Err(ended) = worker.pump(Duration::from_secs(5)) {
            break ended;
        }
    };
    assert!(ended.0.contains("it hung"), "{ended}");
}

#[test]
fn what_an_open_event_began_is_ended_at_the_stop() {
    let zoo = staged("exit_bomb", |_| {});
    let mut worker = serving(&zoo);
    worker.offer(input(0)).unwrap();
    while worker.is_busy() {
        worker.pump(Duration::from_secs(5)).unwrap();
    }
    let (said, ended) = worker.stop();
    assert!(
        matches!(said.as_slice(), [Said::Event(1, 0, e), Said::Destroyed(1)] if e.phase == Phase::End),
        "{said:?}"
    );
    assert_eq!(ended, None);
}

/// A ring of one gray frame, sealed as perception seals it.
fn ring() -> (std::os::fd::OwnedFd, FrameRef) {
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
    let fd = memfd_create("ring", MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC).unwrap();
    ftruncate(&fd, 4096).unwrap();
    rustix::io::pwrite(&fd, &[7; 4096], 0).unwrap();
    fcntl_add_seals(&fd, SealFlags::GROW | SealFlags::SHRINK | SealFlags::FUTURE_WRITE).unwrap();
    (fd, FrameRef { format: FrameFormat::Gray8, offset: 0, width: 64, height: 64, stride: 64 })
}

/// One input with a frame: what is said of it, or why the worker ended.
fn with_frame(name: &str) -> String {
    use std::os::fd::AsFd;
    let zoo = staged(name, |_| {});
    let mut worker = serving(&zoo);
    let (fd, frame) = ring();
    worker.ring(fd.as_fd(), 4096).unwrap();
    worker.offer(Input { frames: vec![frame], ..input(0) }).unwrap();
    let mut all = Vec::new();
    loop {
        match worker.pump(Duration::from_secs(5)) {
            Ok(said) => all.extend(said),
            Err(ended) => return ended.0,
        }
        if !worker.is_busy() {
            return format!("{all:?}");
        }
    }
}

#[test]
fn frames_are_read_and_not_written() {
    let read = with_frame("frame_read");
    assert!(read.contains("measured: 7.0"), "{read}");
    let written = with_frame("frame_write");
    assert!(written.contains("it crashed: SIGSEGV"), "{written}");
    let remapped = with_frame("frame_remap");
    assert!(remapped.contains("Denied") || remapped.contains("SIGSEGV"), "{remapped}");
}
