//! `nvr timeline`: what is recorded of a stream, and what is not and why.
//!
//! Promises: JSON as the store gives it; else one line a span or gap, in order.
//! Leaves to others: finding it (`nvr_store::timeline`).

use crate::access;
use crate::args::{Cli, TimelineArgs};
use crate::terminal::{Bar, print_json, print_line};
use nvr_base::text::{Arg, text};
use nvr_gateway::Command;
use nvr_store::Timeline;
use std::process::ExitCode;

/// Runs it.
pub(crate) fn run(cli: &Cli, args: &TimelineArgs) -> anyhow::Result<ExitCode> {
    let config = super::configuration(cli)?;
    let stream = args.stream.into();
    let command = Command::Timeline { camera: args.camera.clone(), stream, from: args.from, to: args.to };
    let answer = access::ask(&config, command, &mut Bar::new("", false, true))?;
    if cli.json {
        print_json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let timeline: Timeline = serde_json::from_value(answer)?;
    let open = text("timeline-open", &[]);
    let spans = timeline.spans.iter().map(|s| (s.from, s.to, text("timeline-recorded", &[])));
    let gaps = timeline.gaps.iter().map(|g| {
        let reason = text(&format!("gap-{}", g.reason), &[]);
        (g.from, g.to, text("timeline-gap", &[("reason", Arg::from(reason))]))
    });
    let mut lines: Vec<_> = spans.chain(gaps).collect();
    lines.sort_by_key(|(from, ..)| *from);
    if lines.is_empty() {
        print_line(&text("timeline-empty", &[("camera", Arg::from(args.camera.as_str()))]))?;
    }
    for (from, to, what) in lines {
        let to = to.map_or_else(|| open.clone(), |t| t.to_string());
        print_line(&format!("{from}  {to:<24}  {what}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
