//! What commands print: answers on standard output, progress and complaints on standard error.
//!
//! Promises: standard output carries nothing but the answer; nothing from outside reaches a terminal unescaped.
//! Leaves to others: the words (texts).

use indicatif::{ProgressBar, ProgressStyle};
use nvr_base::text::printable;
use nvr_gateway::{ReplySink, SinkClosed};
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// Says one sentence on standard error.
pub(crate) fn complain(sentence: &str) {
    let _ = writeln!(io::stderr(), "nvr: {}", printable(sentence));
}

/// Prints a JSON answer.
///
/// # Errors
/// Standard output's.
pub(crate) fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    Ok(writeln!(out)?)
}

/// Prints one line of an answer.
///
/// # Errors
/// Standard output's.
pub(crate) fn print_line(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(io::stdout().lock(), "{}", printable(line))?)
}

/// A bar on standard error, when that is a terminal and nobody asked for JSON.
#[derive(Debug)]
pub(crate) struct Bar(Option<ProgressBar>);

impl Bar {
    /// `what` stands before the bar; `bytes` says the unit.
    pub(crate) fn new(what: &'static str, bytes: bool, json: bool) -> Self {
        if json || !io::stderr().is_terminal() {
            return Self(None);
        }
        let unit = if bytes { "{bytes}/{total_bytes} {bytes_per_sec}" } else { "{pos}/{len}" };
        let style = ProgressStyle::with_template(&format!("{{msg}} {{wide_bar}} {unit} {{eta}}"));
        let bar = ProgressBar::new(0).with_message(what);
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(Some(bar))
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

impl ReplySink for Bar {
    fn progress(&mut self, done: u64, total: u64) -> Result<(), SinkClosed> {
        if let Some(bar) = &self.0 {
            bar.set_length(total);
            bar.set_position(done);
        }
        Ok(())
    }

    fn part(&mut self, _: u32, _: u64) -> Result<(), SinkClosed> {
        Ok(())
    }

    fn chunk(&mut self, _: &[u8]) -> Result<(), SinkClosed> {
        Ok(())
    }
}
