//! `nvr bench record`: what recording costs on this machine.
//!
//! Promises: measures the real `nvr serve` as its own process, with its checksums, flushes and index on; the fake
//! cameras are another process, so their cost is not counted. Leaves nothing behind.
//! Leaves to others: starting and asking (`bench`), comparing with other recorders (`tests/bench`).

use super::process::Usage;
use super::{ask, fake_cameras, gaps, pass, serve, wait_live};
use crate::args::{BenchRecordArgs, Cli, PacingArg};
use crate::terminal::{Bar, print_json, print_line};
use anyhow::Context;
use nvr_base::text::{Arg, text};
use nvr_gateway::Command;
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What passes before measuring begins: connections are made, buffers have grown.
const WARM_UP: Duration = Duration::from_secs(5);

/// Runs it.
pub(crate) fn run(cli: &Cli, args: &BenchRecordArgs) -> anyhow::Result<ExitCode> {
    let folder = tempfile::Builder::new()
        .prefix("nvr-bench.")
        .tempdir_in(&args.dir)
        .context("making a folder for the footage")?;
    let pacing = match args.pacing {
        PacingArg::Frame => "frame",
        PacingArg::Packet => "packet",
    };
    let kbps = args.kbps.to_string();
    let (cameras, port) = fake_cameras(args.cameras, &["--pacing", pacing, "--bitrate-kbps", &kbps])?;
    let mut serve = serve(folder.path(), &configuration(folder.path(), args.cameras, port))?;
    let socket = folder.path().join("nvr.sock");
    let mut bar = Bar::new("bench", false, cli.json);
    wait_live(&mut serve, &socket, args.cameras)?;
    pass(WARM_UP, &mut bar)?;

    let before = Look::at(serve.id(), &socket)?;
    pass(Duration::from_secs(args.seconds.into()), &mut bar)?;
    let after = Look::at(serve.id(), &socket)?;
    let gaps = gaps(&socket, args.cameras)?;
    drop(bar);
    drop(serve);
    drop(cameras);

    let camera_s = f64::from(args.cameras) * after.when.duration_since(before.when).as_secs_f64();
    let payload = (after.payload - before.payload) as f64;
    let written = (after.usage.written - before.usage.written) as f64;
    let round = |x: f64, digits: i32| (x * 10f64.powi(digits)).round() / 10f64.powi(digits);
    let result = json!({
        "cpu_ms_per_camera_s": round(1000.0 * (after.usage.cpu_s - before.usage.cpu_s) / camera_s, 4),
        "rss_mb_per_camera": round(after.usage.rss_mb / f64::from(args.cameras), 3),
        "threads": after.usage.threads,
        "written_over_payload": round(written / payload - 1.0, 6),
        "gaps": gaps,
        "kbit_s_per_camera": round(payload * 8.0 / 1000.0 / camera_s, 1),
        "context_switches_per_camera_s": round((after.usage.switches - before.usage.switches) as f64 / camera_s, 2),
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

/// What recording has cost so far, and brought.
struct Look {
    when: Instant,
    usage: Usage,
    payload: u64,
}

impl Look {
    fn at(pid: u32, socket: &Path) -> anyhow::Result<Self> {
        let status = ask(socket, Command::Status {})?;
        let cameras = status["cameras"].as_array().cloned().unwrap_or_default();
        let payload = cameras.iter().filter_map(|c| c["received_bytes"].as_u64()).sum();
        Ok(Self { when: Instant::now(), usage: Usage::of(pid)?, payload })
    }
}
