//! The plugin's side of the boundary: the functions of the header, made from a [`Detector`].
//!
//! Promises: null pointers, unknown labels and lengths over a limit are answered with an error, never followed; no panic
//! crosses: `extern "C"` aborts the process. Leaves to others: what a detector does, and the other side (`host`).

#![allow(unsafe_code, reason = "the C boundary")]

use crate::abi;
use crate::closed::{Format, ResultKind};
use crate::detector::{Descriptor, Detector};
use crate::input::{Frame, Inference, Input};
use crate::needs::{Needs, frame_to_abi};
use crate::output::Output;
use nvr_base::geometry::Rect;
use nvr_base::label::Label;
use nvr_base::scene::{Scene, Track, TrackId};
use std::ffi::c_void;
use std::marker::PhantomData;

/// Made by `export_detector!`.
pub trait Export: Detector {
    /// The descriptor, made once.
    fn descriptor() -> &'static DescriptorCell;
}

/// A descriptor as the header has it, with what it points to.
#[derive(Debug)]
pub struct DescriptorCell {
    raw: abi::Descriptor,
}

// SAFETY: it points to constants and to memory leaked for it; nobody writes either.
unsafe impl Send for DescriptorCell {}
// SAFETY: as above.
unsafe impl Sync for DescriptorCell {}

impl DescriptorCell {
    /// Leaks the template of the needs: once a library.
    pub fn new(d: &'static Descriptor, template: &Needs) -> Self {
        let needs: &'static RawNeeds = Box::leak(Box::new(RawNeeds::new(template)));
        let raw = abi::Descriptor {
            id: abi::Str::of(d.id),
            name: abi::Str::of(d.name),
            version: abi::Str::of(d.version),
            situation: abi::Str::of(d.situation),
            texts: abi::Str::of(d.texts),
            config_schema: abi::Str::of(d.config_schema),
            event_types: d.event_types.as_ptr().cast(), // repr(i32)
            event_types_len: d.event_types.len() as u64,
            needs: &raw const needs.raw,
            regime: d.regime.number(),
            outputs: abi::OUTPUT_EVENTS | if d.counts { abi::OUTPUT_SAMPLES } else { 0 },
            warmup_s: d.warmup_s,
            min_px_per_m: d.min_px_per_m,
            process_budget_us: d.process_budget_us,
            reserved: 0,
        };
        Self { raw }
    }
}

/// Needs as the header has them, with what they point to. The vectors are never touched again.
#[derive(Debug)]
struct RawNeeds {
    raw: abi::Needs,
    _inference: Vec<abi::InferenceNeed>,
    _models: Vec<String>,
}

impl RawNeeds {
    fn new(needs: &Needs) -> Self {
        let models: Vec<String> = needs.inference.iter().map(|n| n.model.clone()).collect();
        let raw = |(n, model): (&crate::needs::InferenceNeed, &String)| abi::InferenceNeed {
            model: abi::Str::of(model),
            region: n.region.number(),
            min_score: n.min_score,
            labels: n.labels.to_abi(),
            per_s_max: n.per_s_max,
            reserved: 0,
        };
        let inference: Vec<abi::InferenceNeed> = needs.inference.iter().zip(&models).map(raw).collect();
        let raw = abi::Needs {
            labels: needs.labels.to_abi(),
            min_score: needs.min_score,
            fps: needs.fps,
            fps_min: needs.fps_min,
            history_s: needs.history_s,
            gray: frame_to_abi(needs.gray, Format::Gray8),
            rgb: frame_to_abi(needs.rgb, Format::Rgb8),
            inference: inference.as_ptr(),
            inference_len: inference.len() as u64,
        };
        Self { raw, _inference: inference, _models: models }
    }
}

struct Instance<E> {
    raw: abi::Detector,
    host: *const abi::Host,
    detector: E,
    needs: RawNeeds,
    scene: Scene,
}

/// The entry of a library with this detector.
pub const fn entry<E: Export>() -> abi::Entry {
    abi::Entry {
        abi_major: abi::ABI_MAJOR,
        abi_minor: abi::ABI_MINOR,
        init: Some(init),
        deinit: Some(deinit),
        get_factory: Some(get_factory::<E>),
    }
}

