//! A stand-in for `nvr-perceive live` that needs no model: every camera's frames come in time, and nothing is in them.
//!
//! Promises: the real protocol; a frame is analysed when it is due at the ordered rate, none is dropped; a ring has
//!   [`SLOTS`] slots, all bytes of it are 7, and a slot is not used again before it is released; it counts aloud every second. Its socket is its standard input.
//! Leaves to others: pictures (`nvr-perception`).

use nvr_base::analysis::{Analysed, CameraNumber, CameraOrder, Delivered, FrameRef, RingNumber};
use nvr_base::media_channel::{ChannelError, MediaChannel};
use nvr_base::media_protocol::MESSAGE_LEN_MAX;
use nvr_base::perceive_protocol::{Counters, FromPerceive, Rate, ToPerceive, receive_to_perceive};
use nvr_base::scene::Scene;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, SealFlags};
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Frames that a ring has room for.
const SLOTS: u64 = 2;
/// How often it counts.
const COUNT_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Camera {
    order: CameraOrder,
    size: Option<(u32, u32)>,
    next_us: i64,
    sequence: u64,
    is_after_gap: bool,
}

fn main() -> ExitCode {
    let Ok(socket) = std::io::stdin().as_fd().try_clone_to_owned() else { return ExitCode::from(2) };
    match run(&MediaChannel::from_fd(socket)) {
        Err(ChannelError::Closed) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn run(channel: &MediaChannel) -> Result<(), ChannelError> {
    let mut cameras: BTreeMap<CameraNumber, Camera> = BTreeMap::new();
    let mut buffer = vec![0; MESSAGE_LEN_MAX];
    let mut leased: BTreeMap<RingNumber, BTreeSet<u64>> = BTreeMap::new();
    let (mut counters, mut counted) = (Counters::default(), Instant::now());
    loop {
        let wait = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
        // An interrupted wait is a short one.
        let _ = poll(&mut [PollFd::new(channel, PollFlags::IN)], Some(&wait));
        if counted.elapsed() >= COUNT_EVERY {
            counted = Instant::now();
            channel.send(&FromPerceive::Counters(counters))?;
        }
        let (message, _) = match receive_to_perceive(channel, &mut buffer) {
            Err(ChannelError::WouldBlock) => continue,
            received => received?,
        };
        match message {
            ToPerceive::Live(_) => {
                channel.send(&FromPerceive::Hello { layers: Vec::new(), detector: "none".into() })?;
            }
            ToPerceive::Camera { camera, order } => {
                let (wanted_fps, given_fps) = (order.fps, order.fps);
                channel.send(&FromPerceive::Rates(vec![Rate { camera, wanted_fps, given_fps }]))?;
                let new = || Camera {
                    order: order.clone(),
                    size: None,
                    next_us: 0,
                    sequence: 0,
                    is_after_gap: false,
                };
                cameras.entry(camera).or_insert_with(new).order = order.clone();
            }
            ToPerceive::Forget { camera } => {
                cameras.remove(&camera);
            }
            ToPerceive::Format { camera, video } => {
                if let Some(camera) = cameras.get_mut(&camera) {
                    camera.size = Some((u32::from(video.width), u32::from(video.height)));
                    (camera.next_us, camera.is_after_gap) = (0, camera.sequence > 0);
                }
            }
            ToPerceive::Hole { camera } => {
                if let Some(camera) = cameras.get_mut(&camera) {
                    camera.is_after_gap = true;
                }
            }
            ToPerceive::Sample { camera: number, at_us, wall_us, .. } => {
                counters.samples += 1;
                let Some(camera) = cameras.get_mut(&number) else { continue };
                let Some(picture) = camera.size.filter(|_| at_us >= camera.next_us) else { continue };
                let period_us = (1e6 / f64::from(camera.order.fps)) as i64;
                camera.next_us = at_us + period_us - period_us / 10;
                let frames = frames(camera, picture, &mut leased, &mut counters);
                let analysed = Analysed {
                    frames,
                    camera: number,
                    sequence: camera.sequence,
                    wall_us,
                    picture,
                    is_after_gap: std::mem::take(&mut camera.is_after_gap),
                    scene: Scene { at_us, ..Scene::default() },
                    ..Analysed::default()
                };
                camera.sequence += 1;
                counters.analysed += 1;
                channel.send(&FromPerceive::Analysed(Box::new(analysed)))?;
            }
            ToPerceive::Ring { ring, len } => {
                leased.insert(ring, BTreeSet::new());
                if let Ok(memfd) = memfd(len) {
                    channel.send_beside(&FromPerceive::Ring { ring, len }, memfd.as_fd())?;
                }
            }
            ToPerceive::DropRing { ring } => {
                leased.remove(&ring);
            }
            ToPerceive::Release { ring, offset } => {
                if let Some(leased) = leased.get_mut(&ring) {
                    leased.remove(&offset);
                }
            }
            ToPerceive::Ask { .. } => {}
        }
    }
}

/// The ordered frames, as far as there are free slots.
fn frames(
    camera: &Camera,
    picture: (u32, u32),
    leased: &mut BTreeMap<RingNumber, BTreeSet<u64>>,
    counters: &mut Counters,
) -> Vec<Delivered> {
    let mut all = Vec::new();
    for (order, wanted) in (0..).zip(&camera.order.frames) {
        let Some(leased) = leased.get_mut(&wanted.ring) else { continue };
        let (width, height) = CameraOrder::frame_size(wanted, picture);
        let stride = width * wanted.format.pixel_bytes();
        let offsets = (0..SLOTS).map(|slot| slot * u64::from(stride) * u64::from(height));
        match offsets.into_iter().find(|offset| !leased.contains(offset)) {
            Some(offset) => {
                leased.insert(offset);
                let frame = FrameRef { format: wanted.format, offset, width, height, stride };
                all.push(Delivered { order, frame });
            }
            None => counters.frames_dropped += 1,
        }
    }
    all
}

/// A sealed ring in which every byte is 7.
fn memfd(len: u64) -> rustix::io::Result<std::os::fd::OwnedFd> {
    let memfd = rustix::fs::memfd_create("ring", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut left = len;
    while left > 0 {
        let chunk = vec![7; usize::try_from(left.min(1 << 20)).unwrap_or(0)];
        left -= rustix::io::write(&memfd, &chunk)? as u64;
    }
    rustix::fs::fcntl_add_seals(&memfd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::FUTURE_WRITE)?;
    Ok(memfd)
}
