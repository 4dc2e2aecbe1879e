//! `nvr bench`: what this machine can do, measured on the real `nvr serve` with fake cameras.
//!
//! Promises: recorder and cameras are processes of their own and end with this one.
//! Leaves to others: what is measured (`record`, `analyse`), what the kernel counted (`process`).

pub(crate) mod analyse;
mod process;
pub(crate) mod record;
mod rules;
pub(crate) mod weather;

use crate::terminal::Bar;
use anyhow::{Context, bail};
use nvr_gateway::{Client, Command, ReplySink};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// How long cameras and recorder may take to be ready.
const READY_WAIT_MAX: Duration = Duration::from_secs(60);

/// A child that ends with us.
struct Ended(Child);

impl Ended {
    fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.0.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.0.wait();
    }
}

/// Starts `count` fake cameras and waits until they say on which port they are.
fn fake_cameras(count: u32, options: &[&str]) -> anyhow::Result<(Ended, u16)> {
    let mut child = std::process::Command::new(std::env::current_exe()?)
        .args(["testcam", "--port", "0", "--count", &count.to_string()])
        .args(options)
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

/// Starts the recorder on a configuration that is written to `folder`; its socket is `nvr.sock` there.
fn serve(folder: &Path, configuration: &str) -> anyhow::Result<Ended> {
    let file = folder.join("nvr.toml");
    std::fs::write(&file, configuration).context("writing the configuration")?;
    let serve = std::process::Command::new(std::env::current_exe()?)
        .args(["serve", "--config"])
        .arg(&file)
        .env("NVR_LOG", "warn")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("starting nvr serve")?;
    Ok(Ended(serve))
}

/// Asks the recorder.
fn ask(socket: &Path, command: Command) -> anyhow::Result<serde_json::Value> {
    Ok(Client::connect(socket)?.ask(command, &mut Bar::new("", false, true))?)
}

fn wait_live(serve: &mut Ended, socket: &Path, cameras: u32) -> anyhow::Result<()> {
    let deadline = Instant::now() + READY_WAIT_MAX;
    loop {
        let live = ask(socket, Command::Status {}).ok().map_or(0, |status| {
            let cameras = status["cameras"].as_array().cloned().unwrap_or_default();
            cameras.iter().filter(|c| c["state"] == "live").count()
        });
        if live == cameras as usize {
            return Ok(());
        }
        if let Some(status) = serve.0.try_wait()? {
            bail!("nvr serve ended before its cameras were live ({status}); it said why above");
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
