//! `[[camera]]`: one camera, and the streams it gives.
//!
//! Promises: a valid id and address; sound only with a legal basis; no password in it, only where to read it.
//! Leaves to others: what concerns several cameras (`cross`), connecting (`nvr-ingest`).

use super::address::{ADDRESS_CHARS_MAX, Address, AddressFault};
use super::claim::ClaimKind;
use super::cross::Sketch;
use super::finding::{FindingId, quote};
use super::secret::Password;
use super::section::{Report, Section, Text};
use super::site::NAME_CHARS_MAX;
use super::storage::{BASIS_CHARS_MAX, PATH_CHARS_MAX, Storage, keep_days};
use super::{ground, mask};
use crate::geometry::Polygon;
use crate::ground::Ground;
use crate::text::{Arg, printable};
use crate::{CameraId, StreamId, StreamKind};
use std::path::PathBuf;

/// How RTP comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// Interleaved in the RTSP connection.
    #[default]
    Tcp,
    /// Datagrams: lost ones are lost.
    Udp,
}

/// What to ask of a V4L2 device; what is absent is the device's own choice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct V4l2Options {
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
    /// Frames per second.
    pub fps: Option<u32>,
    /// V4L2 pixel format, `H264`, `MJPG`, `YUYV` and the like.
    pub format: Option<&'static str>,
    /// Rate of the encoder, where one is needed.
    pub bitrate_kbps: Option<u32>,
}

/// Pixel formats that can be asked for.
const FORMATS: [(&str, &str); 10] = [
    ("H264", "H264"),
    ("HEVC", "HEVC"),
    ("MJPG", "MJPG"),
    ("YUYV", "YUYV"),
    ("UYVY", "UYVY"),
    ("NV12", "NV12"),
    ("YU12", "YU12"),
    ("RGB3", "RGB3"),
    ("BGR3", "BGR3"),
    ("GREY", "GREY"),
];

/// `[[camera]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Camera {
    /// Name for machines.
    pub id: CameraId,
    /// Name for people; the id when absent.
    pub name: String,
    /// Main stream.
    pub main: Address,
    /// Sub-stream.
    pub sub: Option<Address>,
    /// Where the password is.
    pub password: Option<Password>,
    /// How RTP comes.
    pub transport: Transport,
    /// Store sound of the main stream.
    pub audio: bool,
    /// Why sound may be stored.
    pub legal_basis: Option<String>,
    /// Record the main stream.
    pub record: bool,
    /// Record the sub-stream.
    pub record_sub: bool,
    /// Days the main stream is kept, when not as `[storage]` says.
    pub keep_days: Option<u32>,
    /// Days the sub-stream is kept, when not as `keep_days`.
    pub sub_keep_days: Option<u32>,
    /// Parts of the picture that analysis must not look at.
    pub masks: Vec<Polygon>,
    /// Its calibration: from the picture to metres on the ground.
    pub ground: Option<Ground>,
    /// For a V4L2 device.
    pub v4l2: V4l2Options,
}

/// One stream to record: all that its session and its recorder need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamConfig {
    /// Which.
    pub id: StreamId,
    /// Name of the camera for people.
    pub name: String,
    /// Where it comes from.
    pub address: Address,
    /// Where the password is.
    pub password: Option<Password>,
    /// How RTP comes.
    pub transport: Transport,
    /// Store its sound.
    pub audio: bool,
    /// Days it is kept.
    pub keep_days: u32,
    /// For a V4L2 device.
    pub v4l2: V4l2Options,
}

impl Camera {
    /// Days footage of one stream is kept: the camera's own word, then its main stream's, then `[storage]`'s.
    pub fn keep_days(&self, kind: StreamKind, storage: &Storage) -> u32 {
        match kind {
            StreamKind::Main => self.keep_days.unwrap_or(storage.keep_days),
            StreamKind::Sub => self.sub_keep_days.or(self.keep_days).unwrap_or(storage.sub_keep_days),
        }
    }

    /// The stream that analysis looks at: the recorded sub-stream, which has the pixels a detector wants at a tenth of the
    /// cost, else the recorded main stream.
    pub fn analysed(&self) -> Option<StreamKind> {
        let sub = (self.sub.is_some() && self.record_sub).then_some(StreamKind::Sub);
        sub.or(self.record.then_some(StreamKind::Main))
    }

