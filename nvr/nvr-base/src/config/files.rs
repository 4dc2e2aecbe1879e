//! Reading the configuration file, and comparing what it says with this machine.
//!
//! Promises: the text is checked first, files after it, both completely; nothing is changed or created.
//! Leaves to others: the text (`read`), making folders (`nvr-store`), reading passwords when they are used (`secret`).

use super::claim::{self, Claim, ClaimKind};
use super::finding::{Finding, FindingId, Severity};
use super::read::{self, Read};
use super::secret::{Password, SecretError};
use super::{CONFIG_BYTES_MAX, Config};
use crate::text::Arg;
use rustix::fs::{Access, access};
use std::collections::HashMap;
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// A file that was read and checked.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration, when its text has no error; what is wrong with files and devices does not take
    /// it away, so that one camera's missing password file does not stop the others.
    pub config: Option<Config>,
    /// All findings, text and files, in the file's order.
    pub findings: Vec<Finding>,
}

impl Loaded {
    /// Number of errors and of warnings.
    pub fn count(&self) -> (usize, usize) {
        let errors = self.findings.iter().filter(|f| f.severity() == Severity::Error).count();
        (errors, self.findings.len() - errors)
    }
}

/// Reads and checks `file`; relative paths in it start at its folder.
pub fn load(file: &Path) -> Loaded {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let folder = absolute.parent().unwrap_or(Path::new("/")).to_owned();
    let text = match read_text(file) {
        Ok(text) => text,
        Err((id, args)) => {
            let finding = Finding { file: file.to_owned(), place: None, key: String::new(), id, args };
            return Loaded { config: None, findings: vec![finding] };
        }
    };
    let Read { config, mut findings, mut claims } = read::read(&text);
    claim::resolve(&mut claims, &folder);
    findings.extend(claim_findings(&claims));
    for finding in &mut findings {
        finding.file = file.to_owned();
    }
    // Those without a place concern the whole and stand at the end.
    findings.sort_by_key(|f| (f.place.is_none(), f.place));
    let config = config.map(|mut config| {
        config.resolve(&folder);
        if config.plugins.path_is_default {
            config.plugins.path = super::installed("plugins");
        }
        if config.models.path_is_default {
            config.models.path = super::installed("models");
        }
        config.file = absolute;
        config
    });
    Loaded { config, findings }
}

/// Compares what `config` says with this machine: folders, password files, variables, devices.
pub fn check_files(config: &Config) -> Vec<Finding> {
    let mut findings = claim_findings(&config.claims);
    for finding in &mut findings {
        finding.file.clone_from(&config.file);
    }
    findings
}

