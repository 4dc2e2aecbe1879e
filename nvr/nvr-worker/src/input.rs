//! One input in the shape of the contract: arrays that live as long as the call.
//!
//! Promises: tracks by ascending id and only of the labels needed; an end is told only of a track that was given.
//! Leaves to others: the call (`instance`).

use crate::ring::Ring;
use nvr_plugin_api::abi;
use nvr_plugins::protocol::Input;
use std::collections::BTreeSet;
use std::ptr;

/// Buffers that are filled anew for each call.
#[derive(Debug, Default)]
pub struct Shaped {
    tracks: Vec<abi::Track>,
    ended: Vec<u64>,
    inferences: Vec<abi::Inference>,
    gray: Option<abi::Frame>,
    rgb: Option<abi::Frame>,
    /// Tracks that the plugin was told of and not yet told the end of.
    given: BTreeSet<u64>,
}

impl Shaped {
    /// After `reset` nothing was given.
    pub fn reset(&mut self) {
        self.given.clear();
    }

    /// Fills the buffers; what is returned points into them and into `input`.
    pub fn shape(&mut self, input: &Input, labels: [u64; 2], ring: Option<&Ring>) -> abi::Input {
        let is_wanted =
            |index: usize| labels.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1);
        self.tracks.clear();
        for track in input.scene.tracks.iter().filter(|t| is_wanted(t.label.index())) {
            let (r, (vx, vy)) = (track.rect, track.velocity);
            let observed = if track.observed { abi::TRACK_OBSERVED } else { 0 };
            self.tracks.push(abi::Track {
                id: track.id.0,
                first_seen_us: track.first_seen_us,
                last_seen_us: track.last_seen_us,
                x: r.x,
                y: r.y,
                w: r.w,
                h: r.h,
                vx,
                vy,
                score: track.score,
                label: u16::try_from(track.label.index()).unwrap_or(u16::MAX),
                // A scene has confirmed tracks only.
                flags: observed | abi::TRACK_CONFIRMED,
            });
        }
        self.tracks.sort_by_key(|t| t.id);
        self.tracks.dedup_by_key(|t| t.id);
        self.ended.clear();
        self.ended.extend(input.scene.ended.iter().map(|id| id.0).filter(|id| self.given.remove(id)));
        self.given.extend(self.tracks.iter().map(|t| t.id));
        self.inferences.clear();
        self.inferences.extend(input.inferences.iter().map(|i| {
            let mut dims = [1; 4];
            dims.iter_mut().zip(&i.dims).for_each(|(to, from)| *to = *from);
            abi::Inference {
                model: abi::Str::of(&i.model),
                track_id: i.track,
                at_us: i.at_us,
                kind: i.kind,
                rank: u32::try_from(i.dims.len()).unwrap_or(4),
                dims,
                x: i.region.x,
                y: i.region.y,
                w: i.region.w,
                h: i.region.h,
                data: i.data.as_ptr(),
                len: i.data.len() as u64,
            }
        }));
        let frame = |format: i32| {
            let frames = input.frames.iter().filter_map(|f| ring.and_then(|r| r.frame(f)));
            frames.into_iter().find(|f| f.format == format)
        };
        self.gray = frame(1);
        self.rgb = frame(2);
        let history = if input.is_history { abi::INPUT_HISTORY } else { 0 };
        let gap = if input.is_after_gap { abi::INPUT_GAP } else { 0 };
        abi::Input {
            at_us: input.scene.at_us,
            wall_us: input.wall_us,
            sequence: input.sequence,
            picture_w: input.picture.0,
            picture_h: input.picture.1,
            flags: history | gap,
            motion: input.scene.motion,
            tracks: self.tracks.as_ptr(),
            tracks_len: self.tracks.len() as u64,
            ended: self.ended.as_ptr(),
            ended_len: self.ended.len() as u64,
            gray: self.gray.as_ref().map_or(ptr::null(), ptr::from_ref),
            rgb: self.rgb.as_ref().map_or(ptr::null(), ptr::from_ref),
            inference: self.inferences.as_ptr(),
            inference_len: self.inferences.len() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvr_base::geometry::Rect;
    use nvr_base::label::Label;
    use nvr_base::scene::{Scene, Track, TrackId};

    fn track(id: u64, label: usize) -> Track {
        Track {
            id: TrackId(id),
            label: Label::from_index(label).unwrap(),
            score: 0.9,
            rect: Rect { x: 0.1, y: 0.2, w: 0.3, h: 0.4 },
            velocity: (0.0, 0.0),
            first_seen_us: 0,
            last_seen_us: 0,
            observed: true,
        }
    }

    #[test]
    fn only_what_was_asked_for_is_given_and_ended() {
        let mut shaped = Shaped::default();
        let mut check = |tracks: &[(u64, usize)], ended: &[u64], expected: (&[u64], &[u64])| {
            let scene = Scene {
                tracks: tracks.iter().map(|(id, label)| track(*id, *label)).collect(),
                ended: ended.iter().map(|id| TrackId(*id)).collect(),
                ..Scene::default()
            };
            shaped.shape(&Input { scene, ..Input::default() }, [1, 1], None);
            let ids: Vec<u64> = shaped.tracks.iter().map(|t| t.id).collect();
            assert_eq!((ids.as_slice(), shaped.ended.as_slice()), expected);
        };
        // Labels 0 and 64 are wanted.
        check(&[(5, 0), (3, 64), (4, 2)], &[], (&[3, 5], &[]));
        check(&[(5, 0)], &[3, 4, 9], (&[5], &[3]));
        check(&[], &[3, 5], (&[], &[5]));
    }
}
