//! `nvr replay`: the real perception and the real plugins over a file, as fast as it can; one JSON object an alert.
//!
//! Promises: the same file and rules give the same lines on every run; nothing is dropped or degraded; an alert's
//!   `start_s` is the media time at which it would have been raised; Ctrl-C leaves no process and no file behind.
//! Leaves to others: frames to scenes (`perceive`), what is needed (`orders`), scenes to events (`detectors`), events to
//!   alerts (`nvr_alerts`), lines (`report`).

mod annotate;
mod detectors;
mod feed;
mod gate;
pub(super) mod interrupt;
mod loading;
mod orders;
mod perceive;
mod progress;
mod report;
mod tally;

use super::check;
use crate::args::{Cli, ReplayArgs};
use crate::child::{complain_of, perceive_program, program};
use crate::terminal::complain;
use annotate::Annotation;
use anyhow::{Context, bail};
use detectors::{Answers, Detectors};
use interrupt::Interrupt;
use nvr_base::analysis::Analysed;
use nvr_base::config::{Severity, parse_rules};
use nvr_base::perceive_protocol::{FromPerceive, ReplayOrder, ToPerceive};
use nvr_base::rule::RulesFile;
use nvr_base::text::texts;
use nvr_base::time::Utc;
use perceive::Perceive;
use progress::Progress;
use report::Report;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Longest rules file, bytes.
const RULES_BYTES_MAX: u64 = 1 << 20;

/// Runs it.
pub(crate) fn run(cli: &Cli, args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let interrupt = Interrupt::watch()?;
    match replay(cli, args, &interrupt) {
        // Whatever else went wrong then, this is why.
        _ if interrupt.came() => Ok(ExitCode::from(interrupt::EXIT_CODE)),
        result => result.map(|()| ExitCode::SUCCESS),
    }
}

fn replay(cli: &Cli, args: &ReplayArgs, interrupt: &Interrupt) -> anyhow::Result<()> {
    let rules = read_rules(&args.rules)?;
    let plugins = args.plugins.clone().unwrap_or_else(|| folder("plugins"));
    let models = args.models.clone().unwrap_or_else(|| folder("models"));
    let mut detectors = Detectors::start(&program("nvr-worker"), &plugins, &rules)?;
    let clip = args.clip.canonicalize().with_context(|| format!("cannot open {}", args.clip.display()))?;
    let utf8 = |path: &Path| {
        path.to_str().map(str::to_owned).with_context(|| format!("{}: not a UTF-8 path", path.display()))
    };
    let order = ReplayOrder {
        clip: utf8(&clip)?,
        models: utf8(&models)?,
        detector: args.detector.clone(),
        weather: args.weather,
        camera: detectors.order.clone(),
    };
    let mut annotation = Annotation::start(&args.annotation, &rules, args.weather)?;
    let mut report = Report::new(cli.json, &rules, &detectors.counts);
    let mut progress = Progress::new(cli.json);
    let mut is_judged = false;
    let mut perceive = Perceive::start(&perceive_program(), &order)?;
    loop {
        let (message, ring) = perceive.next(interrupt)?;
        match message {
            FromPerceive::Hello { layers, .. } => complain_of("nvr-perceive", layers),
            FromPerceive::Ring { ring: number, len } => {
                let fd = ring.context("nvr-perceive sent a ring without its memory")?;
                detectors.ring(number, fd.as_fd(), len)?;
            }
            FromPerceive::Analysed(analysed) => {
                if !std::mem::replace(&mut is_judged, true) {
                    let width_px = analysed.picture.0;
                    progress.aside(|| judge(&rules, &mut detectors, width_px));
                }
                let answers = give(&analysed, args.start, &mut detectors, &perceive)?;
                if answers.events.is_empty() {
                    report.take(&answers)?;
                } else {
                    progress.aside(|| report.take(&answers))?;
                }
                if let Some(annotation) = &mut annotation {
                    annotation.frame(&analysed.scene, report.open(), report.counted())?;
                }
                progress.at(analysed.scene.at_us);
            }
            FromPerceive::End(summary) => {
                drop(progress);
                detectors.complain();
                report.end(&summary, args.summary)?;
                return annotation.map_or(Ok(()), |annotation| annotation.finish(&clip, interrupt));
            }
            FromPerceive::Fatal { what } => bail!("{}: {what}", args.clip.display()),
            FromPerceive::Trouble { .. } | FromPerceive::Rates(_) | FromPerceive::Counters(_) => {
                bail!("nvr-perceive said what belongs to no replay")
            }
        }
    }
}

/// One frame: to the plugins; its memory, and what they ask for, back to perception.
fn give(
    analysed: &Analysed,
    start: Option<Utc>,
    detectors: &mut Detectors,
    perceive: &Perceive,
) -> anyhow::Result<Answers> {
    let answers = detectors.offer(analysed, start)?;
    for delivered in &analysed.frames {
        let order = detectors.order.frames.get(usize::from(delivered.order)).context("a frame for nobody")?;
        perceive.tell(&ToPerceive::Release { ring: order.ring, offset: delivered.frame.offset })?;
    }
    for (order, tracks) in &answers.asks {
        perceive.tell(&ToPerceive::Ask { camera: 0, order: *order, tracks: tracks.clone() })?;
    }
    Ok(answers)
}

/// Says which rules have too few pixels a metre, and does not run those that say so themselves.
fn judge(rules: &RulesFile, detectors: &mut Detectors, width_px: u32) {
    for verdict in gate::judge(rules, &detectors.wishes, Some(width_px)) {
        complain(&verdict.sentence);
        if !verdict.is_run {
            detectors.bar(verdict.rule);
        }
    }
}

fn read_rules(path: &Path) -> anyhow::Result<RulesFile> {
    let about = || format!("cannot read rules from {}", path.display());
    if std::fs::metadata(path).with_context(about)?.len() > RULES_BYTES_MAX {
        bail!("{}: longer than {RULES_BYTES_MAX} bytes", path.display());
    }
    let text = std::fs::read_to_string(path).with_context(about)?;
    let (rules, findings) = parse_rules(path, &text);
    let first = findings.iter().find(|f| f.severity() == Severity::Error);
    match (rules, first) {
        (Some(rules), None) => Ok(rules),
        (_, Some(first)) => bail!(check::sentence(first, texts())),
        (None, None) => bail!("{}: no rules", path.display()),
    }
}

/// A folder of the installation: beside this program or one above, else under `/usr/lib/nvr`.
pub(super) fn folder(name: &str) -> PathBuf {
    let me = std::env::current_exe().ok();
    let near = me.iter().flat_map(|me| me.ancestors().skip(1).take(2)).map(|above| above.join(name));
    near.into_iter().find(|path| path.is_dir()).unwrap_or_else(|| Path::new("/usr/lib/nvr").join(name))
}
