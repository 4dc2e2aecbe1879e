//! Findings: what is wrong with a configuration, where, and what to do about it.
//!
//! Promises: a closed list of ids, each with a text and a remedy in every language; no secret in any argument.
//! Leaves to others: finding them (`read`, `cross`, `files`), the words (`text`).

use crate::text::{Arg, Texts};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// Most findings of one file; more are counted in a last one.
pub const FINDINGS_MAX: usize = 200;

/// Longest value of the file that a finding quotes, in characters.
pub const QUOTE_CHARS_MAX: usize = 60;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The configuration, or the part it names, cannot work.
    Error,
    /// It works, and is probably not meant so.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

macro_rules! finding_ids {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $severity:ident;)*) => {
        /// What is wrong. The text form is stable; with `finding-` before it, it is the id of the text.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FindingId { $($(#[$doc])* $name,)* }

        impl FindingId {
            /// All of them, for texts and tests.
            pub const ALL: &'static [FindingId] = &[$(Self::$name,)*];

            /// Stable text, `unknown-key` and the like.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// How bad it is.
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }
        }
    };
}

finding_ids! {
    // The file as a whole.
    /// The file is longer than [`super::CONFIG_BYTES_MAX`].
    FileTooBig = "file-too-big", Error;
    /// The file cannot be read.
    FileUnreadable = "file-unreadable", Error;
    /// The file is not UTF-8.
    FileNotUtf8 = "file-not-utf8", Error;
    /// Not TOML.
    Syntax = "syntax", Error;
    /// More than [`FINDINGS_MAX`] findings.
    TooManyFindings = "too-many-findings", Error;

    // Keys and values.
    /// A key that does not exist.
    UnknownKey = "unknown-key", Error;
    /// A section of a later version.
    LaterSection = "later-section", Error;
    /// A key that must be there.
    MissingKey = "missing-key", Error;
    /// A value of the wrong type.
    WrongType = "wrong-type", Error;
    /// A number outside its limits.
    OutOfRange = "out-of-range", Error;
    /// An empty text.
    EmptyText = "empty-text", Error;
    /// A text that is too long.
    TextTooLong = "text-too-long", Error;
    /// A value outside a closed list.
    NotAChoice = "not-a-choice", Error;
    /// A size that is no number with a unit.
    BadSize = "bad-size", Error;
    /// Two keys that exclude each other.
    ExclusiveKeys = "exclusive-keys", Error;
    /// An array with too many entries.
    TooManyEntries = "too-many-entries", Error;

    // Cameras.
    /// No camera is configured.
    NoCamera = "no-camera", Warning;
    /// A camera id with wrong characters or length.
    BadCameraId = "bad-camera-id", Error;
    /// Two cameras with one id.
    DuplicateCameraId = "duplicate-camera-id", Error;
    /// An address that cannot be understood.
    BadAddress = "bad-address", Error;
    /// An address of a kind that is not recorded.
    BadScheme = "bad-scheme", Error;
    /// A password inside an address.
    PasswordInAddress = "password-in-address", Error;
    /// A password in the configuration itself.
    PasswordInConfig = "password-in-config", Error;
    /// What looks like a password in the path or query of an address.
    PasswordInQuery = "password-in-query", Warning;
    /// A password without a user.
    PasswordWithoutUser = "password-without-user", Error;
    /// A user without a password.
    UserWithoutPassword = "user-without-password", Warning;
    /// A name that no environment variable has.
    BadVariable = "bad-variable", Error;
    /// A V4L2 path that is no device path.
    BadDevicePath = "bad-device-path", Error;
    /// A device number, which changes from start to start.
    DeviceNumber = "device-number", Warning;
    /// A key that means nothing for this kind of camera.
    KeyNotForSource = "key-not-for-source", Error;
    /// A key that means nothing without another.
    KeyWithout = "key-without", Warning;
    /// Main and sub-stream are the same.
    SubEqualsMain = "sub-equals-main", Error;
    /// Two cameras with one address.
    DuplicateAddress = "duplicate-address", Warning;
    /// More than two sessions on one host.
    ManySessions = "many-sessions", Warning;
    /// Sound without a legal basis.
    AudioNeedsBasis = "audio-needs-basis", Error;
    /// A mask that is no polygon inside the picture.
    BadMask = "bad-mask", Error;
    /// Points or heights that are no calibration.
    BadGround = "bad-ground", Error;

    // Rules.
    /// A rule id with wrong characters or length.
    BadRuleId = "bad-rule-id", Error;
    /// Two rules with one id.
    DuplicateRuleId = "duplicate-rule-id", Error;
    /// A schedule that cannot be understood.
    BadSchedule = "bad-schedule", Error;
    /// A zone that is no polygon with an area inside the picture.
    BadZone = "bad-zone", Error;
    /// A line that is not two points of the picture.
    BadLine = "bad-line", Error;
    /// A class that does not exist.
    BadClass = "bad-class", Error;
    /// A rule for a camera that is not configured.
    UnknownCamera = "unknown-camera", Error;
    /// A rule for a camera of which nothing is recorded.
    RuleWithoutStream = "rule-without-stream", Warning;
    /// A rule without an id: it is called by its position.
    RuleWithoutId = "rule-without-id", Warning;
    /// No authorisation is in force: rules are not armed.
    RulesNotArmed = "rules-not-armed", Warning;
    /// A rule whose plugin is not in the folder.
    PluginMissing = "plugin-missing", Warning;
    /// A rule whose plugin does not start: its keys are not checked.
    PluginNotStarted = "plugin-not-started", Warning;
    /// A number outside the limits of a plugin's schema.
    OutOfLimits = "out-of-limits", Error;
    /// A list with too few or too many entries for a plugin's schema.
    WrongCount = "wrong-count", Error;
    /// Fewer pixels a metre at the far edge than a rule needs.
    BelowGate = "below-gate", Warning;
    /// Rules need pixels a metre of a camera that is not calibrated.
    NotCalibrated = "not-calibrated", Warning;
    /// A trusted key that is no minisign public key.
    BadTrustedKey = "bad-trusted-key", Error;

    // Storage, server, site.
    /// More than 30 days without a legal basis.
    KeepNeedsBasis = "keep-needs-basis", Error;
    /// One storage path inside another, or twice the same.
    StorageOverlap = "storage-overlap", Error;
    /// A name that no account has.
    BadAccount = "bad-account", Error;
    /// A name that no time zone has.
    BadTimezone = "bad-timezone", Error;

    // What the configuration says about this machine.
    /// A storage folder that is not there yet.
    StorageMissing = "storage-missing", Warning;
    /// A storage path that is no folder.
    StorageNotFolder = "storage-not-folder", Error;
    /// A storage folder that cannot be written.
    StorageNoPermission = "storage-no-permission", Error;
    /// Two storage folders on one disk.
    StorageSameDisk = "storage-same-disk", Warning;
    /// A password file that is not there.
    PasswordFileMissing = "password-file-missing", Error;
    /// A password file that cannot be read.
    PasswordFileUnreadable = "password-file-unreadable", Error;
    /// A password file without a password.
    PasswordFileEmpty = "password-file-empty", Error;
    /// A password file that others can read.
    PasswordFileOpen = "password-file-open", Warning;
    /// An environment variable that is not set.
    VariableUnset = "variable-unset", Warning;
    /// A device that is not there.
    DeviceMissing = "device-missing", Warning;
    /// A device that may not be opened.
    DeviceNoPermission = "device-no-permission", Error;
    /// A folder of plugins or models that is not there or cannot be read.
    FolderUnreadable = "folder-unreadable", Warning;
    /// A folder for the socket that is not there or cannot be written.
    SocketFolder = "socket-folder", Error;
    /// A time zone that this machine does not know.
    UnknownTimezone = "unknown-timezone", Error;
}

