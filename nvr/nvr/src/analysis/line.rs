//! The line to `nvr-perceive`: orders, and samples between them.
//!
//! Promises: nothing here waits for the child; orders are kept in order and go before samples; samples that find no room are
//!   left out to the next key frame, and the child is told; a camera's samples follow its order and its format.
//! Leaves to others: the child's process (`child`), what it answers (`turn`).

use super::tap::{Picture, Tapped};
use nvr_base::VideoFormat;
use nvr_base::analysis::CameraNumber;
use nvr_base::media_channel::{ChannelError, MediaChannel};
use nvr_base::media_protocol::SAMPLE_LEN_MAX;
use nvr_base::perceive_protocol::ToPerceive;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Most orders that wait for room; a child that leaves so many unread is dead.
const ORDERS_MAX: usize = 4096;

/// What the line knows of a camera.
#[derive(Debug, Default)]
struct Camera {
    format: Option<VideoFormat>,
    /// The child analyses it.
    is_ordered: bool,
    /// The child has the format.
    is_told: bool,
    awaits_key: bool,
    owes_hole: bool,
}

/// What was sent and left out since the recorder started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub(super) struct Counters {
    /// Samples sent.
    pub(super) sent: u64,
    /// Samples left out because the child does not keep up.
    pub(super) dropped: u64,
}

/// The line.
#[derive(Debug, Default)]
pub(super) struct Line {
    channel: Option<Arc<MediaChannel>>,
    orders: VecDeque<ToPerceive>,
    cameras: BTreeMap<CameraNumber, Camera>,
    pub(super) counters: Counters,
    /// The child does not read, or is gone.
    pub(super) broken: Option<String>,
}

impl Line {
    /// A new child: it knows nothing yet.
    pub(super) fn open(&mut self, channel: Arc<MediaChannel>) {
        self.close();
        self.channel = Some(channel);
    }

    /// No child.
    pub(super) fn close(&mut self) {
        (self.channel, self.broken) = (None, None);
        self.orders.clear();
        for camera in self.cameras.values_mut() {
            *camera = Camera { format: camera.format.take(), ..Camera::default() };
        }
    }

    /// An order; orders about samples are the line's own.
    pub(super) fn order(&mut self, order: ToPerceive) {
        if self.channel.is_none() {
            return;
        }
        if self.orders.len() >= ORDERS_MAX {
            self.broken = Some("nvr-perceive does not read its orders".into());
            return;
        }
        self.orders.push_back(order);
        self.flush();
    }

    /// Sends the orders that wait, as far as there is room; true when none is left.
    pub(super) fn flush(&mut self) -> bool {
        let Some(channel) = self.channel.clone() else { return false };
        while let Some(order) = self.orders.front() {
            match channel.try_send_data(order, &[]) {
                Ok(()) => {}
                Err(ChannelError::WouldBlock) => return false,
                Err(error) => {
                    self.broken = Some(error.to_string());
                    return false;
                }
            }
            match self.orders.pop_front() {
                Some(ToPerceive::Camera { camera, .. }) => {
                    let camera = self.cameras.entry(camera).or_default();
                    if !camera.is_ordered {
                        (camera.is_ordered, camera.is_told, camera.awaits_key) = (true, false, true);
                    }
                }
                Some(ToPerceive::Forget { camera }) => {
                    let camera = self.cameras.entry(camera).or_default();
                    camera.is_ordered = false;
                }
                _ => {}
            }
        }
        true
    }

    /// What came out of the tap.
    pub(super) fn feed(&mut self, tapped: Tapped) {
        let (Tapped::Format(number, _)
        | Tapped::Sample(number, _)
        | Tapped::Hole(number)
        | Tapped::Down(number)) = tapped;
        let camera = self.cameras.entry(number).or_default();
        match tapped {
            Tapped::Format(_, video) => {
                camera.format = Some(video);
                (camera.is_told, camera.awaits_key) = (false, true);
            }
            Tapped::Hole(_) => (camera.owes_hole, camera.awaits_key) = (true, true),
            Tapped::Down(_) => camera.awaits_key = true,
            Tapped::Sample(_, picture) => self.sample(number, &picture),
        }
    }

