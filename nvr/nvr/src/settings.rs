//! From configuration to what the parts are told.
//!
//! Promises: pure but for reading a password at use time; each setting is translated in one place.
//! Leaves to others: checking the configuration (`nvr_base::config`).

use nvr_base::config::{self, Address, Config, StreamConfig};
use nvr_ingest::{Secret, SessionConfig, Transport};
use nvr_store::{CameraRetention, RetentionConfig, StoreConfig};

/// What the store is told.
pub(crate) fn store(config: &Config) -> StoreConfig {
    StoreConfig {
        disks: config.storage.paths.clone(),
        retention: retention(config),
        ..StoreConfig::default()
    }
}

/// What is kept how long.
pub(crate) fn retention(config: &Config) -> RetentionConfig {
    let own = |camera: &config::Camera| {
        let differs = CameraRetention {
            keep_days_main: camera.keep_days,
            keep_days_sub: camera.sub_keep_days.or(camera.keep_days),
            bytes_max: None,
        };
        (camera.id.clone(), differs)
    };
    RetentionConfig {
        keep_days_main: config.storage.keep_days,
        keep_days_sub: config.storage.sub_keep_days,
        keep_free_percent: u8::try_from(config.storage.keep_free_percent).unwrap_or(100),
        bytes_max: config.storage.max_bytes,
        cameras: config.cameras.iter().map(own).collect(),
    }
}

/// What an RTSP session is told; the password is read now. The second is a sentence on why it could not be read: the
/// session is then made without it, so that the camera's own answer is shown too. Both are `None` for a device.
pub(crate) fn session(stream: &StreamConfig) -> (Option<SessionConfig>, Option<String>) {
    let Address::Rtsp(rtsp) = &stream.address else { return (None, None) };
    let mut session = SessionConfig::new(stream.id.clone(), rtsp.url.clone());
    session.user = rtsp.user.clone();
    session.transport = match stream.transport {
        config::Transport::Tcp => Transport::Tcp,
        config::Transport::Udp => Transport::Udp,
    };
    session.audio = stream.audio;
    match stream.password.as_ref().map(config::Password::read) {
        None => (Some(session), None),
        Some(Ok(secret)) => {
            session.password = Some(Secret::new(secret.reveal()));
            (Some(session), None)
        }
        Some(Err(error)) => (Some(session), Some(error.to_string())),
    }
}