impl FindingId {
    /// The id of the text; its attribute `remedy` is the remedy.
    pub fn text_id(self) -> String {
        format!("finding-{}", self.as_str())
    }
}

impl Serialize for FindingId {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

/// A place in the file; both count from 1, columns in characters. `None` where no place exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct Place {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The file; empty when the text did not come from one.
    pub file: PathBuf,
    /// Where; `None` for the file as a whole.
    pub place: Option<Place>,
    /// Path of the key, `camera[gate].url`; empty for the file as a whole.
    pub key: String,
    /// What.
    pub id: FindingId,
    /// Values of the text, by name. Never a secret.
    pub args: Vec<(&'static str, Arg)>,
}

impl Finding {
    /// Error or warning.
    pub fn severity(&self) -> Severity {
        self.id.severity()
    }

    fn with_key(&self) -> Vec<(&'static str, Arg)> {
        let mut args = self.args.clone();
        args.push(("key", Arg::from(self.key.as_str())));
        args
    }

    /// The sentence that says what is wrong.
    pub fn message(&self, texts: &Texts) -> String {
        texts.text(&self.id.text_id(), &self.with_key())
    }

    /// The sentence that says what to do.
    pub fn remedy(&self, texts: &Texts) -> String {
        texts.text(&format!("{}.remedy", self.id.text_id()), &self.with_key())
    }

    /// `file:line:column`, as far as they are known.
    pub fn location(&self) -> String {
        let file = crate::text::printable(&self.file.to_string_lossy());
        match self.place {
            Some(p) => format!("{file}:{}:{}", p.line, p.column),
            None => file,
        }
    }
}

/// A value of the file, cut to [`QUOTE_CHARS_MAX`] and without control characters. Not for secrets.
pub(crate) fn quote(text: &str) -> Arg {
    let mut short: String = text.chars().take(QUOTE_CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    Arg::from(short)
}
