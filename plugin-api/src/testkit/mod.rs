//! The test kit: a scripted scene in, what the detector says out, as lines to compare.
//!
//! Promises: the detector runs through the real C boundary; the same script gives the same lines.
//! Leaves to others: perception: a script's tracks are as perfect or as broken as it says.

#![allow(clippy::panic, reason = "a check that does not hold fails its test")]

mod script;

pub use script::{Picture, Script};

use crate::glue::Export;
use crate::host::{InputData, Instance, Plugin, Said};

/// Lines of what a detector says of a script under a rule (JSON):
/// `1.5 begin zone-entry #1 …detail`, `8.0 end zone-entry #1 3.1..5.0`, `2.0 crossings person forward 1`.
///
/// # Errors
/// What the plugin answered, or what the host refused of it.
pub fn run<E: Export>(rule: &str, script: &Script) -> Result<Vec<String>, String> {
    let plugin = Plugin::in_process::<E>().map_err(|e| e.to_string())?;
    let mut instance = plugin.create(rule).map_err(|e| e.to_string())?;
    play(&mut instance, script)
}

/// The same with an instance already made, of any library.
///
/// # Errors
/// What the plugin answered, or what the host refused of it.
pub fn play(instance: &mut Instance, script: &Script) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    let mut take = |at_us: i64, said: Said| {
        if let Some(refusal) = said.refusal {
            return Err(format!("{:.1}: the host refused: {refusal:?}", at_us as f64 / 1e6));
        }
        lines.extend(said.events.iter().map(|e| event_line(at_us, e)));
        lines.extend(said.samples.iter().map(sample_line));
        Ok(())
    };
    take(0, instance.start().map_err(|e| e.to_string())?)?;
    for (sequence, scene) in (0u64..).zip(script.scenes()) {
        let gray = script.picture_of(&scene);
        let gray = gray.as_ref().map(Picture::frame);
        let rgb = script.colours_of(&scene);
        let rgb = rgb.as_ref().map(Picture::frame);
        let input = InputData { gray, rgb, ..script.input(&scene, sequence) };
        let said = instance.process(&input).map_err(|e| e.to_string())?;
        take(scene.at_us, said)?;
    }
    take(script.end_us(), instance.stop())?;
    Ok(lines)
}

/// Runs a script and compares.
///
/// # Panics
/// When a line differs, or the detector or its rule fails.
pub fn check<E: Export>(rule: &str, script: &Script, expected: &[&str]) {
    match run::<E>(rule, script) {
        Ok(lines) => assert_eq!(lines, expected, "under {rule}"),
        Err(why) => panic!("under {rule}: {why}"),
    }
}

/// Expects `create` to refuse a rule, with this in its words.
///
/// # Panics
/// When it takes it, or says something else.
pub fn check_refused<E: Export>(rule: &str, words: &str) {
    let Ok(plugin) = Plugin::in_process::<E>() else { panic!("the plugin does not open") };
    match plugin.create(rule) {
        Ok(_) => panic!("taken: {rule}"),
        Err(why) => assert!(why.to_string().contains(words), "{rule}: {why}"),
    }
}

fn event_line(at_us: i64, e: &crate::Event) -> String {
    let s = |us: i64| us as f64 / 1e6;
    let head = format!("{:.1} {} {} #{}", s(at_us), e.phase, e.kind, e.object);
    match e.end_us {
        Some(end) => format!("{head} {:.1}..{:.1}", s(e.start_us), s(end)),
        None if e.detail.is_empty() => head,
        None => format!("{head} {}", e.detail),
    }
}

fn sample_line(s: &crate::Sample) -> String {
    let at = s.at_us as f64 / 1e6;
    match s.direction {
        crate::Direction::None => format!("{at:.1} {} {} {}", s.series, s.class, s.n),
        direction => format!("{at:.1} {} {} {direction} {}", s.series, s.class, s.n),
    }
}
