//! `nvr bench analyse`: how much analysis this machine can do while it records, how late its events are, what it costs.
//!
//! Promises: the real `nvr serve`, `nvr-perceive` and workers, each a process of its own, with one rule a plugin and
//! camera; real footage as sub-streams, part of the cameras without people; nothing is left behind.
//! Leaves to others: what a detector finds (`nvr replay`), recording alone (`record`).

mod footage;
mod report;
mod site;

use super::process::{Usage, children};
use super::rules::situations;
use super::{READY_WAIT_MAX, ask, fake_cameras, gaps, pass, serve, wait_live};
use crate::args::{BenchAnalyseArgs, Cli};
use crate::commands::replay::folder;
use crate::terminal::{Bar, complain, print_json, print_line};
use anyhow::{Context, bail};
use footage::Footage;
use nvr_base::rule::RULES_MAX;
use nvr_base::text::{Arg, text};
use nvr_gateway::Command;
use report::{Analysis, Look, Process};
use site::{Site, Stand};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Runs it.
pub(crate) fn run(cli: &Cli, args: &BenchAnalyseArgs) -> anyhow::Result<ExitCode> {
    let plugins = args.plugins.clone().unwrap_or_else(|| folder("plugins"));
    let models = args.models.clone().unwrap_or_else(|| folder("models"));
    let (plugins, models) = (whole(&plugins)?, whole(&models)?);
    let situations = situations(&plugins)?;
    if situations.len().saturating_mul(args.cameras as usize) > RULES_MAX {
        bail!("more than {RULES_MAX} rules: measure fewer cameras, or a folder with fewer plugins");
    }
    let folder = tempfile::Builder::new()
        .prefix("nvr-bench.")
        .tempdir_in(&args.dir)
        .context("making a folder for the footage")?;
    let footage = Footage::make(args.footage.as_deref(), folder.path())?;

    let quiet = ((f64::from(args.cameras) * args.quiet_share).round() as u32).min(args.cameras);
    let mut running = Vec::new();
    let mut stands = Vec::new();
    for (count, film) in [(args.cameras - quiet, &footage.busy), (quiet, &footage.quiet)] {
        if count > 0 {
            let (cameras, port) = start(count, film, args)?;
            running.push(cameras);
            stands.push(Stand { count, port });
        }
    }
    let site = Site {
        folder: folder.path(),
        plugins: &plugins,
        models: &models,
        detector: args.detector.as_deref(),
        situations: &situations,
        stands: &stands,
        records: !args.no_record,
    };
    let mut serve = serve(folder.path(), &site.to_toml())?;
    let socket = folder.path().join("nvr.sock");
    let mut bar = Bar::new("bench", false, cli.json);
    wait_live(&mut serve, &socket, args.cameras)?;
    wait_watched(&socket, situations.len().saturating_mul(args.cameras as usize))?;
    pass(Duration::from_secs(args.settle_s.into()), &mut bar)?;
    let before = look(serve.id(), &socket)?;
    pass(Duration::from_secs(args.seconds.into()), &mut bar)?;
    let after = look(serve.id(), &socket)?;
    let gaps = gaps(&socket, args.cameras)?;
    drop(bar);
    drop(serve);
    drop(running);

    let mut result = report::report(&before, &after, args.cameras);
    result["gaps"] = gaps.into();
    result["cameras_without_people"] = quiet.into();
    result["rules"] = situations.len().saturating_mul(args.cameras as usize).into();
    result["plugins"] = situations.iter().map(|s| s.as_str()).collect::<Vec<_>>().into();
    result["recording"] = (!args.no_record).into();
    if cli.json {
        print_json(&result)?;
    } else {
        for (name, value) in report::lines(&result) {
            let words = [("name", Arg::from(name)), ("value", Arg::from(value))];
            print_line(&text("bench-figure", &words))?;
        }
    }
    Ok(if gaps == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn whole(folder: &Path) -> anyhow::Result<std::path::PathBuf> {
    folder.canonicalize().with_context(|| format!("no folder {}; name one", folder.display()))
}

/// Fake cameras that play `film` as sub-stream, or as all they have.
fn start(count: u32, film: &Path, args: &BenchAnalyseArgs) -> anyhow::Result<(super::Ended, u16)> {
    let film = film.to_str().context("a folder whose name is UTF-8 is needed; choose one with --dir")?;
    let kbps = args.kbps.to_string();
    match args.no_record {
        true => fake_cameras(count, &["--file", film]),
        false => fake_cameras(count, &["--bitrate-kbps", &kbps, "--sub", film]),
    }
}

/// Waits until every rule is watched, as long as cameras may take; with fewer it is measured all the same, and said.
fn wait_watched(socket: &Path, rules: usize) -> anyhow::Result<()> {
    let deadline = Instant::now() + READY_WAIT_MAX;
    loop {
        let analysis = Analysis::of(&ask(socket, Command::Status {})?)?;
        let watched = analysis.watched();
        if watched >= rules {
            return Ok(());
        }
        if Instant::now() > deadline {
            let why = analysis.why().map_or(String::new(), |why| format!(": {why}"));
            complain(&format!("only {watched} of {rules} rules are watched{why}"));
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn look(serve: u32, socket: &Path) -> anyhow::Result<Look> {
    let status = ask(socket, Command::Status {})?;
    let analysis = Analysis::of(&status)?;
    let usage = Usage::of(serve)?;
    let own = ("nvr".to_owned(), usage.cpu_s, usage.rss_mb);
    let all = children(serve)?.into_iter().chain([(serve, own)]);
    let process = |(pid, (program, cpu_s, rss_mb))| (pid, Process { program, cpu_s, rss_mb });
    Ok(Look { when: Instant::now(), processes: all.map(process).collect(), analysis })
}
