//! The camera's timestamps on the box's clock: absolute media time that keeps the camera's exact durations.
//!
//! Promises: pure; media time is anchored on arrival (a camera's wrong clock does not matter) and slewed to
//! the box's clock by at most 500 ppm, one millisecond at a time, so that nearly every duration is the
//! camera's own; a step of either clock is a new epoch and loses nothing.
//! Leaves to others: order of decoding (`reorder`), what an epoch means for segments (`nvr-store`).
//!
//! Method: the delay of a frame is its arrival minus its media time. The network only ever adds delay, so the
//! smallest delay in a window is the offset between the two clocks (the minimum filter of RFC 5905 §10).

use crate::session::Now;
use nvr_base::{GapReason, TICKS_PER_S, Ticks};

/// Most that media time is slewed: 500 parts in a million of the time that went by.
pub const SLEW_PPM_MAX: i64 = 500;
/// Slewing moves media time by this much at once, 1 ms, so that durations in between are exact.
pub const SLEW_QUANTUM_TICKS: i64 = 90;
/// An offset smaller than this, 20 ms, is jitter and is let be.
pub const SLEW_DEAD_BAND_TICKS: i64 = 1_800;
/// The smallest delay is taken over this much arrival time.
pub const DELAY_WINDOW_TICKS: i64 = 10 * TICKS_PER_S;
/// The wall clock moved against the monotonic one by more than this between two frames: it was set.
pub const CLOCK_STEP_US: i64 = 500_000;
/// The camera's timestamps went back by more than this, half a second: no reordering does, they jumped.
pub const BACK_MAX_TICKS: i64 = TICKS_PER_S / 2;
/// Frames are assumed this far apart, 40 ms, until two in a row were seen.
const FIRST_INTERVAL_TICKS: i64 = 3_600;
/// They ran ahead of arrival by more than this at once: they jumped.
pub const AHEAD_MAX_TICKS: i64 = 2 * TICKS_PER_S;
/// The smallest delay of a whole window is above this: slewing would take hours, so a new epoch.
pub const LATE_MAX_TICKS: i64 = 5 * TICKS_PER_S;
/// The smallest delay of a whole window is below this: the pictures would come from the future (the camera
/// began with a burst of old ones, or its clock runs away), so a new epoch.
pub const EARLY_MAX_TICKS: i64 = -TICKS_PER_S;

/// Where a frame stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Its media time.
    pub pts: Ticks,
    /// A clock stepped before it: a new epoch begins with this frame, and why.
    pub epoch: Option<GapReason>,
}

#[derive(Debug, Clone, Copy)]
struct Anchor {
    /// Camera ticks (90 kHz) at which this anchor holds; keeps products small and rates exact.
    camera: i64,
    /// Media time of `camera`.
    media: i64,
    last_camera: i64,
    last_arrival: i64,
    /// Latest media time given.
    last_pts: i64,
    /// Last distance between two frames in order.
    interval: i64,
    /// A timestamp that jumped: the next frame shows whether the clock stepped or one stamp was wrong.
    suspect: Option<i64>,
    wall_minus_mono_us: i64,
    slewed_at: i64,
    window_start: i64,
    window_min: i64,
    /// Result of the last full window.
    offset: i64,
}

/// Media time of one track. `None` inside until the first frame.
#[derive(Debug, Default)]
pub struct Timeline {
    anchor: Option<Anchor>,
}

impl Timeline {
    /// A timeline that anchors at its first frame.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything: the next frame anchors anew.
    pub fn reset(&mut self) {
        self.anchor = None;
    }

    /// Places the frame that the camera stamped `timestamp` (in 1/`rate_hz`, wraps removed) and that arrived `now`.
    pub fn place(&mut self, timestamp: i64, rate_hz: u32, now: Now) -> Placed {
        let camera = to_ticks(timestamp, rate_hz);
        let arrival = now.utc.to_ticks().0;
        let wall_minus_mono_us = now.utc.0.saturating_sub(i64::try_from(now.mono.0).unwrap_or(i64::MAX));
        let Some(mut a) = self.anchor else {
            self.anchor = Some(Anchor::at(camera, arrival, wall_minus_mono_us));
            return Placed { pts: Ticks(arrival), epoch: None };
        };

        let clock_step_us = wall_minus_mono_us.saturating_sub(a.wall_minus_mono_us);
        let mut epoch = None;
        if clock_step_us.unsigned_abs() > CLOCK_STEP_US.unsigned_abs() {
            // The box's clock was set: everything moves with it, the camera's pace is kept.
            let step = micros_to_ticks(clock_step_us);
            a.media = a.media.saturating_add(step);
            a.slewed_at = a.slewed_at.saturating_add(step);
            a.last_arrival = a.last_arrival.saturating_add(step);
            a.last_pts = a.last_pts.saturating_add(step);
            a.restart_window(arrival);
            epoch = Some(GapReason::ClockStep);
        }
        a.wall_minus_mono_us = wall_minus_mono_us;

        if !(EARLY_MAX_TICKS..=LATE_MAX_TICKS).contains(&a.offset) {
            return self.begin(camera, arrival, wall_minus_mono_us, epoch);
        }
        if a.jumps(camera, arrival) {
            if a.suspect.is_some_and(|suspect| follows(suspect, camera)) {
                return self.begin(camera, arrival, wall_minus_mono_us, epoch);
            }
            // The stamp is not believed: the frame stands where one is due.
            a.suspect = Some(camera);
            a.last_pts = a.last_pts.saturating_add(a.interval);
            self.anchor = Some(a);
            return Placed { pts: Ticks(a.last_pts), epoch };
        }

        let camera_delta = camera.saturating_sub(a.last_camera);
        if camera_delta > 0 && a.suspect.is_none() {
            a.interval = camera_delta.min(TICKS_PER_S);
        }
        let pts = a.slew(camera, a.media_of(camera), camera_delta);
        a.suspect = None;
        a.last_camera = camera;
        a.last_arrival = arrival;
        a.last_pts = a.last_pts.max(pts);
        a.watch(arrival, arrival.saturating_sub(pts));
        self.anchor = Some(a);
        Placed { pts: Ticks(pts), epoch }
    }