    /// The streams of this camera that are recorded.
    pub fn streams(&self, storage: &Storage) -> Vec<StreamConfig> {
        let stream = |kind, address: &Address| StreamConfig {
            id: StreamId::new(self.id.clone(), kind),
            name: self.name.clone(),
            address: address.clone(),
            password: self.password.clone(),
            transport: self.transport,
            audio: self.audio && kind == StreamKind::Main,
            keep_days: self.keep_days(kind, storage),
            v4l2: if kind == StreamKind::Main { self.v4l2.clone() } else { V4l2Options::default() },
        };
        let main = self.record.then(|| stream(StreamKind::Main, &self.main));
        let sub = self.sub.as_ref().filter(|_| self.record_sub).map(|sub| stream(StreamKind::Sub, sub));
        main.into_iter().chain(sub).collect()
    }

    /// Reads `[[camera]]`; no camera when it has no usable id or address, which is reported.
    pub(crate) fn read(
        mut section: Section<'_>,
        report: &mut Report<'_>,
        long_storage: bool,
    ) -> (Sketch, Option<Self>) {
        let id = read_id(&mut section, report);
        if let Some(id) = &id {
            section.path = format!("camera[{id}]");
        }
        let name = section.text(report, "name", NAME_CHARS_MAX).map(|t| printable(t.text));
        let url = section.text(report, "url", ADDRESS_CHARS_MAX);
        if url.is_none() && !section.has("url") {
            section.missing(report, "url");
        }
        let sub_url = section.text(report, "sub_url", ADDRESS_CHARS_MAX);
        let main = url.as_ref().and_then(|text| read_address(text, report));
        let sub = sub_url.as_ref().and_then(|text| read_address(text, report));
        if let (Some(main), Some(sub), Some(text)) = (&main, &sub, &sub_url)
            && main == sub
        {
            report.add(text.at, &text.key, FindingId::SubEqualsMain, vec![]);
        }
        let addresses: Vec<&Address> = main.iter().chain(&sub).collect();
        check_kinds(&section, report, &addresses);
        let password = read_password(&mut section, report, &addresses);

        let audio = section.flag(report, "audio").unwrap_or(false);
        let legal_basis = section.text(report, "legal_basis", BASIS_CHARS_MAX).map(|t| printable(t.text));
        if audio && !section.has("legal_basis") {
            report.add(section.key_at("audio"), &section.key("audio"), FindingId::AudioNeedsBasis, vec![]);
        }
        for key in ["record_sub", "sub_keep_days"] {
            if section.has(key) && !section.has("sub_url") {
                let args = vec![("name", Arg::from(key)), ("other", Arg::from("sub_url"))];
                report.add(section.key_at(key), &section.key(key), FindingId::KeyWithout, args);
            }
        }
        let masks = section.entry("masks").and_then(|entry| mask::read(report, entry));
        let ground = ground::read(&mut section, report);
        let transport =
            section.choice(report, "transport", &[("tcp", Transport::Tcp), ("udp", Transport::Udp)]);
        let record = section.flag(report, "record");
        let record_sub = section.flag(report, "record_sub");
        let keep = keep_days(&mut section, report, "keep_days", long_storage);
        let sub_keep = keep_days(&mut section, report, "sub_keep_days", long_storage);
        let v4l2 = V4l2Options {
            width: section.count(report, "width", 16..=16_384),
            height: section.count(report, "height", 16..=16_384),
            fps: section.count(report, "fps", 1..=240),
            format: section.choice(report, "format", &FORMATS),
            bitrate_kbps: section.count(report, "bitrate_kbps", 16..=200_000),
        };
        let sketch = Sketch::new(&section, id.as_ref(), main.as_ref(), sub.as_ref());
        section.finish(report, |key| {
            matches!(key, "password" | "passwd" | "pwd" | "pass" | "secret")
                .then_some(FindingId::PasswordInConfig)
        });
        let (Some(id), Some(main)) = (id, main) else { return (sketch, None) };
        let camera = Self {
            name: name.unwrap_or_else(|| id.to_string()),
            id,
            main,
            sub,
            password,
            transport: transport.unwrap_or_default(),
            audio,
            legal_basis,
            record: record.unwrap_or(true),
            record_sub: record_sub.unwrap_or(true),
            keep_days: keep,
            sub_keep_days: sub_keep,
            masks: masks.unwrap_or_default(),
            ground,
            v4l2,
        };
        (sketch, Some(camera))
    }
}

