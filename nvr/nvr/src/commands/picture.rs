//! `nvr picture`: the picture of a moment, as a JPEG file.
//!
//! Promises: the file appears under its name only when it is whole; the time shown is when the picture was really
//!   taken, and a picture much older than the moment, or later, is said to be; no camera bytes are decoded in this process.
//! Leaves to others: the key frame (`nvr_store`), decoding it (`child`, `nvr-media`).

mod child;

use crate::access;
use crate::args::{Cli, PictureArgs};
use crate::terminal::{complain, print_json, print_line};
use anyhow::Context;
use nvr_base::media_protocol::SAMPLE_LEN_MAX;
use nvr_base::text::{Arg, text};
use nvr_base::{Codec, StreamKind, Utc, VideoFormat};
use nvr_gateway::{Command, ReplySink, SinkClosed};
use serde::Deserialize;
use serde_json::json;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// A picture older than the moment by more than this is worth a word, microseconds.
const EARLIER_US_MAX: i64 = 5_000_000;

/// What comes with a key frame.
#[derive(Debug, Deserialize)]
struct Answer {
    at: Utc,
    stream: StreamKind,
    format: VideoFormat,
}

/// Runs it.
pub(crate) fn run(cli: &Cli, args: &PictureArgs) -> anyhow::Result<ExitCode> {
    let config = super::configuration(cli)?;
    let command =
        Command::Picture { camera: args.camera.clone(), stream: args.stream.map(Into::into), at: args.at };
    let mut frame = KeyFrame(Vec::new());
    let answer = access::ask(&config, command, &mut frame);
    let answer: Answer =
        serde_json::from_value(answer?).context("the recorder's answer is of another version")?;
    let jpeg = match answer.format.codec {
        Codec::Mjpeg => frame.0,
        _ => child::decode(&answer.format, &frame.0)
            .with_context(|| format!("the picture of `{}` at {}", args.camera, answer.at))?,
    };
    write(&args.out, &jpeg).with_context(|| format!("writing {}", args.out.display()))?;

    if let Some((words, seconds)) = distance(args.at, answer.at) {
        complain(&text(words, &[("seconds", Arg::from(seconds))]));
    }
    if cli.json {
        print_json(&json!({ "at": answer.at, "file": args.out, "stream": answer.stream }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let words = [
        ("file", Arg::from(args.out.display().to_string())),
        ("at", Arg::from(answer.at.to_string())),
        ("stream", Arg::from(answer.stream.to_string())),
    ];
    print_line(&text("picture-file", &words))?;
    Ok(ExitCode::SUCCESS)
}

/// How far the picture is from the moment, when that is worth a word: the text's id, and seconds.
fn distance(asked: Utc, taken: Utc) -> Option<(&'static str, i64)> {
    match asked.micros_since(taken) {
        us if us > EARLIER_US_MAX => Some(("picture-earlier", us / 1_000_000)),
        // Nothing is recorded before the moment: the first picture after it is given.
        us if us < 0 => Some(("picture-later", us.saturating_neg() / 1_000_000)),
        _ => None,
    }
}

/// Writes `NAME.part`, then gives it its name.
fn write(out: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut part = out.to_owned().into_os_string();
    part.push(".part");
    let whole = File::create(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&part, out)
    });
    if whole.is_err() {
        // What is left of it is of no use; the error that counts is the first.
        let _ = std::fs::remove_file(&part);
    }
    whole
}

/// Collects the one key frame.
struct KeyFrame(Vec<u8>);

impl ReplySink for KeyFrame {
    fn progress(&mut self, _: u64, _: u64) -> Result<(), SinkClosed> {
        Ok(())
    }

    fn part(&mut self, _: u32, _: u64) -> Result<(), SinkClosed> {
        Ok(())
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<(), SinkClosed> {
        if self.0.len().saturating_add(bytes.len()) > SAMPLE_LEN_MAX as usize {
            return Err(SinkClosed(std::io::Error::other("a key frame longer than any that is recorded")));
        }
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_far_from_the_moment_is_said() {
        for (asked, taken, expected) in [
            (0, 0, None),
            (5_000_000, 0, None),
            (5_000_001, 0, Some(("picture-earlier", 5))),
            (90_000_000, 0, Some(("picture-earlier", 90))),
            (0, 9_000_000, Some(("picture-later", 9))),
            (i64::MIN, i64::MAX, Some(("picture-later", i64::MAX / 1_000_000))),
        ] {
            assert_eq!(distance(Utc(asked), Utc(taken)), expected, "{asked} {taken}");
        }
    }

    #[test]
    fn a_file_is_whole_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("gate.jpg");
        write(&name, b"old").unwrap();
        write(&name, b"new").unwrap();
        assert_eq!(std::fs::read(&name).unwrap(), b"new");
        assert!(write(&folder.path().join("no/gate.jpg"), b"x").is_err());
        std::fs::create_dir(folder.path().join("taken.jpg")).unwrap();
        assert!(write(&folder.path().join("taken.jpg"), b"x").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left over");
    }

    #[test]
    fn a_key_frame_is_bounded() {
        let mut frame = KeyFrame(Vec::new());
        assert!(frame.chunk(&vec![0; SAMPLE_LEN_MAX as usize]).is_ok());
        assert!(frame.chunk(&[0]).is_err());
    }
}
