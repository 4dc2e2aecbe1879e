//! Roles, and what each may ask.
//!
//! Promises: pure; a command without a rule does not compile; what is not allowed is refused by name.
//! Leaves to others: who has which role (the configuration's `[server.roles]`).

use crate::peer::Peer;
use crate::request::Command;
use std::collections::{BTreeMap, BTreeSet};

/// What a person is to the box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Sees states.
    Viewer,
    /// Watches, exports, protects footage.
    Operator,
    /// Installs and repairs.
    Technician,
    /// Data protection and ethics committee: sees everything that was done.
    Auditor,
    /// Everything.
    Administrator,
}

impl Role {
    /// The configuration's word for it.
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

impl std::str::FromStr for Role {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Viewer, Self::Operator, Self::Technician, Self::Auditor, Self::Administrator]
            .into_iter()
            .find(|r| r.as_str() == text)
            .ok_or(())
    }
}

/// Who has which roles.
#[derive(Debug, Clone, Default)]
pub struct Roles {
    by_account: BTreeMap<String, BTreeSet<Role>>,
    owner_uid: u32,
}

impl Roles {
    /// The account of `owner_uid` (the daemon's own) and root are administrators; others by `by_account`.
    pub fn new(owner_uid: u32, by_account: BTreeMap<String, BTreeSet<Role>>) -> Self {
        Self { by_account, owner_uid }
    }

    /// Whether `peer` may ask `command`.
    ///
    /// # Errors
    /// A sentence that names the account, the command and the roles that would do.
    pub fn may(&self, peer: &Peer, command: &Command) -> Result<(), String> {
        let (name, allowed) = rule(command);
        let admin = peer.uid == 0 || peer.uid == self.owner_uid;
        let has = self.by_account.get(&peer.account);
        let ok = admin
            || has.is_some_and(|roles| {
                roles.contains(&Role::Administrator) || allowed.iter().any(|r| roles.contains(r))
            });
        if ok {
            return Ok(());
        }
        let wanted = allowed.iter().map(|r| r.as_str()).collect::<Vec<_>>().join(", ");
        Err(format!(
            "account `{}` may not run `{name}`; it needs one of these roles: {wanted}, administrator \
             ([server.roles] in the configuration)",
            peer.account
        ))
    }
}

fn rule(command: &Command) -> (&'static str, &'static [Role]) {
    use Role::{Auditor, Operator, Technician, Viewer};
    match command {
        Command::Status {} => ("status", &[Viewer, Operator, Technician, Auditor]),
        Command::Timeline { .. } => ("timeline", &[Viewer, Operator, Technician, Auditor]),
        Command::Export { .. } => ("export", &[Operator]),
        Command::Picture { .. } => ("picture", &[Operator]),
        Command::Verify {} => ("verify", &[Technician, Auditor]),
        Command::Rebuild {} => ("rebuild", &[Technician]),
        Command::Lock { .. } => ("lock", &[Operator, Auditor]),
        Command::Unlock { .. } => ("unlock", &[Auditor]),
        Command::Locks {} => ("locks", &[Operator, Technician, Auditor]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(account: &str, uid: u32, command: Command, allowed: bool) {
        let roles = Roles::new(
            990,
            BTreeMap::from([
                ("guard".into(), BTreeSet::from([Role::Viewer])),
                ("dpo".into(), BTreeSet::from([Role::Auditor])),
                ("chief".into(), BTreeSet::from([Role::Administrator])),
            ]),
        );
        let peer = Peer { uid, account: account.into() };
        assert_eq!(roles.may(&peer, &command).is_ok(), allowed, "{account} {command:?}");
    }

    #[test]
    fn roles_decide() {
        check("root", 0, Command::Rebuild {}, true);
        check("nvr", 990, Command::Rebuild {}, true);
        check("chief", 1003, Command::Rebuild {}, true);
        check("guard", 1001, Command::Status {}, true);
        check("guard", 1001, Command::Verify {}, false);
        check("dpo", 1002, Command::Verify {}, true);
        check("dpo", 1002, Command::Rebuild {}, false);
        check("stranger", 1009, Command::Status {}, false);
    }
}