unsafe extern "C" fn init(_err: *mut abi::Buf) -> i32 {
    abi::OK
}

unsafe extern "C" fn deinit() {}

struct Table<E>(PhantomData<E>);

impl<E: Export> Table<E> {
    const FACTORY: &'static abi::Factory =
        &abi::Factory { descriptor: Some(descriptor::<E>), create: Some(create::<E>) };
}

unsafe extern "C" fn get_factory<E: Export>(id: abi::Str) -> *const c_void {
    // SAFETY: the caller's text lives as long as the call.
    match unsafe { text(id, 64) } {
        Some(abi::FACTORY_DETECTOR) => std::ptr::from_ref(Table::<E>::FACTORY).cast(),
        _ => std::ptr::null(),
    }
}

unsafe extern "C" fn descriptor<E: Export>() -> *const abi::Descriptor {
    &raw const E::descriptor().raw
}

unsafe extern "C" fn create<E: Export>(
    host: *const abi::Host,
    config: abi::Str,
    out: *mut *mut abi::Detector,
    err: *mut abi::Buf,
) -> i32 {
    // SAFETY: the caller's text lives as long as the call.
    let Some(config) = (unsafe { text(config, abi::CONFIG_BYTES_MAX) }) else {
        // SAFETY: `err` is the caller's buffer.
        return unsafe { fail(err, "the configuration is no UTF-8 of at most 64 KiB") };
    };
    if host.is_null() || out.is_null() {
        return abi::ERR_INVALID;
    }
    match E::create(config) {
        // SAFETY: `err` is the caller's buffer.
        Err(why) => unsafe { fail(err, &why) },
        Ok(detector) => {
            let needs = RawNeeds::new(&detector.needs());
            let raw = abi::Detector {
                this: std::ptr::null_mut(),
                needs: Some(needs_of::<E>),
                start: Some(start::<E>),
                process: Some(process::<E>),
                reset: Some(reset::<E>),
                stop: Some(stop::<E>),
                destroy: Some(destroy::<E>),
                get_extension: Some(get_extension),
            };
            let made =
                Box::into_raw(Box::new(Instance { raw, host, detector, needs, scene: Scene::default() }));
            // SAFETY: `made` was just allocated; `out` is not null and the caller's.
            unsafe {
                (*made).raw.this = made.cast();
                *out = &raw mut (*made).raw;
            }
            abi::OK
        }
    }
}

/// The instance behind a handle.
///
/// # Safety
/// `d` came from `create::<E>` and was not destroyed; calls into one instance are serial, so nobody else has a reference.
unsafe fn instance<'a, E>(d: *mut abi::Detector) -> &'a mut Instance<E> {
    // SAFETY: see above; `this` was set by `create` to the allocation of this type.
    unsafe { &mut *(*d).this.cast::<Instance<E>>() }
}

unsafe extern "C" fn needs_of<E: Export>(
    d: *mut abi::Detector,
    out: *mut abi::Needs,
    _: *mut abi::Buf,
) -> i32 {
    // SAFETY: `d` is a live instance of `create::<E>`; `out` is the caller's.
    unsafe { *out = instance::<E>(d).needs.raw };
    abi::OK
}

unsafe extern "C" fn start<E: Export>(d: *mut abi::Detector, err: *mut abi::Buf) -> i32 {
    // SAFETY: `d` is a live instance of `create::<E>`.
    match unsafe { instance::<E>(d) }.detector.start() {
        Ok(()) => abi::OK,
        // SAFETY: `err` is the caller's buffer.
        Err(why) => unsafe { fail(err, &why) },
    }
}

unsafe extern "C" fn process<E: Export>(
    d: *mut abi::Detector,
    input: *const abi::Input,
    err: *mut abi::Buf,
) -> i32 {
    // SAFETY: `d` is a live instance of `create::<E>`.
    let this = unsafe { instance::<E>(d) };
    // SAFETY: the input and all it points to are borrowed from the caller until we return.
    match unsafe { read_input(input, &mut this.scene) } {
        Ok(input) => {
            // SAFETY: the host lives until `destroy` has returned.
            let mut out = Output::new(unsafe { &*this.host });
            this.detector.process(&input, &mut out);
            abi::OK
        }
        // SAFETY: `err` is the caller's buffer.
        Err(why) => unsafe { fail(err, why) },
    }
}