fn read_id(section: &mut Section<'_>, report: &mut Report<'_>) -> Option<CameraId> {
    let Some(entry) = section.entry("id") else {
        section.missing(report, "id");
        return None;
    };
    let text = entry.text(report, usize::MAX)?;
    let id = text.text.parse().ok();
    if id.is_none() {
        let args = vec![("value", quote(text.text)), ("max", Arg::from(crate::id::CAMERA_ID_LEN_MAX))];
        report.add(text.at, &text.key, FindingId::BadCameraId, args);
    }
    id
}

fn read_address(text: &Text<'_>, report: &mut Report<'_>) -> Option<Address> {
    let (id, args) = match Address::parse(text.text) {
        Ok(address) => {
            if address.hides_password() {
                report.add(
                    text.at,
                    &text.key,
                    FindingId::PasswordInQuery,
                    vec![("address", Arg::from(address.to_string()))],
                );
            }
            if let Address::V4l2(path) = &address {
                report.claim(text.at, &text.key, ClaimKind::Device(path.clone()));
                let shown = path.to_string_lossy();
                let number = shown.strip_prefix("/dev/video").unwrap_or_default();
                if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) {
                    report.add(text.at, &text.key, FindingId::DeviceNumber, vec![("path", quote(&shown))]);
                }
            }
            return Some(address);
        }
        Err(AddressFault::Bad) if text.text.contains('@') => {
            (FindingId::BadAddress, vec![("value", Arg::from("…@…"))])
        }
        Err(AddressFault::Bad) => (FindingId::BadAddress, vec![("value", quote(text.text))]),
        Err(AddressFault::Scheme(scheme)) => (FindingId::BadScheme, vec![("scheme", quote(&scheme))]),
        Err(AddressFault::Password) => (FindingId::PasswordInAddress, vec![]),
        Err(AddressFault::DevicePath) => (FindingId::BadDevicePath, vec![("value", quote(text.text))]),
    };
    report.add(text.at, &text.key, id, args);
    None
}

/// Reports keys that mean nothing for this camera, once its addresses tell what it is.
fn check_kinds(section: &Section<'_>, report: &mut Report<'_>, addresses: &[&Address]) {
    let rtsp = addresses.iter().any(|a| a.rtsp().is_some());
    let v4l2 = addresses.iter().any(|a| a.rtsp().is_none());
    let for_rtsp = ["transport", "audio", "password_file", "password_env"];
    let for_v4l2 = ["width", "height", "fps", "format", "bitrate_kbps"];
    let wrong: &[&'static str] = match (rtsp, v4l2) {
        (true, false) => &for_v4l2,
        (false, true) => &for_rtsp,
        _ => &[],
    };
    for key in wrong.iter().filter(|key| section.has(key)) {
        let args = vec![("name", Arg::from(*key)), ("source", Arg::from(if rtsp { "rtsp" } else { "v4l2" }))];
        report.add(section.key_at(key), &section.key(key), FindingId::KeyNotForSource, args);
    }
}

fn read_password(
    section: &mut Section<'_>,
    report: &mut Report<'_>,
    addresses: &[&Address],
) -> Option<Password> {
    let file = section.text(report, "password_file", PATH_CHARS_MAX);
    let env = section.text(report, "password_env", usize::MAX);
    let users: Vec<_> = addresses.iter().filter_map(|a| a.rtsp()).map(|r| r.user.as_deref()).collect();
    let has_user = users.iter().any(Option::is_some);
    let key = if section.has("password_file") { "password_file" } else { "password_env" };
    if section.has("password_file") && section.has("password_env") {
        let args = vec![("one", Arg::from("password_file")), ("other", Arg::from("password_env"))];
        report.add(
            section.key_at("password_env"),
            &section.key("password_env"),
            FindingId::ExclusiveKeys,
            args,
        );
    }
    if section.has(key) && !users.is_empty() && !has_user {
        report.add(section.key_at(key), &section.key(key), FindingId::PasswordWithoutUser, vec![]);
    }
    if !section.has(key) && has_user && !section.has("password") {
        report.add(section.key_at("url"), &section.key("url"), FindingId::UserWithoutPassword, vec![]);
    }
    if let Some(file) = file {
        report.claim(file.at, &file.key, ClaimKind::PasswordFile(PathBuf::from(file.text)));
        return Some(Password::File(PathBuf::from(file.text)));
    }
    let env = env?;
    let first = env.text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if first && env.text.len() <= 128 && env.text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        report.claim(env.at, &env.key, ClaimKind::PasswordEnv(env.text.to_owned()));
        return Some(Password::Env(env.text.to_owned()));
    }
    // Not quoted: someone may have written the password itself here.
    report.add(env.at, &env.key, FindingId::BadVariable, vec![]);
    None
}
