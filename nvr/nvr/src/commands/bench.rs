//! `nvr bench record`: what recording costs on this machine.
//!
//! Promises: measures the real `nvr serve` as its own process, with its checksums, flushes and index on; the fake
//! cameras are another process, so their cost is not counted. Leaves nothing behind.
//! Leaves to others: comparing with other recorders (`tests/bench`).

use crate::args::{BenchRecordArgs, Cli, PacingArg};
use crate::terminal::{Bar, print_json, print_line};
use anyhow::{Context, bail};
use nvr_base::text::{Arg, text};
use nvr_gateway::{Client, Command, ReplySink};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// How long cameras and recorder may take to be ready.
const READY_WAIT_MAX: Duration = Duration::from_secs(60);
/// What passes before measuring begins: connections are made, buffers have grown.
const WARM_UP: Duration = Duration::from_secs(5);

/// A child that ends with us.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.0.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.0.wait();
    }
}

/// Runs it.
pub(crate) fn run(cli: &Cli, args: &BenchRecordArgs) -> anyhow::Result<ExitCode> {
    let folder = tempfile::Builder::new()
        .prefix("nvr-bench.")
        .tempdir_in(&args.dir)
        .context("making a folder for the footage")?;
    let (cameras, port) = cameras(args)?;
    let file = folder.path().join("nvr.toml");
    std::fs::write(&file, configuration(folder.path(), args.cameras, port))
        .context("writing the configuration")?;
    let serve = std::process::Command::new(std::env::current_exe()?)
        .args(["serve", "--config"])
        .arg(&file)
        .env("NVR_LOG", "warn")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("starting nvr serve")?;
    let serve = Ended(serve);
    let socket = folder.path().join("nvr.sock");
    let mut bar = Bar::new("bench", false, cli.json);
    wait_live(&socket, args.cameras)?;
    pass(WARM_UP, &mut bar)?;

    let before = Look::at(serve.0.id(), &socket)?;
    pass(Duration::from_secs(args.seconds.into()), &mut bar)?;
    let after = Look::at(serve.0.id(), &socket)?;
    let gaps = gaps(&socket, args.cameras)?;
    drop(bar);
    drop(serve);
    drop(cameras);

    let camera_s = f64::from(args.cameras) * after.when.duration_since(before.when).as_secs_f64();
    let payload = (after.payload - before.payload) as f64;
    let written = (after.written - before.written) as f64;
    let round = |x: f64, digits: i32| (x * 10f64.powi(digits)).round() / 10f64.powi(digits);
    let result = json!({
        "cpu_ms_per_camera_s": round(1000.0 * (after.cpu_s - before.cpu_s) / camera_s, 4),
        "rss_mb_per_camera": round(after.rss_mb / f64::from(args.cameras), 3),
        "threads": after.threads,
        "written_over_payload": round(written / payload - 1.0, 6),
        "gaps": gaps,
        "kbit_s_per_camera": round(payload * 8.0 / 1000.0 / camera_s, 1),
        "context_switches_per_camera_s": round((after.switches - before.switches) as f64 / camera_s, 2),
        "cameras": args.cameras,
        "seconds": args.seconds,
    });
    if cli.json {
        print_json(&result)?;
    } else {
        let shown = ["cpu_ms_per_camera_s", "rss_mb_per_camera", "threads", "written_over_payload", "gaps"];
        for name in shown {
            let value = Arg::from(result[name].to_string());
            print_line(&text(&format!("bench-{}", name.replace('_', "-")), &[("value", value)]))?;
        }
    }
    Ok(if gaps == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Starts the fake cameras and waits until they say where they are.
fn cameras(args: &BenchRecordArgs) -> anyhow::Result<(Ended, u16)> {
    let pacing = match args.pacing {
        PacingArg::Frame => "frame",
        PacingArg::Packet => "packet",
    };
    let mut child = std::process::Command::new(std::env::current_exe()?)
        .args(["testcam", "--port", "0", "--pacing", pacing])
        .args(["--bitrate-kbps", &args.kbps.to_string(), "--count", &args.cameras.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("starting the fake cameras")?;
    let out = child.stdout.take().context("the fake cameras' output")?;
    let child = Ended(child);
    for line in BufReader::new(out).lines() {
        let line = line?;
        let port =
            line.split("rtsp://127.0.0.1:").nth(1).and_then(|rest| rest.split('/').next()?.parse().ok());
        if let Some(port) = port {
            return Ok((child, port));
        }
    }
    bail!("the fake cameras ended before they were ready")
}

fn configuration(folder: &Path, cameras: u32, port: u16) -> String {
    let folder = folder.display();
    let mut toml = format!(
        "[storage]\npath = \"{folder}/store\"\nkeep_free_percent = 0\n[server]\nsocket = \"{folder}/nvr.sock\"\n"
    );
    for n in 0..cameras {
        toml += &format!("[[camera]]\nid = \"cam{n}\"\nurl = \"rtsp://127.0.0.1:{port}/cam{n}\"\n");
    }
    toml
}

fn ask(socket: &Path, command: Command) -> anyhow::Result<serde_json::Value> {
    Ok(Client::connect(socket)?.ask(command, &mut Bar::new("", false, true))?)
}

fn wait_live(socket: &Path, cameras: u32) -> anyhow::Result<()> {
    let deadline = Instant::now() + READY_WAIT_MAX;
    loop {
        let live = ask(socket, Command::Status {}).ok().map_or(0, |status| {
            let cameras = status["cameras"].as_array().cloned().unwrap_or_default();
            cameras.iter().filter(|c| c["state"] == "live").count()
        });
        if live == cameras as usize {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("only {live} of {cameras} cameras were live after {} s", READY_WAIT_MAX.as_secs());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn pass(time: Duration, bar: &mut Bar) -> anyhow::Result<()> {
    let start = Instant::now();
    while start.elapsed() < time {
        std::thread::sleep(Duration::from_millis(200).min(time.saturating_sub(start.elapsed())));
        bar.progress(start.elapsed().as_millis() as u64, time.as_millis() as u64)?;
    }
    Ok(())
}

fn gaps(socket: &Path, cameras: u32) -> anyhow::Result<u64> {
    let mut gaps = 0;
    for n in 0..cameras {
        let camera = format!("cam{n}").parse()?;
        let stream = nvr_base::StreamKind::Main;
        let timeline = ask(socket, Command::Timeline { camera, stream, from: None, to: None })?;
        gaps += timeline["gaps"].as_array().map_or(0, Vec::len) as u64;
    }
    Ok(gaps)
}

/// What the process has cost so far.
struct Look {
    when: Instant,
    cpu_s: f64,
    rss_mb: f64,
    threads: u64,
    written: u64,
    payload: u64,
    switches: u64,
}

impl Look {
    fn at(pid: u32, socket: &Path) -> anyhow::Result<Self> {
        let status = ask(socket, Command::Status {})?;
        let cameras = status["cameras"].as_array().cloned().unwrap_or_default();
        let payload = cameras.iter().filter_map(|c| c["received_bytes"].as_u64()).sum();
        let proc = |name: &str| {
            std::fs::read_to_string(format!("/proc/{pid}/{name}"))
                .with_context(|| format!("reading /proc/{pid}/{name}"))
        };
        let stat = proc("stat")?;
        let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |n: usize| fields.get(n).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|l| l.starts_with(name)).unwrap_or_default();
            line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0)
        };
        let (state, io) = (proc("status")?, proc("io")?);
        let mut switches = 0;
        for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
            let text = std::fs::read_to_string(task?.path().join("status")).unwrap_or_default();
            switches += field(&text, "voluntary_ctxt_switches") + field(&text, "nonvoluntary_ctxt_switches");
        }
        Ok(Self {
            when: Instant::now(),
            cpu_s: (ticks(11) + ticks(12)) / rustix::param::clock_ticks_per_second() as f64,
            rss_mb: field(&state, "VmRSS:") as f64 / 1024.0,
            threads: field(&state, "Threads:"),
            written: field(&io, "wchar:"),
            payload,
            switches,
        })
    }
}