    fn sample(&mut self, number: CameraNumber, picture: &Picture) {
        let has_room = self.flush();
        let Some(channel) = self.channel.clone() else { return };
        let Some(camera) = self.cameras.get_mut(&number).filter(|c| c.is_ordered) else { return };
        if camera.awaits_key && !picture.key {
            self.counters.dropped += u64::from(camera.owes_hole);
            return;
        }
        let len = u32::try_from(picture.data.len()).unwrap_or(u32::MAX);
        if len == 0 || len > SAMPLE_LEN_MAX {
            (camera.owes_hole, camera.awaits_key) = (true, true);
            self.counters.dropped += 1;
            return;
        }
        let Picture { at_us, wall_us, key, .. } = *picture;
        let mut send = || -> Result<(), ChannelError> {
            if !has_room {
                return Err(ChannelError::WouldBlock);
            }
            if !camera.is_told {
                let Some(video) = camera.format.clone() else { return Err(ChannelError::WouldBlock) };
                channel.try_send_data(&ToPerceive::Format { camera: number, video }, &[])?;
                (camera.is_told, camera.owes_hole) = (true, false);
            }
            if camera.owes_hole {
                channel.try_send_data(&ToPerceive::Hole { camera: number }, &[])?;
                camera.owes_hole = false;
            }
            let sample = ToPerceive::Sample { camera: number, at_us, wall_us, key, len };
            channel.try_send_data(&sample, &picture.data)
        };
        match send() {
            Ok(()) => {
                camera.awaits_key = false;
                self.counters.sent += 1;
            }
            Err(error) => {
                (camera.owes_hole, camera.awaits_key) = (true, true);
                self.counters.dropped += 1;
                if !matches!(error, ChannelError::WouldBlock) {
                    self.broken = Some(error.to_string());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use super::*;
    use nvr_base::Codec;
    use nvr_base::analysis::CameraOrder;
    use nvr_base::media_protocol::MESSAGE_LEN_MAX;
    use nvr_base::perceive_protocol::receive_to_perceive;

    fn heard(child: &MediaChannel) -> String {
        let mut buffer = vec![0; MESSAGE_LEN_MAX];
        let mut words = String::new();
        while let Ok((message, _)) = receive_to_perceive(child, &mut buffer) {
            words.push(match message {
                ToPerceive::Camera { .. } => 'C',
                ToPerceive::Forget { .. } => 'G',
                ToPerceive::Format { .. } => 'F',
                ToPerceive::Sample { key: true, .. } => 'k',
                ToPerceive::Sample { .. } => 's',
                ToPerceive::Hole { .. } => 'H',
                _ => '?',
            });
        }
        words
    }

    fn feed(line: &mut Line, events: &str) {
        for letter in events.chars() {
            let picture = |key| Picture { at_us: 0, wall_us: 0, key, data: vec![1; 50_000] };
            let (codec, config) = (Codec::H264, Vec::new());
            match letter {
                'C' => {
                    let order = CameraOrder { fps: 1.0, ..CameraOrder::default() };
                    line.order(ToPerceive::Camera { camera: 1, order });
                }
                'G' => line.order(ToPerceive::Forget { camera: 1 }),
                'F' => {
                    let video = VideoFormat { codec, width: 640, height: 360, config, reorder_depth: 0 };
                    line.feed(Tapped::Format(1, video));
                }
                'H' => line.feed(Tapped::Hole(1)),
                letter => line.feed(Tapped::Sample(1, picture(letter == 'k'))),
            }
        }
    }

    #[test]
    fn samples_follow_their_order_and_format() {
        let (ours, theirs) = MediaChannel::pair().unwrap();
        let child = MediaChannel::from_fd(theirs);
        let mut line = Line::default();
        let mut check = |events: &str, expected: &str| {
            feed(&mut line, events);
            assert_eq!(heard(&child), expected, "{events}");
        };
        check("FkssC", ""); // no child yet
        let (spare, _) = MediaChannel::pair().unwrap();
        drop(spare);
        line.open(Arc::new(ours));
        let mut check = |events: &str, expected: &str| {
            feed(&mut line, events);
            assert_eq!(heard(&child), expected, "{events}");
        };
        check("ksC", "C"); // not ordered yet
        check("sks", "Fks");
        check("CsHsks", "CsHks");
        check("Fsks", "Fks");
        check("Gks", "G");
        check("Cks", "CFks");
    }

    #[test]
    fn a_child_that_does_not_read_is_not_waited_for() {
        let (ours, theirs) = MediaChannel::pair().unwrap();
        let child = MediaChannel::from_fd(theirs);
        let mut line = Line::default();
        line.open(Arc::new(ours));
        feed(&mut line, "CFk");
        feed(&mut line, &"s".repeat(100));
        let sent = line.counters.sent;
        assert!(sent < 100 && line.counters.dropped == 101 - sent, "{:?}", line.counters);
        assert!(heard(&child).ends_with('s'));
        feed(&mut line, "sks");
        assert_eq!(heard(&child), "Hks");
        drop(child);
        feed(&mut line, "s");
        assert!(line.broken.is_some());
    }
}