type Fault = (FindingId, Vec<(&'static str, Arg)>);

fn read_text(file: &Path) -> Result<String, Fault> {
    let path = ("path", shown(file));
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|f| f.take(CONFIG_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|e| (FindingId::FileUnreadable, vec![path.clone(), ("why", system(&e))]))?;
    if bytes.len() as u64 > CONFIG_BYTES_MAX {
        let args = vec![("bytes", Arg::from(bytes.len())), ("max", Arg::from(CONFIG_BYTES_MAX))];
        return Err((FindingId::FileTooBig, args));
    }
    String::from_utf8(bytes)
        .map_err(|e| (FindingId::FileNotUtf8, vec![("byte", Arg::from(e.utf8_error().valid_up_to()))]))
}

fn claim_findings(claims: &[Claim]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut disks: HashMap<u64, PathBuf> = HashMap::new();
    for claim in claims {
        let fault = match &claim.kind {
            ClaimKind::Storage(path) => storage(path, &mut disks),
            ClaimKind::Socket(path) => socket(path),
            ClaimKind::PasswordFile(path) => password_file(path),
            ClaimKind::PasswordEnv(name) => {
                let set = std::env::var(name).is_ok_and(|v| !v.is_empty());
                (!set).then(|| (FindingId::VariableUnset, vec![("name", Arg::from(name.as_str()))]))
            }
            ClaimKind::Device(path) => device(path),
            ClaimKind::Folder(path) => folder(path),
            ClaimKind::Timezone(name) => jiff::tz::TimeZone::get(name)
                .is_err()
                .then(|| (FindingId::UnknownTimezone, vec![("value", Arg::from(name.as_str()))])),
        };
        if let Some((id, args)) = fault {
            findings.push(Finding {
                file: PathBuf::new(),
                place: claim.place,
                key: claim.key.clone(),
                id,
                args,
            });
        }
    }
    findings
}

fn storage(path: &Path, disks: &mut HashMap<u64, PathBuf>) -> Option<Fault> {
    let args = vec![("path", shown(path))];
    // The folder may be made at the first start: then its nearest existing parent decides.
    let existing = path.ancestors().find(|p| std::fs::symlink_metadata(p).is_ok()).unwrap_or(Path::new("/"));
    let meta = match std::fs::metadata(existing) {
        Ok(meta) => meta,
        Err(e) => return Some((FindingId::StorageNoPermission, with_why(args, &e))),
    };
    if !meta.is_dir() {
        return Some((FindingId::StorageNotFolder, vec![("path", shown(existing))]));
    }
    if let Err(e) = access(existing, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK) {
        return Some((FindingId::StorageNoPermission, with_why(args, &e.into())));
    }
    if let Some(other) = disks.insert(meta.dev(), path.to_owned()) {
        return Some((FindingId::StorageSameDisk, vec![("path", shown(path)), ("other", shown(&other))]));
    }
    (existing != path).then_some((FindingId::StorageMissing, args))
}

fn socket(path: &Path) -> Option<Fault> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let why = access(folder, Access::WRITE_OK | Access::EXEC_OK).err()?;
    Some((FindingId::SocketFolder, with_why(vec![("path", shown(folder))], &why.into())))
}

fn password_file(path: &Path) -> Option<Fault> {
    let args = vec![("path", shown(path))];
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Some((FindingId::PasswordFileMissing, args));
        }
        Err(e) => return Some((FindingId::PasswordFileUnreadable, with_why(args, &e))),
    };
    match Password::File(path.to_owned()).read() {
        Err(SecretError::File { source, .. }) => {
            return Some((FindingId::PasswordFileUnreadable, with_why(args, &source)));
        }
        Err(_) => return Some((FindingId::PasswordFileEmpty, args)),
        Ok(_) => {}
    }
    let open = meta.mode() & 0o077;
    (open != 0).then(|| {
        (
            FindingId::PasswordFileOpen,
            vec![("path", shown(path)), ("mode", Arg::from(format!("{:03o}", meta.mode() & 0o777)))],
        )
    })
}

/// A folder of plugins or models that is not there yet is waited for.
fn folder(path: &Path) -> Option<Fault> {
    let args = vec![("path", shown(path))];
    let why = match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => access(path, Access::READ_OK | Access::EXEC_OK).err()?.into(),
        Ok(_) => std::io::ErrorKind::NotADirectory.into(),
        Err(e) => e,
    };
    Some((FindingId::FolderUnreadable, with_why(args, &why)))
}

fn device(path: &Path) -> Option<Fault> {
    let args = vec![("path", shown(path))];
    let there = std::fs::metadata(path).is_ok_and(|m| m.file_type().is_char_device());
    if !there {
        return Some((FindingId::DeviceMissing, args));
    }
    let why = access(path, Access::READ_OK | Access::WRITE_OK).err()?;
    Some((FindingId::DeviceNoPermission, with_why(args, &why.into())))
}

fn shown(path: &Path) -> Arg {
    Arg::from(path.to_string_lossy().into_owned())
}

/// What the system says, without the number that `std` puts after it.
fn system(error: &std::io::Error) -> Arg {
    let text = error.to_string();
    Arg::from(text.split(" (os error").next().unwrap_or_default())
}

fn with_why(mut args: Vec<(&'static str, Arg)>, error: &std::io::Error) -> Vec<(&'static str, Arg)> {
    args.push(("why", system(error)));
    args
}
