//! What a session needs to know of its camera.
//!
//! Promises: a secret never reaches a log, an error or a `Debug` text.
//! Leaves to others: reading it from the configuration file (`nvr`), using it (`rtsp`).

use crate::session::Patience;
pub use crate::session::{CONNECT_DEFAULT, STALL_DEFAULT};
use nvr_base::StreamId;
use std::fmt;
use url::Url;

/// A password. Its `Debug` text is `***`; it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// How RTP travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// Interleaved in the RTSP connection (RFC 2326 §10.12).
    #[default]
    Tcp,
    /// UDP unicast.
    Udp,
}

/// One stream of one camera, as configured. Two equal configurations need no restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionConfig {
    /// The stream it feeds.
    pub stream: StreamId,
    /// `rtsp://host[:port]/path`, without user and password.
    pub url: Url,
    /// User name, where the camera asks for one.
    pub user: Option<String>,
    /// Password of that user.
    pub password: Option<Secret>,
    /// How RTP travels.
    pub transport: Transport,
    /// Sound may be recorded. When false, sound is not even asked for.
    pub audio: bool,
    /// How long to wait for a connection and for a sample.
    pub patience: Patience,
}

impl SessionConfig {
    /// A stream at `url` with defaults: TCP, no credentials, no sound, usual patience.
    pub fn new(stream: StreamId, url: Url) -> Self {
        Self {
            stream,
            url,
            user: None,
            password: None,
            transport: Transport::Tcp,
            audio: false,
            patience: Patience::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvr_base::StreamKind;

    #[test]
    fn no_secret_in_debug_text() {
        let mut config = SessionConfig::new(
            StreamId::new("gate".parse().unwrap(), StreamKind::Main),
            Url::parse("rtsp://h/a").unwrap(),
        );
        config.password = Some(Secret::new("hunter2"));
        let text = format!("{config:?}");
        assert!(text.contains("***") && !text.contains("hunter2"), "{text}");
    }
}
