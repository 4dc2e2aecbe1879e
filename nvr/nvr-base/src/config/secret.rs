//! Secrets: values that are used and never shown.
//!
//! Promises: `Debug` and `Display` print `***`; a password is read when it is used, so a new one needs no reload.
//! Leaves to others: handing it to a camera (`nvr-ingest`), file permissions (`files`).

use std::fmt;
use std::io::Read;
use std::path::PathBuf;

/// Longest password file, in bytes.
pub const PASSWORD_BYTES_MAX: u64 = 4096;

/// A value that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The value, for the one place that uses it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a camera's password is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// First line of this file.
    File(PathBuf),
    /// This environment variable.
    Env(String),
}

/// Why a password could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error(
        "the password file {path} cannot be read: {source}; make it readable for the recorder only (chmod 600)"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file holds no password.
    #[error(
        "the first line of the password file {0} is empty, too long or not UTF-8; write the password there"
    )]
    Content(PathBuf),
    /// The variable is not set.
    #[error(
        "the environment variable {0} with the password is not set or not UTF-8; set it for the recorder's service"
    )]
    Env(String),
}

impl Password {
    /// Reads the password now.
    ///
    /// # Errors
    /// The file or variable cannot be read or holds nothing.
    pub fn read(&self) -> Result<Secret, SecretError> {
        match self {
            Self::Env(name) => match std::env::var(name) {
                Ok(value) if !value.is_empty() => Ok(Secret(value)),
                _ => Err(SecretError::Env(name.clone())),
            },
            Self::File(path) => {
                let mut bytes = Vec::new();
                // A pipe or device could block or never end.
                let plain = std::fs::metadata(path).and_then(|m| match m.is_file() {
                    true => Ok(()),
                    false => Err(std::io::Error::other("not a plain file")),
                });
                plain
                    .and_then(|()| std::fs::File::open(path))
                    .and_then(|f| f.take(PASSWORD_BYTES_MAX + 1).read_to_end(&mut bytes))
                    .map_err(|source| SecretError::File { path: path.clone(), source })?;
                let bad = || SecretError::Content(path.clone());
                if bytes.len() as u64 > PASSWORD_BYTES_MAX {
                    return Err(bad());
                }
                let text = String::from_utf8(bytes).map_err(|_| bad())?;
                match text.lines().next() {
                    Some(line) if !line.is_empty() => Ok(Secret(line.to_owned())),
                    _ => Err(bad()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
        assert_eq!(secret.reveal(), "hunter2");
    }

    #[test]
    fn the_first_line_of_the_file_is_the_password() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pw");
        let long = "x".repeat(5000);
        for (content, expected) in [
            ("hunter2\n", Some("hunter2")),
            ("hunter2\r\nmore", Some("hunter2")),
            (" a b ", Some(" a b ")),
            ("", None),
            ("\n", None),
            (long.as_str(), None),
        ] {
            std::fs::write(&file, content).unwrap();
            let got = Password::File(file.clone()).read().ok();
            assert_eq!(got.as_ref().map(Secret::reveal), expected, "{content:.20?}");
        }
        assert!(Password::File(folder.path().join("none")).read().is_err());
    }
}
