//! `nvr plugins new`: the crate of a new detector, out of `plugin-api/template`.
//!
//! Promises: the very template that the tests of `plugin-api` compile; what is there is not overwritten; a crate in the
//!   repository's `plugins` becomes a member of its workspace, one elsewhere stands on its own.
//! Leaves to others: building it (cargo), making it a drop-in (`pack`).

use crate::args::{Cli, NewArgs};
use crate::terminal::{print_json, print_line};
use anyhow::{Context, bail};
use nvr_base::text::{Arg, text};
use nvr_plugins::vocabulary::is_situation;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The template's files: where they go, and what is in them.
const TEMPLATE: [(&str, &str); 4] = [
    ("Cargo.toml", include_str!("../../../../../plugin-api/template/Cargo.toml.in")),
    ("src/lib.rs", include_str!("../../../../../plugin-api/template/src/lib.rs")),
    ("src/rule.rs", include_str!("../../../../../plugin-api/template/src/rule.rs")),
    ("tests/scenes.rs", include_str!("../../../../../plugin-api/template/tests/scenes.rs.in")),
];
/// The situation the template looks for.
const SITUATION: &str = "situation: \"crowd-density\"";
/// What makes the template's manifest a workspace of its own.
const OWN_WORKSPACE: &str = "[workspace]                      # stands on its own\n\n";
/// Name of the contract's folder and of the detectors' folder in the repository.
const FOLDERS: (&str, &str) = ("plugin-api", "plugins");

/// Where a crate is made and against what.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Plan {
    folder: PathBuf,
    api: String,
    is_member: bool,
}

