//! Who is at the other end: the peer credentials of the socket.
//!
//! Promises: identity comes from the kernel, never from the client's words.
//! Leaves to others: what that person may do (`role`).

use rustix::net::sockopt::socket_peercred;
use std::io;
use std::os::fd::AsFd;

/// Longest account name taken from the account database.
const ACCOUNT_LEN_MAX: usize = 64;

/// A Unix account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its number.
    pub uid: u32,
    /// Its name, or `uid N` when the account database does not know it.
    pub account: String,
}

impl Peer {
    /// The account of the process that connected.
    ///
    /// # Errors
    /// The kernel's, when the socket has no credentials.
    pub fn of(socket: impl AsFd) -> io::Result<Self> {
        Ok(Self::from_uid(socket_peercred(socket)?.uid.as_raw()))
    }

    /// The account this process runs as.
    pub fn own() -> Self {
        Self::from_uid(rustix::process::getuid().as_raw())
    }

    fn from_uid(uid: u32) -> Self {
        // The local account file only: a box has no directory service, and a lookup must not leave the box.
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        Self { uid, account: account_of(&passwd, uid).unwrap_or_else(|| format!("uid {uid}")) }
    }
}

fn account_of(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|n| !n.is_empty() && n.len() <= ACCOUNT_LEN_MAX)?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_names_come_from_the_account_file() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\n\nbroken\nguard:x:1001:1001::/home/guard:/bin/sh\n";
        for (uid, name) in [(0, Some("root")), (1001, Some("guard")), (5, None)] {
            assert_eq!(account_of(passwd, uid).as_deref(), name);
        }
    }
}
