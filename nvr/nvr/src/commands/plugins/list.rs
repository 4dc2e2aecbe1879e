//! `nvr plugins list`: what is in the folder, and what runs of it.
//!
//! Promises: works with and without a recorder; JSON for scripts. Leaves to others: the folder (`shelf`).

use super::shelf::{Item, Signed, items};
use super::source::Source;
use super::word;
use crate::args::{Cli, FolderArgs};
use crate::terminal::{Bar, print_json, print_line};
use nvr_base::config;
use nvr_base::text::{Arg, text};
use nvr_gateway::{Client, Command};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Runs it.
pub(super) fn run(cli: &Cli, args: &FolderArgs) -> anyhow::Result<ExitCode> {
    let source = Source::new(&cli.config, args);
    let (all, folder) = (items(&source)?, &source.folder);
    let running = running(cli);
    if cli.json {
        let plugins: Vec<Value> = all.iter().map(|item| as_json(item, &running)).collect();
        print_json(&json!({"folder": folder, "plugins": plugins}))?;
        return Ok(ExitCode::SUCCESS);
    }
    print_line(&folder.display().to_string())?;
    if all.is_empty() {
        print_line(&text("plugins-none", &[]))?;
    }
    let head =
        ["info-plugin", "info-version", "info-situation", "info-regime", "step-signature", "info-state"];
    let head = (!all.is_empty()).then(|| head.map(|id| text(id, &[])));
    let rows: Vec<[String; 6]> = head.into_iter().chain(all.iter().map(|item| row(item, &running))).collect();
    super::keys::table(&rows).iter().try_for_each(|line| print_line(line))?;
    for item in &all {
        if let Some(why) = &item.why {
            print_line(&text(
                "plugins-why",
                &[("name", Arg::from(item.name.as_str())), ("why", Arg::from(why.as_str()))],
            ))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What the recorder says of its plugins; nothing when none answers or it says nothing of them.
fn running(cli: &Cli) -> Vec<Value> {
    let socket = config::load(&cli.config).config.map(|c| c.server.socket);
    let answer = socket.and_then(|socket| {
        Client::connect(&socket).ok()?.ask(Command::Status {}, &mut Bar::new("", false, true)).ok()
    });
    answer.as_ref().and_then(|a| a.pointer("/analysis/plugins")?.as_array().cloned()).unwrap_or_default()
}

/// What the recorder says of one.
fn of<'a>(running: &'a [Value], item: &Item) -> Option<&'a Value> {
    let id = item.manifest.as_ref().map(|m| m.id.as_str());
    let names = [Some(item.name.as_str()), id];
    let is_it = |v: &&Value| {
        ["id", "plugin", "name"]
            .iter()
            .filter_map(|key| v.get(key)?.as_str())
            .any(|n| names.contains(&Some(n)))
    };
    running.iter().find(is_it)
}

fn row(item: &Item, running: &[Value]) -> [String; 6] {
    let none = || "-".to_owned();
    let manifest = item.manifest.as_ref();
    let signed = match item.signed {
        Signed::Yes => "signed-yes",
        Signed::No => "signed-no",
        Signed::Unchecked => "signed-unchecked",
        Signed::Wrong => "signed-wrong",
    };
    let state = text(&format!("plugin-{}", word(&item.state)), &[]);
    let runs = of(running, item).map(|v| {
        let shown = ["generation", "phase"].iter().filter_map(|key| {
            let value = v.get(key).filter(|v| !v.is_null())?;
            Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        });
        format!(", {}", shown.collect::<Vec<_>>().join(" "))
    });
    [
        manifest.map_or_else(|| item.name.clone(), |m| m.id.clone()),
        manifest.map_or_else(none, |m| m.version.clone()),
        manifest.map_or_else(none, |m| m.situation.clone()),
        manifest.map_or_else(none, |m| word(&m.regime)),
        text(signed, &[]),
        state + runs.as_deref().unwrap_or_default(),
    ]
}

fn as_json(item: &Item, running: &[Value]) -> Value {
    let manifest = item.manifest.as_ref();
    json!({
        "name": item.name, "id": manifest.map(|m| &m.id), "version": manifest.map(|m| &m.version),
        "abi": manifest.map(|m| &m.abi), "situation": manifest.map(|m| &m.situation),
        "regime": manifest.map(|m| m.regime), "sha256": manifest.map(|m| m.sha256),
        "author": manifest.map(|m| &m.author), "signed": item.signed, "state": item.state, "why": item.why,
        "running": of(running, item),
    })
}
