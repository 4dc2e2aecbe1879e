//! What each role may ask.
//!
//! Promises: pure; a command without a rule does not compile; what is not allowed is refused by name.
//! Leaves to others: who has which role (the configuration's `[server.roles]`).

use crate::peer::Peer;
use crate::request::Command;
use nvr_base::config::{Role, Server};

/// Who may do what, from the configuration and the daemon's own account.
#[derive(Debug, Clone)]
pub struct Roles {
    server: Server,
    owner_uid: u32,
}

impl Roles {
    /// The account of `owner_uid` (the daemon's own) and root are administrators; others as `server` says.
    pub fn new(owner_uid: u32, server: Server) -> Self {
        Self { server, owner_uid }
    }

    /// Whether `peer` may ask `command`.
    ///
    /// # Errors
    /// A sentence that names the account, the command and the roles that would do.
    pub fn may(&self, peer: &Peer, command: &Command) -> Result<(), String> {
        let (name, allowed) = rule(command);
        let has = self.server.roles_of(&peer.account);
        let admin = peer.uid == 0 || peer.uid == self.owner_uid || has.contains(&Role::Administrator);
        if admin || allowed.iter().any(|r| has.contains(r)) {
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
        Command::Alerts { .. } => ("alerts", &[Viewer, Operator, Technician, Auditor]),
        Command::AlertAct { .. } => ("alerts take|confirm|…", &[Operator]),
        Command::Counts { .. } => ("counts", &[Viewer, Operator, Technician, Auditor]),
        Command::Blind { .. } => ("blind", &[Viewer, Operator, Technician, Auditor]),
        Command::Locks {} => ("locks", &[Operator, Technician, Auditor]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvr_base::alert::{Action, AlertId};

    fn check(account: &str, uid: u32, command: Command, allowed: bool) {
        let roles = [
            (Role::Viewer, "guard"),
            (Role::Auditor, "dpo"),
            (Role::Operator, "watch"),
            (Role::Administrator, "chief"),
        ];
        let server = Server {
            socket: "/run/nvr.sock".into(),
            socket_is_default: false,
            roles: roles.into_iter().map(|(r, a)| (r, vec![a.to_owned()])).collect(),
        };
        let peer = Peer { uid, account: account.into() };
        assert_eq!(Roles::new(990, server).may(&peer, &command).is_ok(), allowed, "{account} {command:?}");
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
        let act = || {
            let id = AlertId { run: 1, number: 2 };
            Command::AlertAct { id, action: Action::Take, reason: None }
        };
        let list = || Command::Alerts { state: None, camera: None, rule: None, from: None, to: None };
        for (account, uid, may_act) in [("guard", 1001, false), ("dpo", 1002, false), ("watch", 1004, true)] {
            check(account, uid, act(), may_act);
            check(account, uid, list(), true);
        }
        check("stranger", 1009, list(), false);
    }
}
