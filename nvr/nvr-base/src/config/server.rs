//! `[server]`: the local socket, and who may do what.
//!
//! Promises: roles name Unix accounts, nothing else.
//! Leaves to others: peer credentials and refusing (`nvr-gateway`).

use super::claim::ClaimKind;
use super::finding::{FindingId, quote};
use super::section::{Report, Section};
use super::storage::{PATH_CHARS_MAX, Storage};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Most accounts in one role.
pub const ACCOUNTS_PER_ROLE_MAX: usize = 200;

/// Longest account name, in characters (useradd(8)).
const ACCOUNT_CHARS_MAX: usize = 32;

/// What a person is to the recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees pictures and state.
    Viewer,
    /// On watch: handles, locks, exports.
    Operator,
    /// Installs and configures.
    Technician,
    /// Data protection, ethics committee: sees what was done.
    Auditor,
    /// All of it.
    Administrator,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 5] =
        [Self::Viewer, Self::Operator, Self::Technician, Self::Auditor, Self::Administrator];

    /// The key in `[server.roles]`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Technician => "technician",
            Self::Auditor => "auditor",
            Self::Administrator => "administrator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// `[server]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Where the socket is.
    pub socket: PathBuf,
    /// The configuration does not say where, so it is `nvr.sock` in the first storage path.
    pub socket_is_default: bool,
    /// Unix accounts of each role.
    pub roles: BTreeMap<Role, Vec<String>>,
}

impl Server {
    /// Roles of a Unix account.
    pub fn roles_of(&self, account: &str) -> Vec<Role> {
        self.roles
            .iter()
            .filter(|(_, names)| names.iter().any(|n| n == account))
            .map(|(role, _)| *role)
            .collect()
    }

    /// Reads `[server]`.
    pub(crate) fn read(mut section: Section<'_>, report: &mut Report<'_>, storage: &Storage) -> Self {
        let text = section.text(report, "socket", PATH_CHARS_MAX);
        let socket_is_default = text.is_none();
        let (at, key) = (text.as_ref().map_or(section.at, |t| t.at), section.key("socket"));
        let socket = match &text {
            Some(text) => PathBuf::from(text.text),
            None => storage.paths.first().cloned().unwrap_or_default().join("nvr.sock"),
        };
        if text.is_some() {
            report.claim(at, &key, ClaimKind::Socket(socket.clone()));
        }

        let mut roles = BTreeMap::new();
        let mut section_roles = section.section(report, "roles");
        for role in Role::ALL {
            if let Some(entry) = section_roles.entry(role.as_str()) {
                let names = entry.list(report, ACCOUNTS_PER_ROLE_MAX).into_iter().flatten();
                roles.insert(role, names.filter_map(|name| account(name, report)).collect());
            }
        }
        section_roles.finish(report, |_| None);
        section.finish(report, |_| None);
        Self { socket, socket_is_default, roles }
    }
}

/// A Unix account name as Debian makes them, capitals and dots of directories included.
fn account(entry: super::section::Entry<'_>, report: &mut Report<'_>) -> Option<String> {
    let text = entry.text(report, usize::MAX)?;
    let first = text.text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let rest = text.text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.@".contains(c));
    if first && rest && text.text.len() <= ACCOUNT_CHARS_MAX {
        return Some(text.text.to_owned());
    }
    report.add(text.at, &text.key, FindingId::BadAccount, vec![("value", quote(text.text))]);
    None
}
