//! `nvr replay`: the real perception and the real plugins over a file, as fast as it can; one JSON object an alert.
//!
//! Promises: the same file and rules give the same lines on every run; nothing is dropped or degraded; an alert's
//!   `start_s` is the media time at which it would have been raised.
//! Leaves to others: frames to scenes (`perceive`), scenes to events (`detectors`), events to alerts (`nvr_alerts`).

mod detectors;
mod perceive;
mod tally;

use super::check;
use crate::args::{Cli, ReplayArgs};
use crate::terminal::{complain, print_json, print_line};
use anyhow::{Context, bail};
use detectors::{Answers, Detectors};
use nvr_alerts::raise::{Alert, Event, Outcome, Phase, Raiser};
use nvr_base::analysis::{CameraOrder, FPS_MAX};
use nvr_base::config::{Severity, parse_rules};
use nvr_base::media_protocol::LayerState;
use nvr_base::perceive_protocol::{FromPerceive, ReplayOrder, ReplaySummary};
use nvr_base::rule::RulesFile;
use nvr_base::text::texts;
use nvr_plugins::protocol;
use perceive::Perceive;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tally::Tally;

/// Longest rules file, bytes.
const RULES_BYTES_MAX: u64 = 1 << 20;

/// Runs it.
pub(crate) fn run(cli: &Cli, args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let rules = read_rules(&args.rules)?;
    let plugins = args.plugins.clone().unwrap_or_else(|| folder("plugins"));
    let models = args.models.clone().unwrap_or_else(|| folder("models"));
    let mut detectors = Detectors::start(&program("nvr-worker"), &plugins, &rules.rules)?;
    let clip = args.clip.canonicalize().with_context(|| format!("cannot open {}", args.clip.display()))?;
    let utf8 = |path: &Path| {
        path.to_str().map(str::to_owned).with_context(|| format!("{}: not a UTF-8 path", path.display()))
    };
    let order = ReplayOrder {
        clip: utf8(&clip)?,
        models: utf8(&models)?,
        detector: args.detector.clone(),
        camera: CameraOrder {
            fps: detectors.fps.min(FPS_MAX),
            masks: rules.camera.masks.clone(),
            ..CameraOrder::default()
        },
    };
    let mut report = Report::new(cli.json, &rules, &detectors.counts);
    let mut perceive = Perceive::start(&program("nvr-perceive"), &order)?;
    let start_us = args.start.map_or(0, |start| start.0);
    loop {
        match perceive.next()? {
            FromPerceive::Hello { layers, .. } => {
                for layer in layers {
                    if let LayerState::Unavailable(why) = layer.state {
                        complain(&format!("the sandbox of nvr-perceive lacks {:?}: {why}", layer.kind));
                    }
                }
            }
            FromPerceive::Analysed(of) => {
                let wall_us = start_us + of.scene.at_us;
                let answers = detectors.offer(of.sequence, of.picture, wall_us, &of.scene)?;
                report.take(&answers)?;
            }
            FromPerceive::End(summary) => {
                report.end(&summary)?;
                return Ok(ExitCode::SUCCESS);
            }
            FromPerceive::Fatal { what } => bail!("{}: {what}", args.clip.display()),
            FromPerceive::Ring { .. }
            | FromPerceive::Trouble { .. }
            | FromPerceive::Rates(_)
            | FromPerceive::Counters(_) => bail!("nvr-perceive said what belongs to no replay"),
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

/// A child program: beside this one, else by `PATH`.
pub(super) fn program(name: &str) -> PathBuf {
    let beside = std::env::current_exe().ok().and_then(|me| Some(me.parent()?.join(name)));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| PathBuf::from(name))
}

/// A folder of the installation: beside this program or one above, else under `/usr/lib/nvr`.
pub(super) fn folder(name: &str) -> PathBuf {
    let me = std::env::current_exe().ok();
    let near = me.iter().flat_map(|me| me.ancestors().skip(1).take(2)).map(|above| above.join(name));
    near.into_iter().find(|path| path.is_dir()).unwrap_or_else(|| Path::new("/usr/lib/nvr").join(name))
}

/// What is printed.
struct Report<'a> {
    json: bool,
    rules: &'a RulesFile,
    raisers: Vec<Raiser>,
    tallies: BTreeMap<usize, Tally>,
}

impl<'a> Report<'a> {
    fn new(json: bool, rules: &'a RulesFile, counts: &[bool]) -> Self {
        let raisers = rules.rules.iter().map(|rule| Raiser::new(rule.rearm_s)).collect();
        let counting = rules.rules.iter().enumerate().filter(|(n, _)| counts.get(*n) == Some(&true));
        let tallies = counting.map(|(n, rule)| (n, Tally::new(rule.classes.as_deref()))).collect();
        Self { json, rules, raisers, tallies }
    }

    /// Alerts are printed when they are over, or at the end.
    fn take(&mut self, answers: &Answers) -> anyhow::Result<()> {
        for (number, event) in &answers.events {
            let Some(raiser) = self.raisers.get_mut(*number) else { continue };
            if let Outcome::Ended(alert) = raiser.step(&said(event)) {
                self.alert(*number, &alert)?;
            }
        }
        for (number, sample) in &answers.samples {
            if let Some(tally) = self.tallies.get_mut(number) {
                tally.add(sample);
            }
        }
        Ok(())
    }

    fn end(&mut self, summary: &ReplaySummary) -> anyhow::Result<()> {
        let open: Vec<(usize, Alert)> =
            self.raisers.iter().enumerate().flat_map(|(n, r)| r.open().map(move |a| (n, *a))).collect();
        for (number, alert) in open {
            self.alert(number, &alert)?;
        }
        for (number, tally) in &self.tallies {
            self.line(*number, json!({"tally": tally.to_json()}), &tally.to_string())?;
        }
        if !self.json {
            let [decode, scale, detect, track] = summary.stages_us.map(|us| us / 1000);
            print_line(&format!(
                "{} of {} frames analysed, {} s; decoding {decode} ms, scaling {scale} ms, detecting {detect} ms, tracking {track} ms",
                summary.analysed,
                summary.frames,
                seconds(summary.last_us),
            ))?;
        }
        Ok(())
    }

    fn alert(&self, number: usize, alert: &Alert) -> anyhow::Result<()> {
        let place = alert.rect.to_array().map(|n| (f64::from(n) * 1e4).round() / 1e4);
        let (start_s, end_s) = (seconds(alert.start_us), alert.end_us.map(seconds));
        let value = json!({
            "start_s": start_s, "end_s": end_s, "box": place, "score": rounded(alert.score),
            "measured": rounded(alert.measured.0), "threshold": rounded(alert.measured.1),
        });
        let until = end_s.map_or("the end".to_owned(), |s| format!("{s} s"));
        self.line(number, value, &format!("{start_s} s to {until}, score {:.2}", alert.score))
    }

    fn line(&self, number: usize, value: Value, words: &str) -> anyhow::Result<()> {
        let Some(rule) = self.rules.rules.get(number) else { return Ok(()) };
        if !self.json {
            return print_line(&format!("{}: {words}", rule.id));
        }
        let mut line = json!({"rule": rule.id, "situation": rule.situation.as_str()});
        if let (Some(all), Value::Object(own)) = (line.as_object_mut(), value) {
            all.extend(own);
        }
        print_json(&line)
    }
}

fn seconds(us: i64) -> f64 {
    (us as f64 / 1e3).round() / 1e3
}

fn rounded(value: f32) -> f64 {
    (f64::from(value) * 1e3).round() / 1e3
}

fn said(event: &protocol::Event) -> Event {
    let (phase, at_us) = match event.phase {
        protocol::Phase::Begin => (Phase::Begin, event.start_us),
        protocol::Phase::Update => (Phase::Update, event.start_us),
        protocol::Phase::End => (Phase::End, event.end_us.unwrap_or(event.start_us)),
    };
    let measured = (event.measured, event.threshold);
    Event { object: event.object, phase, at_us, rect: event.rect, score: event.score, measured }
}
