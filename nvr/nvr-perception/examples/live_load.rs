//! Many cameras for the live child: `live_load PERCEIVE MODELS CAMERAS FPS SECONDS FILM…` plays films as sub-streams of
//! 640×360 and 10 frames a second, each camera shifted against the others, and prints what came of it.
//!
//! Promises: samples go out on time or are dropped, as the recorder does it. Leaves to others: rules and plugins
//! (`nvr bench analyse`).

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "an example talks on the terminal"
)]

#[path = "../../nvr-media/tests/made/mod.rs"]
mod made;

use made::made_of;
use nvr_base::Codec;
use nvr_base::analysis::{CameraNumber, CameraOrder};
use nvr_base::media_channel::{ChannelError, MediaChannel};
use nvr_base::media_protocol::MESSAGE_LEN_MAX;
use nvr_base::perceive_protocol::{
    Counters, FromPerceive, LIVE_ARGUMENT, LiveOrder, ToPerceive, receive_from_perceive,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::BTreeMap;
use std::error::Error;
use std::process::Command;
use std::time::Instant;

/// Longest part of a film that is played, and how a sub-stream is encoded.
const ENCODED: &str =
    "-t 60 -vf scale=640:360,fps=10 -an -c:v libx264 -preset veryfast -bf 0 -g 20 -pix_fmt yuv420p -b:v 512k";

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [perceive, models, cameras, fps, seconds, films @ ..] = args.as_slice() else {
        return Err("usage: live_load PERCEIVE MODELS CAMERAS FPS SECONDS FILM…".into());
    };
    let (cameras, fps, seconds): (CameraNumber, f32, i64) =
        (cameras.parse()?, fps.parse()?, seconds.parse()?);
    let films: Vec<_> =
        films.iter().map(|film| made_of(Codec::H264, (640, 360), &format!("-i {film}"), ENCODED)).collect();
    let (channel, theirs) = MediaChannel::pair()?;
    let mut command = Command::new(perceive);
    command.arg(LIVE_ARGUMENT).stdin(theirs);
    let mut child = command.spawn()?;
    drop(command);
    let (models, detector, budget_ms_per_s) = (models.clone(), None, 1900.0);
    channel.send(&ToPerceive::Live(LiveOrder { models, detector, threads: 2, budget_ms_per_s }))?;
    let mut buffer = vec![0; MESSAGE_LEN_MAX];
    let hello = loop {
        poll(&mut [PollFd::new(&channel, PollFlags::IN)], None)?;
        match receive_from_perceive(&channel, &mut buffer)? {
            (FromPerceive::Hello { layers, detector }, _) => break format!("{detector}, {layers:?}"),
            (FromPerceive::Fatal { what }, _) => return Err(what.into()),
            _ => {}
        }
    };
    println!("{hello}");
    let began = Instant::now();
    for camera in 0..cameras {
        let order = CameraOrder { fps, labels: [u64::MAX; 2], severity: 2, ..CameraOrder::default() };
        channel.send(&ToPerceive::Camera { camera, order })?;
        let (video, _) = &films[usize::from(camera) % films.len()];
        channel.send(&ToPerceive::Format { camera, video: video.clone() })?;
    }
    // Each camera: which sample is next; media time is that of this process.
    let mut next = vec![0_usize; cameras.into()];
    let (mut sent, mut refused) = (BTreeMap::new(), 0);
    let (mut late_ms, mut counters, mut rates) = (Vec::new(), Counters::default(), BTreeMap::new());
    while began.elapsed().as_secs() < seconds as u64 {
        let now_us = began.elapsed().as_micros() as i64;
        for camera in 0..cameras {
            let (_, samples) = &films[usize::from(camera) % films.len()];
            let n = &mut next[usize::from(camera)];
            // Ten a second, shifted by camera; from another key frame of the film each.
            let at_us = *n as i64 * 100_000 + i64::from(camera) * 100_000 / i64::from(cameras);
            if at_us > now_us {
                continue;
            }
            let sample = &samples[(*n + usize::from(camera) / films.len() * 20) % (samples.len() / 20 * 20)];
            *n += 1;
            let len = sample.data.len() as u32;
            let message = ToPerceive::Sample { camera, at_us, wall_us: at_us, key: sample.key, len };
            match channel.try_send_data(&message, &sample.data) {
                Ok(()) => {
                    sent.insert((camera, at_us), Instant::now());
                }
                Err(ChannelError::WouldBlock) => refused += 1,
                Err(why) => return Err(why.into()),
            }
        }
        let wait = Timespec { tv_sec: 0, tv_nsec: 2_000_000 };
        poll(&mut [PollFd::new(&channel, PollFlags::IN)], Some(&wait))?;
        loop {
            match receive_from_perceive(&channel, &mut buffer) {
                Ok((FromPerceive::Analysed(a), _)) => {
                    if let Some(at) = sent.get(&(a.camera, a.scene.at_us)) {
                        late_ms.push(at.elapsed().as_millis());
                    }
                }
                Ok((FromPerceive::Counters(now), _)) => counters = now,
                Ok((FromPerceive::Rates(some), _)) => {
                    rates.extend(some.iter().map(|r| (r.camera, r.given_fps)))
                }
                Ok((FromPerceive::Trouble { camera, why }, _)) => println!("camera {camera}: {why:?}"),
                Ok((FromPerceive::Fatal { what }, _)) => return Err(what.into()),
                Ok(_) => {}
                Err(ChannelError::WouldBlock) => break,
                Err(why) => return Err(why.into()),
            }
        }
    }
    late_ms.sort_unstable();
    let at = |share: f64| late_ms.get((late_ms.len() as f64 * share) as usize).copied().unwrap_or(0);
    let per = f64::from(cameras) * seconds as f64;
    println!("{counters:?}, {refused} refused");
    println!(
        "{cameras} cameras, {seconds} s: analysed {:.2}, detected {:.2} a camera-second ({:.0} %), latency p50 {} ms, p99 {} ms, rates {:.2} on average",
        counters.analysed as f64 / per,
        counters.detected as f64 / per,
        counters.detected as f64 * 100.0 / counters.analysed.max(1) as f64,
        at(0.5),
        at(0.99),
        rates.values().sum::<f32>() / f32::from(cameras),
    );
    let threads = std::fs::read_dir(format!("/proc/{}/task", child.id()))?.count();
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()))?;
    let memory = status.lines().find(|l| l.starts_with("VmRSS")).unwrap_or_default();
    println!(
        "{threads} threads, {memory}; CPU µs a camera-second {:?}",
        counters.stages_us.map(|us| us / per as u64)
    );
    drop(channel);
    println!("{}", child.wait()?);
    Ok(())
}
