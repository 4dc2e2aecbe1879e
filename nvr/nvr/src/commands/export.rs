//! `nvr export`: footage as plain MP4 files, without transcoding.
//!
//! Promises: a file appears under its name only when it is whole; until then it is `NAME.part`.
//! Leaves to others: the footage (`nvr_store::export`).

use crate::access;
use crate::args::{Cli, ExportArgs};
use crate::terminal::{Bar, print_json, print_line};
use anyhow::Context;
use nvr_base::text::{Arg, text};
use nvr_gateway::{Command, ReplySink, SinkClosed};
use nvr_store::ExportReport;
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs it.
pub(crate) fn run(cli: &Cli, args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let config = super::configuration(cli)?;
    let stream = args.stream.into();
    let command = Command::Export { camera: args.camera.clone(), stream, from: args.from, to: args.to };
    let mut files = Files {
        out: args.out.clone(),
        open: None,
        parts: Vec::new(),
        bar: Bar::new("export", true, cli.json),
    };
    let answer = access::ask(&config, command, &mut files);
    let report: ExportReport = serde_json::from_value(answer?)?;
    let names = files.finish().with_context(|| format!("writing {}", args.out.display()))?;

    let entries: Vec<_> = names
        .iter()
        .zip(&report.files)
        .map(|(name, file)| json!({ "file": name, "bytes": file.bytes, "sha256": file.sha256, "from": file.from, "to": file.to, "frames": file.frames }))
        .collect();
    let manifest = json!({ "camera": args.camera, "stream": stream, "from": args.from, "to": args.to, "files": entries, "gaps": report.gaps });
    if args.manifest {
        let path = args.out.with_extension("json");
        std::fs::write(&path, serde_json::to_vec_pretty(&manifest)?)
            .with_context(|| format!("writing {}", path.display()))?;
    }
    if cli.json {
        print_json(&manifest)?;
        return Ok(ExitCode::SUCCESS);
    }
    for (name, file) in names.iter().zip(&report.files) {
        let words = [
            ("file", Arg::from(name.display().to_string())),
            ("frames", Arg::from(file.frames)),
            ("from", Arg::from(file.from.to_string())),
            ("to", Arg::from(file.to.to_string())),
        ];
        print_line(&text("export-file", &words))?;
    }
    for gap in &report.gaps {
        let reason = text(&format!("gap-{}", gap.reason), &[]);
        let to = gap.to.unwrap_or(args.to);
        print_line(&format!(
            "{}  {}  {}",
            gap.from,
            to,
            text("timeline-gap", &[("reason", Arg::from(reason))])
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The files of one export, each under a temporary name until all are whole.
struct Files {
    out: PathBuf,
    open: Option<BufWriter<File>>,
    parts: Vec<(PathBuf, PathBuf)>,
    bar: Bar,
}

/// `clip.mp4`, then `clip-2.mp4`, `clip-3.mp4`.
fn numbered(out: &Path, index: u32) -> PathBuf {
    if index == 0 {
        return out.to_owned();
    }
    let mut name = out.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{}", index + 1));
    if let Some(extension) = out.extension() {
        name.push(".");
        name.push(extension);
    }
    out.with_file_name(name)
}

impl Files {
    fn finish(&mut self) -> std::io::Result<Vec<PathBuf>> {
        self.settle()?;
        let mut names = Vec::new();
        for (part, name) in self.parts.drain(..) {
            std::fs::rename(&part, &name)?;
            names.push(name);
        }
        Ok(names)
    }

    fn settle(&mut self) -> std::io::Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        open.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        for (part, _) in &self.parts {
            let _ = std::fs::remove_file(part);
        }
    }
}

impl ReplySink for Files {
    fn progress(&mut self, done: u64, total: u64) -> Result<(), SinkClosed> {
        self.bar.progress(done, total)
    }

    fn part(&mut self, index: u32, _: u64) -> Result<(), SinkClosed> {
        self.settle()?;
        let name = numbered(&self.out, index);
        let mut part = name.clone().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        self.open = Some(BufWriter::with_capacity(256 << 10, File::create(&part)?));
        self.parts.push((part, name));
        Ok(())
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<(), SinkClosed> {
        match &mut self.open {
            Some(file) => Ok(file.write_all(bytes)?),
            None => Err(SinkClosed(std::io::Error::other("footage before the name of its file"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_files_are_numbered() {
        for (index, name) in [(0, "/a/clip.mp4"), (1, "/a/clip-2.mp4"), (2, "/a/clip-3.mp4")] {
            assert_eq!(numbered(Path::new("/a/clip.mp4"), index), Path::new(name));
        }
        assert_eq!(numbered(Path::new("clip"), 1), Path::new("clip-2"));
    }
}
