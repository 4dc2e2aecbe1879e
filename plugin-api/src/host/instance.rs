//! One instance: one rule on one camera, behind safe calls.
//!
//! Promises: calls are serial (`&mut`), inputs outlive them, what is said comes back as plain data; dropping destroys.
//! Leaves to others: watching how long a call takes.

use super::about::read_needs;
use super::context::{Context, Said, host_of};
use super::{About, PluginError, call};
use crate::abi;
use crate::closed::{Format, Region, ResultKind};
use crate::needs::Needs;
use nvr_base::geometry::Rect;
use nvr_base::scene::{Scene, TrackId};
use std::cell::RefCell;

/// A picture to give.
#[derive(Debug, Clone, Copy)]
pub struct FrameData<'a> {
    /// At least `stride * height` bytes.
    pub data: &'a [u8],
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Bytes from row to row.
    pub stride: u32,
}

/// A model's result to give; `dims` 1 to 4 of them.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "the header documents each field, once")]
pub struct InferenceData<'a> {
    pub model: &'a str,
    pub track: Option<TrackId>,
    pub at_us: i64,
    pub kind: ResultKind,
    pub dims: &'a [u32],
    pub region: Rect,
    pub data: &'a [f32],
}

/// What to give in one call.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "the header documents each field, once")]
pub struct InputData<'a> {
    pub scene: &'a Scene,
    pub wall_us: i64,
    pub sequence: u64,
    pub picture: (u32, u32),
    pub history: bool,
    pub gap: bool,
    pub gray: Option<FrameData<'a>>,
    pub rgb: Option<FrameData<'a>>,
    pub inference: &'a [InferenceData<'a>],
}

/// What the plugin points to until its `destroy` has returned: on the heap, and never moved.
#[derive(Debug)]
struct Hosted(*mut (RefCell<Context>, abi::Host));

impl Hosted {
    fn new(about: &About) -> Self {
        let parts = Box::into_raw(Box::new((Context::new(about), host_of(std::ptr::null()))));
        // SAFETY: just allocated, and ours alone.
        unsafe { (*parts).1 = host_of(&raw const (*parts).0) };
        Self(parts)
    }

    fn context(&self) -> &RefCell<Context> {
        // SAFETY: allocated until `self` is dropped; shared only on this thread.
        unsafe { &(*self.0).0 }
    }

    fn host(&self) -> *const abi::Host {
        // SAFETY: allocated until `self` is dropped; no reference is made.
        unsafe { &raw const (*self.0).1 }
    }
}

impl Drop for Hosted {
    fn drop(&mut self) {
        // SAFETY: from `Box::into_raw`, dropped once; `Instance` destroys the plugin's side before its fields.
        drop(unsafe { Box::from_raw(self.0) });
    }
}

/// A live instance.
#[derive(Debug)]
pub struct Instance {
    raw: *mut abi::Detector,
    hosted: Hosted,
    needs: Needs,
}

impl Instance {
    pub(super) fn new(create: abi::Create, config: &str, about: &About) -> Result<Self, PluginError> {
        if config.len() > abi::CONFIG_BYTES_MAX {
            return Err(PluginError::Contract("the configuration is over 64 KiB"));
        }
        let hosted = Hosted::new(about);
        let host = hosted.host();
        let mut raw: *mut abi::Detector = std::ptr::null_mut();
        // SAFETY: host and context live until after `destroy`; the text outlives the call.
        call("create", |err| unsafe { create(host, abi::Str::of(config), &raw mut raw, err) })?;
        if raw.is_null() || !raw.is_aligned() {
            return Err(PluginError::Contract("`create` made nothing"));
        }
        // SAFETY: not null, aligned, just made.
        let d = unsafe { *raw };
        let (Some(needs_of), Some(_), Some(_), Some(_), Some(_), Some(_)) =
            (d.needs, d.start, d.process, d.reset, d.stop, d.destroy)
        else {
            return Err(PluginError::Contract("a function of the detector is null"));
        };
        let mut made = Self { raw, hosted, needs: about.needs.clone() };
        let mut out = abi::Needs::EMPTY;
        // SAFETY: a live instance; `out` is ours.
        call("needs", |err| unsafe { needs_of(raw, &raw mut out, err) })?;
        // SAFETY: what it points to lives until the next call into this instance.
        made.needs = unsafe { read_needs(&raw const out) }.map_err(PluginError::Contract)?;
        let asked =
            made.needs.inference.iter().filter(|n| n.region == Region::Asked).map(|n| n.model.clone());
        let asked = asked.collect();
        made.hosted.context().borrow_mut().set_models(asked);
        Ok(made)
    }

    /// What it needs.
    pub fn needs(&self) -> &Needs {
        &self.needs
    }

    /// Once, before `process`.
    ///
    /// # Errors
    /// What the plugin said.
    pub fn start(&mut self) -> Result<Said, PluginError> {
        // SAFETY: a live instance, and serial: `&mut`.
        self.during(|d| call("start", |err| unsafe { d.start.map_or(abi::ERR, |f| f(d.raw(), err)) }))
    }