    /// Anchors anew at this frame, because a clock stepped.
    fn begin(
        &mut self,
        camera: i64,
        arrival: i64,
        wall_minus_mono_us: i64,
        epoch: Option<GapReason>,
    ) -> Placed {
        self.anchor = Some(Anchor::at(camera, arrival, wall_minus_mono_us));
        Placed { pts: Ticks(arrival), epoch: Some(epoch.unwrap_or(GapReason::CameraClockStep)) }
    }
}

/// Whether `camera` can be the stamp of the frame after that of `earlier`.
fn follows(earlier: i64, camera: i64) -> bool {
    (-BACK_MAX_TICKS..=AHEAD_MAX_TICKS).contains(&camera.saturating_sub(earlier))
}

impl Anchor {
    fn at(camera: i64, arrival: i64, wall_minus_mono_us: i64) -> Self {
        Self {
            camera,
            media: arrival,
            last_camera: camera,
            last_arrival: arrival,
            last_pts: arrival,
            interval: FIRST_INTERVAL_TICKS,
            suspect: None,
            wall_minus_mono_us,
            slewed_at: arrival,
            window_start: arrival,
            window_min: i64::MAX,
            offset: 0,
        }
    }

    /// Whether the stamp of a frame cannot be true.
    fn jumps(&self, camera: i64, arrival: i64) -> bool {
        let camera_delta = camera.saturating_sub(self.last_camera);
        let arrival_delta = arrival.saturating_sub(self.last_arrival);
        // From further in the future than it can be, unless the frames before it were late.
        let ahead = camera_delta.saturating_sub(arrival_delta) > AHEAD_MAX_TICKS
            && arrival.saturating_sub(self.media_of(camera)) < -AHEAD_MAX_TICKS / 2;
        ahead || camera_delta < -BACK_MAX_TICKS
    }

    fn media_of(&self, camera: i64) -> i64 {
        self.media.saturating_add(camera.saturating_sub(self.camera))
    }

    /// Moves the anchor by one quantum when the offset asks for it and the rate allows it.
    fn slew(&mut self, camera: i64, pts: i64, camera_delta: i64) -> i64 {
        if self.offset.unsigned_abs() <= SLEW_DEAD_BAND_TICKS.unsigned_abs() {
            return pts;
        }
        let earned = pts.saturating_sub(self.slewed_at).saturating_mul(SLEW_PPM_MAX) / 1_000_000;
        // Only between frames in order that are further apart than the quantum: no frame overtakes another.
        if earned < SLEW_QUANTUM_TICKS || camera_delta <= 2 * SLEW_QUANTUM_TICKS {
            return pts;
        }
        let quantum = SLEW_QUANTUM_TICKS * self.offset.signum();
        self.camera = camera;
        self.media = pts.saturating_add(quantum);
        self.offset -= quantum;
        self.window_min = self.window_min.saturating_sub(quantum);
        self.slewed_at = pts;
        self.media
    }

    /// Feeds the minimum filter.
    fn watch(&mut self, arrival: i64, delay: i64) {
        self.window_min = self.window_min.min(delay);
        if arrival.saturating_sub(self.window_start) >= DELAY_WINDOW_TICKS {
            self.offset = self.window_min;
            self.restart_window(arrival);
        }
    }

    fn restart_window(&mut self, arrival: i64) {
        self.window_start = arrival;
        self.window_min = i64::MAX;
    }
}

/// Camera units to media ticks, rounded down, without drift: it depends on the timestamp alone.
fn to_ticks(timestamp: i64, rate_hz: u32) -> i64 {
    if i64::from(rate_hz) == TICKS_PER_S {
        return timestamp;
    }
    let ticks = i128::from(timestamp) * i128::from(TICKS_PER_S);
    i64::try_from(ticks.div_euclid(i128::from(rate_hz.max(1)))).unwrap_or(i64::MAX)
}

fn micros_to_ticks(us: i64) -> i64 {
    us.saturating_mul(9) / 100
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
