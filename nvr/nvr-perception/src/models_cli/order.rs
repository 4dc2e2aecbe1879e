//! The arguments of `nvr-perceive models`, as `nvr models` gives them.
//!
//! Promises: pure; what is not exactly this is refused. Leaves to others: help for people (`nvr models --help`).

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// Longest measurement of one model, seconds.
const SECONDS_MAX: u32 = 600;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// Say which there are.
    List,
    /// Compare hashes.
    Verify {
        /// The default models, and they must all be there.
        default_only: bool,
    },
    /// Take files over.
    Import {
        /// Out of this folder.
        from: PathBuf,
    },
    /// Measure.
    Bench {
        /// One of them.
        id: Option<String>,
        /// How long each.
        seconds: u32,
    },
}

/// What is to be done, where, and how it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) what: What,
    pub(super) folder: PathBuf,
    pub(super) json: bool,
}

impl Order {
    /// Reads `WHAT --models FOLDER [--json] [--default] [--from FOLDER] [--id ID] [--seconds S]`.
    pub(super) fn read(arguments: &[OsString]) -> Result<Self, String> {
        let mut rest = arguments.iter();
        let what = rest.next().and_then(|w| w.to_str()).ok_or("list, verify, import or bench is expected")?;
        let (mut folder, mut from, mut id, mut seconds) = (None, None, None, 3);
        let (mut json, mut default_only) = (false, false);
        while let Some(option) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("{} has no value", option.display()));
            match option.to_str() {
                Some("--json") => json = true,
                Some("--default") => default_only = true,
                Some("--models") => folder = Some(PathBuf::from(value()?)),
                Some("--from") => from = Some(PathBuf::from(value()?)),
                Some("--id") => id = Some(utf8(value()?)?),
                Some("--seconds") => {
                    let given = utf8(value()?)?.parse().ok().filter(|s| (1..=SECONDS_MAX).contains(s));
                    seconds = given.ok_or_else(|| format!("--seconds: 1 to {SECONDS_MAX}"))?;
                }
                _ => return Err(format!("unknown argument {}", option.display())),
            }
        }
        let what = match what {
            "list" => What::List,
            "verify" => What::Verify { default_only },
            "import" => What::Import { from: from.ok_or("--from is missing")? },
            "bench" => What::Bench { id, seconds },
            _ => return Err(format!("unknown order {what}")),
        };
        Ok(Self { what, folder: folder.ok_or("--models is missing")?, json })
    }
}

fn utf8(value: &OsStr) -> Result<String, String> {
    value.to_str().map(str::to_owned).ok_or_else(|| "a value is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Result<(What, bool), &str>) {
        let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        match (Order::read(&arguments), expected) {
            (Ok(order), Ok((what, json))) => {
                assert_eq!((order.what, order.json, order.folder), (what, json, PathBuf::from("M")));
            }
            (Err(why), Err(part)) => assert!(why.contains(part), "{line}: {why}"),
            (got, _) => panic!("{line}: {got:?}"),
        }
    }

    #[test]
    fn arguments() {
        check("list --models M", Ok((What::List, false)));
        check("verify --models M --default --json", Ok((What::Verify { default_only: true }, true)));
        check("import --models M --from D", Ok((What::Import { from: "D".into() }, false)));
        check(
            "bench --models M --id a --seconds 2",
            Ok((What::Bench { id: Some("a".into()), seconds: 2 }, false)),
        );
        check("", Err("is expected"));
        check("list", Err("--models is missing"));
        check("import --models M", Err("--from is missing"));
        check("bench --models M --seconds 0", Err("1 to 600"));
        check("fetch --models M", Err("unknown order"));
        check("list --models M --shell rm", Err("unknown argument"));
        check("list --models", Err("no value"));
    }
}
