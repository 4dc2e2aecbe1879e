//! What recording costs while every plugin of the zoo misbehaves beside it, and while none does, side by side in one run.
//! `cargo run --release -p nvr-tests --example beside_zoo [CAMERAS [KBPS [SECONDS [ROUNDS]]]]`; default 50 4000 20 3. The
//! last line is one JSON object.
//!
//! Promises: the real `nvr serve`, with the same cameras, rules and good plugin for both contestants, which alternate; one
//!   plugin of the zoo in each situation but the good plugin's, and more that fail their self-test, from before the
//!   measuring begins to its end; whoever was found out makes room for the next and comes again as another file. CPU is
//!   that of the recording process; that of its children (workers, the stand-in for perception) stands apart. Both are
//!   asked for their status alike. The zoo is built before.
//! Leaves to others: judging the figures (`tests/full` puts them into its table), each reason (`tests/zoo_beside.rs`).

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints what it measured")]

use nvr_base::rule::Situation;
use nvr_tests::plugins::perceive;
use nvr_tests::recorder::Cameras;
use nvr_tests::zoo::{Parade, Rig, generations, rule};
use serde_json::{Value, json};
use std::error::Error;
use std::time::{Duration, Instant};

type Res<T> = Result<T, Box<dyn Error>>;

/// Cameras, kbit/s, seconds a round, rounds.
const DEFAULTS: [u32; 4] = [50, 4000, 20, 3];
/// What passes before measuring begins: buffers have grown, the zoo is in the folder.
const WARM_UP: Duration = Duration::from_secs(5);
/// How often the status is asked for, and the zoo looked after.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Plugins that fail their self-test at the same time, beside those in service.
const TESTED_TOGETHER: usize = 6;
/// What the good plugin serves.
const GOOD: &str = "zone-entry";

/// CPU time so far, in clock ticks.
#[derive(Debug, Clone, Copy, Default)]
struct Ticks {
    /// Of the process itself.
    own: u64,
    /// Of all its children and theirs, those that are gone too.
    children: u64,
}

impl Ticks {
    fn of(pid: u32) -> Res<Self> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir("/proc")?.flatten() {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            // Gone since the listing: its parent has its time.
            let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
            // See proc(5): after the name, which may hold anything, parent 2nd, own times 12th and 13th, children's next.
            let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace()).into_iter().flatten();
            let numbers: Vec<u64> = fields.map(|field| field.parse().unwrap_or(0)).collect();
            if let [_, parent, _, _, _, _, _, _, _, _, _, user, system, gone_user, gone_system, ..] =
                numbers[..]
            {
                all.push((u64::from(id), parent, user + system, gone_user + gone_system));
            }
        }
        let mut ticks = Self::default();
        let mut open = vec![u64::from(pid)];
        while let Some(id) = open.pop() {
            let found = all.iter().find(|process| process.0 == id);
            let (_, _, own, gone) = found.ok_or("nvr serve is gone")?;
            if id == u64::from(pid) {
                ticks.own = *own
            } else {
                ticks.children += own
            }
            ticks.children += gone;
            open.extend(all.iter().filter(|process| process.1 == id).map(|process| process.0));
        }
        Ok(ticks)
    }
}

/// One round of one contestant.
#[derive(Debug, Default)]
struct Measured {
    /// Of the recording process and of its children, ms a camera-second.
    own_ms: f64,
    children_ms: f64,
    /// While it was measured.
    let_in: usize,
    found: usize,
    /// Since the round began.
    otherwise: Vec<String>,
    gaps: usize,
    fragments_lost: u64,
    packets_lost: u64,
    good_inputs: u64,
    good_missed: u64,
}

/// Lets the time pass, looks at the status, and keeps the parade going.
fn pass(time: Duration, rig: &Rig, parade: &mut Option<Parade>) {
    let end = Instant::now() + time;
    loop {
        let looked = Instant::now();
        let analysis = rig.analysis();
        if let Some(parade) = parade {
            parade.step(rig, &analysis);
        }
        let next = end.min(looked + LOOK_EVERY);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        if Instant::now() >= end {
            return;
        }
    }
}

fn situations() -> Vec<&'static str> {
    Situation::ALL.iter().map(|(id, _)| *id).filter(|id| *id != GOOD).collect()
}

