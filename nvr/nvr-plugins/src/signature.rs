//! Whether a plugin may run by who signed it (minisign: Ed25519 over the file, prehashed with BLAKE2b).
//!
//! Promises: pure: [`may_run`] says yes only for a signature of a trusted key over exactly these bytes, or for none at
//!   all where the administrator allows that; a wrong signature is never taken for none.
//! Leaves to others: reading key files and the copy (`staging`).

use minisign_verify::{PublicKey, Signature};

/// Most trusted keys.
pub const KEYS_MAX: usize = 32;
/// Longest signature file, in bytes.
pub const SIGNATURE_LEN_MAX: usize = 4096;

/// Whom the administrator trusts.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    keys: Vec<PublicKey>,
    allow_unsigned: bool,
}

/// Why a plugin may not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A trusted key cannot be read.
    #[error("`trusted_keys`: `{0}` is no minisign public key")]
    Key(String),
    /// Too many keys.
    #[error("`trusted_keys`: more than {KEYS_MAX}")]
    Keys,
    /// No signature, and none is needed only where the administrator says so.
    #[error(
        "not signed; sign it with minisign, or set `allow_unsigned = true` on a site where that is right"
    )]
    Unsigned,
    /// The signature file is none.
    #[error("the signature cannot be read: {0}")]
    Format(String),
    /// No trusted key made this signature of these bytes.
    #[error("the signature is of no trusted key, or not of this file")]
    Untrusted,
}

/// What [`may_run`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// By the trusted key at this place of the list.
    By(usize),
    /// By nobody, as the configuration allows.
    Nobody,
}

impl Trust {
    /// `keys` are minisign public keys in base64, as the second line of a `.pub` file has them.
    ///
    /// # Errors
    /// The key that is none.
    pub fn new(keys: &[String], allow_unsigned: bool) -> Result<Self, SignatureError> {
        if keys.len() > KEYS_MAX {
            return Err(SignatureError::Keys);
        }
        let key = |k: &String| {
            PublicKey::from_base64(k.trim()).map_err(|_| SignatureError::Key(k.chars().take(64).collect()))
        };
        Ok(Self { keys: keys.iter().map(key).collect::<Result<_, _>>()?, allow_unsigned })
    }
}

/// Whether `bytes` may run with this `signature` beside it.
///
/// # Errors
/// Why not.
pub fn may_run(bytes: &[u8], signature: Option<&str>, trust: &Trust) -> Result<Signed, SignatureError> {
    let Some(text) = signature else {
        return if trust.allow_unsigned { Ok(Signed::Nobody) } else { Err(SignatureError::Unsigned) };
    };
    if text.len() > SIGNATURE_LEN_MAX {
        return Err(SignatureError::Format("too long".into()));
    }
    let signature = Signature::decode(text).map_err(|e| SignatureError::Format(e.to_string()))?;
    // The old form signs the bytes themselves; the library has it behind the same door, and it is not needed.
    let by = |key: &PublicKey| key.verify(bytes, &signature, false).is_ok();
    trust.keys.iter().position(by).map(Signed::By).ok_or(SignatureError::Untrusted)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key and signature of the file `test`, as published in minisign-verify's documentation.
    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    const SIGNATURE: &str = "untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1556193335\tfile:test
y/rUw2y8/hOUYjZU71eHp/Wo1KZ40fGy2VJEDl34XMJM+TX48Ss/17u3IvIfbVR1FkZZSNCisQbuQY+bHwhEBg==";

    fn check(bytes: &[u8], signature: Option<&str>, keys: &[&str], allow_unsigned: bool, expected: &str) {
        let keys: Vec<String> = keys.iter().map(|k| (*k).to_owned()).collect();
        let got = Trust::new(&keys, allow_unsigned).and_then(|t| may_run(bytes, signature, &t));
        let got = got.map_or_else(|e| e.to_string(), |s| format!("{s:?}"));
        assert!(got.contains(expected), "{got} instead of {expected}");
    }

    #[test]
    fn who_may_run() {
        check(b"test", Some(SIGNATURE), &[KEY], false, "By(0)");
        check(b"test", Some(SIGNATURE), &[], true, "no trusted key");
        check(b"tesT", Some(SIGNATURE), &[KEY], true, "not of this file");
        check(b"test", Some("nonsense"), &[KEY], true, "cannot be read");
        check(b"test", None, &[KEY], false, "not signed");
        check(b"test", None, &[KEY], true, "Nobody");
        check(b"test", None, &["nonsense"], true, "no minisign public key");
        check(b"test", None, &[KEY; KEYS_MAX + 1], true, "more than");
    }
}