/// Runs it.
pub(super) fn run(cli: &Cli, args: &NewArgs) -> anyhow::Result<ExitCode> {
    let here = std::env::current_dir().context("cannot tell the current folder")?;
    let me = std::env::current_exe().ok();
    let repository =
        here.ancestors().chain(me.iter().flat_map(|me| me.ancestors())).find(|p| is_repository(p));
    let plan = plan(args, &here, repository)?;
    let files = files(&args.name, &plan);
    for (path, _) in &files {
        let path = plan.folder.join(path);
        if path.exists() {
            bail!("{} is there already; take another name or --dir", path.display());
        }
    }
    for (path, text) in &files {
        let path = plan.folder.join(path);
        let about = || format!("cannot write {}", path.display());
        let folder = path.parent().with_context(about)?;
        std::fs::create_dir_all(folder).with_context(about)?;
        std::fs::write(&path, text).with_context(about)?;
    }
    let library = format!("lib{}.so", library_crate(&args.name));
    if cli.json {
        print_json(&json!({
            "name": args.name, "folder": plan.folder, "library": library, "member": plan.is_member,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let built = plan.folder.join("target/release").join(&library).display().to_string();
    let pack = if plan.is_member { "new-pack-all" } else { "new-pack" };
    let args = [
        ("name", Arg::from(args.name.as_str())),
        ("folder", Arg::from(plan.folder.display().to_string())),
        ("library", Arg::from(built)),
    ];
    for id in ["new-made", "new-rule", "new-test", "new-build", pack] {
        print_line(&text(id, &args))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn is_repository(folder: &Path) -> bool {
    is_api(&folder.join(FOLDERS.0)) && folder.join(FOLDERS.1).is_dir()
}

/// By its manifest's name, so that another folder of that name is not taken.
fn is_api(folder: &Path) -> bool {
    std::fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|t| t.contains("name = \"nvr-plugin-api\""))
}

fn plan(args: &NewArgs, here: &Path, repository: Option<&Path>) -> anyhow::Result<Plan> {
    let api = match (&args.api, repository) {
        (Some(api), _) => {
            let api = here.join(api);
            if !is_api(&api) {
                bail!("{} is not the folder plugin-api of nvr's source", api.display());
            }
            api.canonicalize().with_context(|| format!("cannot look at {}", api.display()))?
        }
        (None, Some(repository)) => repository.join(FOLDERS.0),
        (None, None) => bail!(
            "the contract that plugins build against was not found: run this inside nvr's source, or name its folder \
             plugin-api with --api"
        ),
    };
    let members = repository.map(|r| r.join(FOLDERS.1)).filter(|m| m.parent() == api.parent());
    let dir = match (&args.dir, &members) {
        (Some(dir), _) => here.join(dir),
        // In the repository its folder of plugins; an installed program makes the crate where it is called.
        (None, Some(members)) if repository.is_some_and(|r| here.starts_with(r)) => members.clone(),
        (None, _) => here.to_owned(),
    };
    let canonical = dir.canonicalize().unwrap_or_else(|_| dir.clone());
    let is_member = members.as_ref().and_then(|m| m.canonicalize().ok()).is_some_and(|m| m == canonical);
    let api = if is_member { PathBuf::from("../..").join(FOLDERS.0) } else { api };
    let api = api.to_str().with_context(|| format!("{}: not a UTF-8 path", api.display()))?.to_owned();
    if api.contains(['"', '\\']) || api.contains(char::is_control) {
        bail!("{api}: a path with quotes or backslashes cannot stand in a Cargo.toml; move the source");
    }
    Ok(Plan { folder: dir.join(&args.name), api, is_member })
}

/// The crate's name in Rust, and in its library's file name.
fn library_crate(name: &str) -> String {
    name.replace('-', "_")
}

/// The crate's files.
fn files(name: &str, plan: &Plan) -> Vec<(&'static str, String)> {
    let fill = |text: &str| {
        let text = text.replace("@NAME@", name).replace("@API@", &plan.api);
        let text = text.replace("@LIB@", &library_crate(name));
        let text = if plan.is_member { text.replace(OWN_WORKSPACE, "") } else { text };
        // A detector named as a situation of the closed list looks for that one.
        if is_situation(name) { text.replace(SITUATION, &format!("situation: \"{name}\"")) } else { text }
    };
    TEMPLATE.iter().map(|(path, text)| (*path, fill(text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_and_marks_are_in_the_template() {
        let all: String = TEMPLATE.iter().map(|(_, text)| *text).collect();
        for mark in ["@NAME@", "@API@", "@LIB@", SITUATION, OWN_WORKSPACE] {
            assert!(all.contains(mark), "{mark}");
        }
        let plan = Plan { folder: "/x".into(), api: "/api".into(), is_member: true };
        for (path, text) in files("fire-2", &plan) {
            assert!(!text.contains('@') && !text.contains("[workspace]"), "{path}: {text}");
        }
        let plan = Plan { is_member: false, ..plan };
        assert!(files("fire", &plan).iter().any(|(_, t)| t.contains("situation: \"fire\"")));
        assert!(files("fire-2", &plan).iter().any(|(_, t)| t.contains("fire_2::MyDetector")));
    }

    /// `here` and `dir` are of a folder with a repository `r` in it.
    fn check(here: &str, dir: Option<&str>, api: Option<&str>, expected: &str) {
        let top = tempfile::tempdir().unwrap();
        let top = top.path().canonicalize().unwrap();
        let api_folder = top.join("r/plugin-api");
        for folder in ["r/plugin-api", "r/plugins", "r/target/release", "elsewhere"] {
            std::fs::create_dir_all(top.join(folder)).unwrap();
        }
        std::fs::write(api_folder.join("Cargo.toml"), "[package]\nname = \"nvr-plugin-api\"\n").unwrap();
        let here = top.join(here);
        let path = |p: &str| top.join(p);
        let args = NewArgs { name: "mine".into(), dir: dir.map(path), api: api.map(path) };
        let repository = here.ancestors().find(|p| is_repository(p));
        let got = plan(&args, &here, repository).map_or_else(
            |e| e.to_string(),
            |p| format!("{} with {}, member: {}", p.folder.display(), p.api, p.is_member),
        );
        let got = got.replace(&format!("{}/", top.display()), "");
        assert!(got.contains(expected), "{got}");
    }

    #[test]
    fn where_and_against_what() {
        check("r/nvr", None, None, "r/plugins/mine with ../../plugin-api, member: true");
        check("r", Some("r/plugins"), None, "r/plugins/mine with ../../plugin-api, member: true");
        check("r", Some("elsewhere"), None, "elsewhere/mine with r/plugin-api, member: false");
        check("r", Some("r/target"), None, "r/target/mine with r/plugin-api, member: false");
        check("elsewhere", None, Some("r/plugin-api"), "elsewhere/mine with r/plugin-api, member: false");
        check("elsewhere", None, None, "with --api");
        check("elsewhere", None, Some("r/plugins"), "is not the folder plugin-api");
    }
}
