//! `nvr plugins disable` and `enable`: a plugin's files go to `disabled` in the plugins folder, and back.
//!
//! Promises: each file moves by rename inside the folder. Leaving, the library goes first: that is what the recorder takes
//!   for removed. Coming back it comes last, behind its manifest and signature. What another plugin has is not overwritten.
//! Leaves to others: noticing it (`nvr_plugins::watch`).

use super::shelf::{State, find};
use super::source::Source;
use crate::args::{Cli, FolderArgs};
use crate::terminal::{print_json, print_line};
use anyhow::{Context, bail};
use nvr_base::text::{Arg, text};
use nvr_plugins::catalogue::{DISABLED, library_name};
use serde_json::json;
use std::path::Path;
use std::process::ExitCode;

/// Runs it.
pub(super) fn run(cli: &Cli, name: &str, args: &FolderArgs, enable: bool) -> anyhow::Result<ExitCode> {
    let source = Source::new(&cli.config, args);
    let (item, folder) = (find(&source, name)?, &source.folder);
    let is_enabled = item.state != State::Disabled;
    if is_enabled != enable {
        let aside = folder.join(DISABLED);
        if enable {
            move_files(&aside, folder, &item.name, true)?;
        } else {
            std::fs::create_dir_all(&aside).with_context(|| format!("cannot make {}", aside.display()))?;
            move_files(folder, &aside, &item.name, false)?;
        }
    }
    if cli.json {
        print_json(&json!({"name": item.name, "enabled": enable, "changed": is_enabled != enable}))?;
    } else {
        let id = match (enable, is_enabled == enable) {
            (true, false) => "plugin-is-enabled",
            (false, false) => "plugin-is-disabled",
            (true, true) => "plugin-was-enabled",
            (false, true) => "plugin-was-disabled",
        };
        print_line(&text(id, &[("name", Arg::from(item.name.as_str()))]))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn move_files(from: &Path, to: &Path, name: &str, library_last: bool) -> anyhow::Result<()> {
    let mut files = vec![library_name(name), format!("{name}.toml"), format!("lib{name}.so.minisig")];
    if library_last {
        files.reverse();
    }
    if !library_last {
        files.iter().for_each(|file| drop(std::fs::remove_file(to.join(file))));
    }
    files.retain(|file| std::fs::symlink_metadata(from.join(file)).is_ok());
    // What is in service is not overwritten; an older copy that was put aside gives way, its signature too.
    if library_last && let Some(taken) = files.iter().find(|file| to.join(file).exists()) {
        bail!("{} is there already; disable that plugin first", to.join(taken).display());
    }
    for file in files {
        let (from, to) = (from.join(&file), to.join(&file));
        std::fs::rename(&from, &to)
            .with_context(|| format!("cannot move {} to {}", from.display(), to.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let dir = tempfile::tempdir().unwrap();
        let aside = dir.path().join(DISABLED);
        std::fs::create_dir(&aside).unwrap();
        let put = |name: &str| std::fs::write(dir.path().join(name), name).unwrap();
        let names = |folder: &Path| {
            let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap());
            let files = entries.filter(|e| e.path().is_file());
            let mut names: Vec<_> = files.map(|e| e.file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        put("liba.so");
        put("a.toml");
        put("libb.so");
        move_files(dir.path(), &aside, "a", false).unwrap();
        assert_eq!(
            (names(dir.path()), names(&aside)),
            (vec!["libb.so".into()], vec!["a.toml".into(), "liba.so".into()])
        );
        put("liba.so");
        put("a.toml");
        assert!(
            move_files(&aside, dir.path(), "a", true).unwrap_err().to_string().contains("is there already")
        );
        move_files(dir.path(), &aside, "a", false).unwrap();
        move_files(&aside, dir.path(), "a", true).unwrap();
        assert_eq!(names(dir.path()), ["a.toml", "liba.so", "libb.so"]);
        assert!(names(&aside).is_empty());
    }
}