fn measure([count, _, seconds, _]: [u32; 4], port: u16, mut parade: Option<Parade>) -> Res<Measured> {
    let cameras: Vec<String> = (0..count).map(|n| format!("cam{n}")).collect();
    // Both cameras with rules are analysed without the zoo too.
    let zoo_camera = if count > 1 { "cam1" } else { "cam0" };
    let mut rules = vec![("good", "cam0", GOOD), ("good-too", zoo_camera, GOOD)];
    rules.extend(situations().into_iter().map(|situation| (situation, zoo_camera, situation)));
    let mut rig = Rig::new(port, &cameras, &rules);
    rig.recorder.start_with(&[("NVR_PERCEIVE", &perceive(rig.folder.path()))]);
    for camera in &cameras {
        rig.recorder.wait_state(camera, "live");
    }
    rig.wait("watched", |analysis| rule(analysis, "good")["is_watched"] == true);
    pass(WARM_UP, &rig, &mut parade);

    let pid = rig.recorder.daemon().0.id();
    let counts = |parade: &Option<Parade>| parade.as_ref().map_or((0, 0), |p| (p.let_in, p.found));
    let (begun, before, (let_in, found)) = (Instant::now(), Ticks::of(pid)?, counts(&parade));
    pass(Duration::from_secs(seconds.into()), &rig, &mut parade);
    let (after, camera_s) = (Ticks::of(pid)?, begun.elapsed().as_secs_f64() * f64::from(count));

    let ms = |ticks: u64| 1000.0 * ticks as f64 / rustix::param::clock_ticks_per_second() as f64 / camera_s;
    let after_counts = counts(&parade);
    let mut measured = Measured {
        own_ms: ms(after.own - before.own),
        children_ms: ms(after.children - before.children),
        let_in: after_counts.0 - let_in,
        found: after_counts.1 - found,
        otherwise: parade.map(|p| p.otherwise).unwrap_or_default(),
        ..Measured::default()
    };
    let status = rig.recorder.json(&["status"]);
    for camera in &cameras {
        let timeline = rig.recorder.json(&["timeline", "--camera", camera]);
        let gaps = timeline["gaps"].as_array().ok_or("a timeline without gaps")?;
        for gap in gaps {
            eprintln!("{camera}: {gap}");
        }
        measured.gaps += gaps.len();
        let all = status["cameras"].as_array().ok_or("a status without cameras")?;
        let of = all.iter().find(|c| c["id"] == camera.as_str()).ok_or("a camera without a status")?;
        measured.fragments_lost += of["fragments_lost"].as_u64().ok_or("no fragments_lost")?;
        measured.packets_lost += of["packets_lost"].as_u64().ok_or("no packets_lost")?;
    }
    if generations(&status["analysis"], "good").len() != 1 {
        return Err("the good plugin did not serve all the time".into());
    }
    let tally = &rule(&status["analysis"], "good")["tally"];
    measured.good_inputs = tally["inputs"].as_u64().ok_or("no inputs")?;
    measured.good_missed = tally["missed"].as_u64().ok_or("no missed")?;
    rig.recorder.stop();
    Ok(measured)
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    let at = |n: usize| all.get(n).copied().unwrap_or_default();
    (at(all.len().saturating_sub(1) / 2) + at(all.len() / 2)) / 2.0
}

fn rounded(x: f64) -> f64 {
    (x * 1000.0).round() / 1000.0
}

/// What all rounds of a contestant come to.
fn summary(all: &[Measured]) -> Value {
    let sum = |of: fn(&Measured) -> u64| all.iter().map(of).sum::<u64>();
    let each = |of: fn(&Measured) -> f64| all.iter().map(of).map(rounded).collect::<Vec<_>>();
    json!({
        "cpu_ms_per_camera_s": rounded(median(each(|m| m.own_ms))),
        "rounds_ms": each(|m| m.own_ms),
        "children_cpu_ms_per_camera_s": rounded(median(each(|m| m.children_ms))),
        "gaps": sum(|m| m.gaps as u64),
        "fragments_lost": sum(|m| m.fragments_lost),
        "packets_lost": sum(|m| m.packets_lost),
        "good_inputs": sum(|m| m.good_inputs),
        "good_missed": sum(|m| m.good_missed),
    })
}

fn main() -> Res<()> {
    let mut sizes = DEFAULTS;
    for (n, arg) in std::env::args().skip(1).enumerate() {
        let usage = "usage: beside_zoo [CAMERAS [KBPS [SECONDS [ROUNDS]]]]";
        *sizes.get_mut(n).ok_or(usage)? = arg.parse().ok().filter(|number| *number > 0).ok_or(usage)?;
    }
    let [count, kbps, seconds, rounds] = sizes;
    let folder = tempfile::tempdir()?;
    eprintln!("building the zoo");
    let situations = situations();
    let zoo = Parade::new(folder.path(), &situations, TESTED_TOGETHER).endless();
    let (kbps_text, count_text) = (kbps.to_string(), count.to_string());
    let cameras = Cameras::start(&["--bitrate-kbps", &kbps_text, "--count", &count_text]);
    let (mut quiet, mut beside) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let measured = measure(sizes, cameras.port, None)?;
        eprintln!("round {round}, quiet: {measured:?}");
        quiet.push(measured);
        let measured = measure(sizes, cameras.port, Some(zoo.clone()))?;
        eprintln!("round {round}, zoo: {measured:?}");
        beside.push(measured);
    }
    let ms = |all: &[Measured]| median(all.iter().map(|m| m.own_ms).collect());
    println!(
        "{}",
        json!({
            "cameras": count, "kbps": kbps, "seconds": seconds, "rounds": rounds,
            "together": situations.len() + TESTED_TOGETHER,
            "quiet": summary(&quiet), "zoo": summary(&beside),
            "zoo_over_quiet": rounded(ms(&beside) / ms(&quiet)),
            "let_in": beside.iter().map(|m| m.let_in).sum::<usize>(),
            "found_out": beside.iter().map(|m| m.found).sum::<usize>(),
            "found_out_otherwise": beside.iter().flat_map(|m| &m.otherwise).collect::<Vec<_>>(),
        })
    );
    Ok(())
}