unsafe extern "C" fn reset<E: Export>(d: *mut abi::Detector) {
    // SAFETY: `d` is a live instance of `create::<E>`.
    unsafe { instance::<E>(d) }.detector.reset();
}

unsafe extern "C" fn stop<E: Export>(d: *mut abi::Detector) {
    // SAFETY: `d` is a live instance of `create::<E>`.
    unsafe { instance::<E>(d) }.detector.stop();
}

unsafe extern "C" fn destroy<E: Export>(d: *mut abi::Detector) {
    // SAFETY: `d` came from `Box::into_raw` in `create::<E>`, and this is its last call.
    drop(unsafe { Box::from_raw((*d).this.cast::<Instance<E>>()) });
}

unsafe extern "C" fn get_extension(_: *mut abi::Detector, _: abi::Str) -> *const c_void {
    std::ptr::null()
}

/// A borrowed text of at most `max` bytes.
///
/// # Safety
/// `s` points to `len` bytes that live and do not change for `'a`.
pub(crate) unsafe fn text<'a>(s: abi::Str, max: usize) -> Option<&'a str> {
    // SAFETY: the caller's promise.
    std::str::from_utf8(unsafe { slice(s.ptr, s.len, max) }?).ok()
}

/// A borrowed array of at most `max` items; null is empty.
///
/// # Safety
/// `ptr` is null or points to `len` items that live and do not change for `'a`.
pub(crate) unsafe fn slice<'a, T>(ptr: *const T, len: u64, max: usize) -> Option<&'a [T]> {
    let len = usize::try_from(len).ok().filter(|l| *l <= max)?;
    if len == 0 {
        return Some(&[]);
    }
    // SAFETY: not null, aligned, and the caller's promise.
    (!ptr.is_null() && ptr.is_aligned()).then(|| unsafe { std::slice::from_raw_parts(ptr, len) })
}

/// Writes an error text, cut at a character, and answers `ERR`.
///
/// # Safety
/// `err` is null or a buffer of the caller's.
unsafe fn fail(err: *mut abi::Buf, why: &str) -> i32 {
    // SAFETY: the caller's promise.
    let Some(buf) = (unsafe { err.as_mut() }) else { return abi::ERR };
    let mut len = why.len().min(usize::try_from(buf.cap).unwrap_or(0)).min(abi::ERR_BYTES_MAX);
    while !why.is_char_boundary(len) {
        len -= 1;
    }
    if !buf.ptr.is_null() {
        // SAFETY: `cap` bytes are the caller's to be written, and `len` is no more.
        unsafe { std::ptr::copy_nonoverlapping(why.as_ptr(), buf.ptr, len) };
        buf.len = len as u64;
    }
    abi::ERR
}

/// # Safety
/// `input` is null or, with all it points to, borrowed for `'a`.
unsafe fn read_input<'a>(input: *const abi::Input, scene: &'a mut Scene) -> Result<Input<'a>, &'static str> {
    // SAFETY: the caller's promise, here and below.
    let raw = unsafe { input.as_ref() }.ok_or("no input")?;
    // SAFETY: as above.
    let tracks = unsafe { slice(raw.tracks, raw.tracks_len, abi::TRACKS_MAX) }.ok_or("too many tracks")?;
    // SAFETY: as above.
    let ended = unsafe { slice(raw.ended, raw.ended_len, abi::TRACKS_MAX) }.ok_or("too many ended tracks")?;
    // SAFETY: as above.
    let results = unsafe { slice(raw.inference, raw.inference_len, abi::INFERENCES_MAX) };
    scene.at_us = raw.at_us;
    scene.motion = raw.motion;
    scene.tracks.clear();
    for t in tracks {
        scene.tracks.push(track(t).ok_or("a label outside the list")?);
    }
    scene.ended.clear();
    scene.ended.extend(ended.iter().map(|id| TrackId(*id)));
    let mut inference = Vec::new();
    for r in results.ok_or("too many inference results")? {
        // SAFETY: as above.
        inference.push(unsafe { result(r) }.ok_or("an inference result that contradicts itself")?);
    }
    Ok(Input {
        wall_us: raw.wall_us,
        sequence: raw.sequence,
        aspect: raw.picture_w.max(1) as f32 / raw.picture_h.max(1) as f32,
        history: raw.flags & abi::INPUT_HISTORY != 0,
        gap: raw.flags & abi::INPUT_GAP != 0,
        // SAFETY: as above.
        gray: unsafe { frame(raw.gray, Format::Gray8, 1) }?,
        // SAFETY: as above.
        rgb: unsafe { frame(raw.rgb, Format::Rgb8, 3) }?,
        inference,
        scene,
    })
}

