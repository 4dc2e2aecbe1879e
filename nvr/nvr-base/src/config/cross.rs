//! What concerns several cameras: ids, addresses and sessions used twice.
//!
//! Promises: the later camera is the one that is reported, with the line of the earlier one.
//! Leaves to others: one camera by itself (`camera`).

use super::SESSIONS_PER_CAMERA_MAX;
use super::address::Address;
use super::camera::Camera;
use super::finding::FindingId;
use super::section::{Report, Section};
use crate::CameraId;
use crate::text::Arg;
use std::collections::HashMap;

/// What is compared of one `[[camera]]`, as far as it could be read.
#[derive(Debug)]
pub(crate) struct Sketch {
    path: String,
    id: Option<CameraId>,
    id_at: usize,
    addresses: [(&'static str, Option<Address>, usize); 2],
}

impl Sketch {
    /// Of a camera that has just been read.
    pub(crate) fn new(
        section: &Section<'_>,
        id: Option<&CameraId>,
        main: Option<&Address>,
        sub: Option<&Address>,
    ) -> Self {
        Self {
            path: section.path.clone(),
            id: id.cloned(),
            id_at: section.key_at("id"),
            addresses: [
                ("url", main.cloned(), section.key_at("url")),
                ("sub_url", sub.cloned(), section.key_at("sub_url")),
            ],
        }
    }
}

/// The cameras a rule may name: those that could be read, and the ids of those that could not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cameras<'a> {
    /// Read.
    pub(crate) read: &'a [Camera],
    /// All.
    pub(crate) sketches: &'a [Sketch],
}

impl Cameras<'_> {
    /// Every id, also of a camera with a mistake elsewhere.
    pub(crate) fn ids(&self) -> Vec<&str> {
        self.sketches.iter().filter_map(|s| s.id.as_ref()).map(CameraId::as_str).collect()
    }
}

/// Compares the cameras.
pub(crate) fn check(cameras: &[Sketch], report: &mut Report<'_>) {
    let mut ids: HashMap<&CameraId, usize> = HashMap::new();
    let mut addresses: HashMap<String, (usize, &str, usize)> = HashMap::new();
    let mut hosts: HashMap<String, usize> = HashMap::new();
    for (number, camera) in cameras.iter().enumerate() {
        let key = |name: &str| format!("{}.{name}", camera.path);
        if let Some(id) = &camera.id {
            if let Some(first) = ids.get(id) {
                let args = vec![("value", Arg::from(id.as_str())), ("line", Arg::from(report.line(*first)))];
                report.add(camera.id_at, &key("id"), FindingId::DuplicateCameraId, args);
            } else {
                ids.insert(id, camera.id_at);
            }
        }
        for (name, address, at) in &camera.addresses {
            let Some(address) = address else { continue };
            match addresses.get(&identity(address)) {
                // Main and sub of one camera are compared in `camera`.
                Some((other, path, first)) if *other != number => {
                    let args = vec![
                        ("address", Arg::from(address.to_string())),
                        ("other", Arg::from(*path)),
                        ("line", Arg::from(report.line(*first))),
                    ];
                    report.add(*at, &key(name), FindingId::DuplicateAddress, args);
                }
                Some(_) => {}
                None => {
                    addresses.insert(identity(address), (number, &camera.path, *at));
                }
            }
            let Some(host) = address.session_host() else { continue };
            let sessions = hosts.entry(host.clone()).or_default();
            *sessions += 1;
            // Once a host, at the first session that is too many.
            if *sessions == SESSIONS_PER_CAMERA_MAX + 1 {
                let args = vec![("host", Arg::from(host)), ("max", Arg::from(SESSIONS_PER_CAMERA_MAX))];
                report.add(*at, &key(name), FindingId::ManySessions, args);
            }
        }
    }
}

/// What makes two addresses the same stream; never shown.
fn identity(address: &Address) -> String {
    match address {
        Address::V4l2(path) => path.to_string_lossy().into_owned(),
        Address::Rtsp(rtsp) => {
            let host = address.session_host().unwrap_or_else(|| {
                format!(
                    "{}:{}",
                    rtsp.url.host_str().unwrap_or_default(),
                    rtsp.url.port().unwrap_or(super::address::RTSP_PORT)
                )
            });
            format!("{host}{}?{}", rtsp.url.path(), rtsp.url.query().unwrap_or_default())
        }
    }
}