    /// One frame.
    ///
    /// # Errors
    /// What the plugin said; what it emitted before is lost.
    pub fn process(&mut self, input: &InputData<'_>) -> Result<Said, PluginError> {
        let tracks: Vec<abi::Track> = input.scene.tracks.iter().map(track).collect();
        let ended: Vec<u64> = input.scene.ended.iter().map(|t| t.0).collect();
        let gray = input.gray.map(|f| frame(&f, Format::Gray8));
        let rgb = input.rgb.map(|f| frame(&f, Format::Rgb8));
        let results: Vec<abi::Inference> = input.inference.iter().map(result).collect();
        let raw = abi::Input {
            at_us: input.scene.at_us,
            wall_us: input.wall_us,
            sequence: input.sequence,
            picture_w: input.picture.0,
            picture_h: input.picture.1,
            flags: if input.history { abi::INPUT_HISTORY } else { 0 }
                | if input.gap { abi::INPUT_GAP } else { 0 },
            motion: input.scene.motion,
            tracks: tracks.as_ptr(),
            tracks_len: tracks.len() as u64,
            ended: ended.as_ptr(),
            ended_len: ended.len() as u64,
            gray: gray.as_ref().map_or(std::ptr::null(), std::ptr::from_ref),
            rgb: rgb.as_ref().map_or(std::ptr::null(), std::ptr::from_ref),
            inference: results.as_ptr(),
            inference_len: results.len() as u64,
        };
        self.during(|d| {
            // SAFETY: a live instance, and serial; `raw` and all it points to outlive the call.
            call("process", |err| unsafe { d.process.map_or(abi::ERR, |f| f(d.raw(), &raw const raw, err)) })
        })
    }

    /// Times and ids start again.
    pub fn reset(&mut self) -> Said {
        let done = self.during(|d| {
            if let Some(f) = d.reset {
                // SAFETY: a live instance, and serial.
                unsafe { f(d.raw()) };
            }
            Ok(())
        });
        done.unwrap_or_default()
    }

    /// Once, after the last `process`.
    pub fn stop(&mut self) -> Said {
        let done = self.during(|d| {
            if let Some(f) = d.stop {
                // SAFETY: a live instance, and serial.
                unsafe { f(d.raw()) };
            }
            Ok(())
        });
        done.unwrap_or_default()
    }

    fn during(&mut self, f: impl FnOnce(&Live) -> Result<(), PluginError>) -> Result<Said, PluginError> {
        self.hosted.context().borrow_mut().open(true);
        // SAFETY: a live instance: its function table is readable until `destroy`.
        let live = Live { raw: self.raw, table: unsafe { *self.raw } };
        let done = f(&live);
        let mut context = self.hosted.context().borrow_mut();
        context.open(false);
        let said = context.take();
        done.map(|()| said)
    }
}

struct Live {
    raw: *mut abi::Detector,
    table: abi::Detector,
}

impl Live {
    fn raw(&self) -> *mut abi::Detector {
        self.raw
    }
}

impl std::ops::Deref for Live {
    type Target = abi::Detector;
    fn deref(&self) -> &abi::Detector {
        &self.table
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: a live instance; its last call; host and context are dropped after it.
        unsafe {
            if let Some(destroy) = (*self.raw).destroy {
                destroy(self.raw);
            }
        }
    }
}

fn track(t: &nvr_base::scene::Track) -> abi::Track {
    abi::Track {
        id: t.id.0,
        first_seen_us: t.first_seen_us,
        last_seen_us: t.last_seen_us,
        x: t.rect.x,
        y: t.rect.y,
        w: t.rect.w,
        h: t.rect.h,
        vx: t.velocity.0,
        vy: t.velocity.1,
        score: t.score,
        label: u16::try_from(t.label.index()).unwrap_or(u16::MAX),
        flags: abi::TRACK_CONFIRMED | if t.observed { abi::TRACK_OBSERVED } else { 0 },
    }
}

fn frame(f: &FrameData<'_>, format: Format) -> abi::Frame {
    abi::Frame {
        data: f.data.as_ptr(),
        len: f.data.len() as u64,
        width: f.width,
        height: f.height,
        stride: f.stride,
        format: format.number(),
    }
}

fn result(r: &InferenceData<'_>) -> abi::Inference {
    let mut dims = [1; 4];
    dims.iter_mut().zip(r.dims).for_each(|(to, from)| *to = *from);
    abi::Inference {
        model: abi::Str::of(r.model),
        track_id: r.track.map_or(0, |t| t.0),
        at_us: r.at_us,
        kind: r.kind.number(),
        rank: u32::try_from(r.dims.len()).unwrap_or(u32::MAX),
        dims,
        x: r.region.x,
        y: r.region.y,
        w: r.region.w,
        h: r.region.h,
        data: r.data.as_ptr(),
        len: r.data.len() as u64,
    }
}