fn track(t: &abi::Track) -> Option<Track> {
    Some(Track {
        id: TrackId(t.id),
        label: Label::from_index(usize::from(t.label))?,
        score: t.score,
        rect: Rect { x: t.x, y: t.y, w: t.w, h: t.h },
        velocity: (t.vx, t.vy),
        first_seen_us: t.first_seen_us,
        last_seen_us: t.last_seen_us,
        observed: t.flags & abi::TRACK_OBSERVED != 0,
    })
}

/// # Safety
/// `f` is null or, with its pixels, borrowed for `'a`.
unsafe fn frame<'a>(
    f: *const abi::Frame,
    format: Format,
    channels: u32,
) -> Result<Option<Frame<'a>>, &'static str> {
    const WRONG: &str = "a frame that contradicts itself";
    // SAFETY: the caller's promise.
    let Some(f) = (unsafe { f.as_ref() }) else { return Ok(None) };
    let row = f.width.checked_mul(channels).ok_or(WRONG)?;
    let least = u64::from(f.stride) * u64::from(f.height);
    if f.format != format.number() || f.stride < row || f.len < least {
        return Err(WRONG);
    }
    // SAFETY: the caller's promise; `least` is no more than `len`.
    let data = unsafe { slice(f.data, least, 64 << 20) }.ok_or(WRONG)?;
    Ok(Some(Frame { data, width: f.width, height: f.height, stride: f.stride, channels }))
}

/// # Safety
/// What `r` points to is borrowed for `'a`.
unsafe fn result<'a>(r: &'a abi::Inference) -> Option<Inference<'a>> {
    let dims = r.dims.get(..usize::try_from(r.rank).ok()?).filter(|d| !d.is_empty())?;
    let product = dims.iter().try_fold(1u64, |n, d| n.checked_mul(u64::from(*d)))?;
    (product == r.len).then_some(())?;
    Some(Inference {
        // SAFETY: the caller's promise.
        model: unsafe { text(r.model, 128) }?,
        track: (r.track_id != 0).then_some(TrackId(r.track_id)),
        at_us: r.at_us,
        kind: ResultKind::from_number(r.kind)?,
        dims,
        region: Rect { x: r.x, y: r.y, w: r.w, h: r.h },
        // SAFETY: the caller's promise.
        data: unsafe { slice(r.data, r.len, 1 << 22) }?,
    })
}

/// Makes a library of a detector: `export_detector!(MyDetector, DESCRIPTOR)`, once, at the root of a `cdylib` crate.
/// `DESCRIPTOR` is a `const` or `static` [`Descriptor`].
#[macro_export]
macro_rules! export_detector {
    ($detector:ty, $descriptor:expr) => {
        impl $crate::glue::Export for $detector {
            fn descriptor() -> &'static $crate::glue::DescriptorCell {
                static DESCRIPTOR: $crate::Descriptor = $descriptor;
                static CELL: std::sync::OnceLock<$crate::glue::DescriptorCell> = std::sync::OnceLock::new();
                CELL.get_or_init(|| {
                    let template = <$detector as $crate::Detector>::template();
                    $crate::glue::DescriptorCell::new(&DESCRIPTOR, &template)
                })
            }
        }

        /// The library's one exported symbol.
        #[allow(unsafe_code, reason = "an exported name is the whole of it")]
        #[allow(non_upper_case_globals, reason = "the contract's name")]
        #[unsafe(no_mangle)]
        pub static nvr_plugin_entry: $crate::abi::Entry = $crate::glue::entry::<$detector>();
    };
}
