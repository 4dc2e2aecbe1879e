//! The mirror of `include/nvr_plugin.h`, field by field. The header is the contract and says what everything means.
//!
//! Promises: the same layout as the header, checked against it by a C compiler in `tests/layout.rs`; every function
//! pointer may be null, so that what a foreign library left empty is seen before it is called.
//! Leaves to others: making these from safe code (`glue`), calling them (`host`), the closed lists as Rust (`closed`).

#![allow(missing_docs, reason = "the header documents each field, once")]

use std::ffi::c_void;

pub const ABI_MAJOR: u32 = 0;
pub const ABI_MINOR: u32 = 1;
/// Id of the factory of detectors.
pub const FACTORY_DETECTOR: &str = "nvr.detector/1";
/// Name of the one exported symbol.
pub const ENTRY_SYMBOL: &str = "nvr_plugin_entry";

pub const ERR_BYTES_MAX: usize = 512;
pub const DETAIL_BYTES_MAX: usize = 256;
pub const LOG_BYTES_MAX: usize = 512;
pub const EVENTS_PER_CALL_MAX: usize = 64;
pub const TRACKS_MAX: usize = 512;
pub const INFERENCES_MAX: usize = 64;
pub const MODELS_MAX: usize = 8;
pub const EVENT_TYPES_MAX: usize = 16;
pub const SCHEMA_BYTES_MAX: usize = 32768;
pub const CONFIG_BYTES_MAX: usize = 65536;
/// An object ends when its condition has been false for so long.
pub const RELEASE_US: i64 = 3_000_000;

pub const OK: i32 = 0;
pub const ERR: i32 = 1;
pub const ERR_LIMIT: i32 = 2;
pub const ERR_CLOSED: i32 = 3;
pub const ERR_INVALID: i32 = 4;
pub const ERR_STATE: i32 = 5;

pub const OUTPUT_EVENTS: u32 = 1;
pub const OUTPUT_SAMPLES: u32 = 2;
pub const TRACK_OBSERVED: u16 = 1;
pub const TRACK_CONFIRMED: u16 = 2;
pub const INPUT_HISTORY: u32 = 1;
pub const INPUT_GAP: u32 = 2;

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Str {
    pub ptr: *const u8,
    pub len: u64,
}

impl Str {
    /// Borrows a text: valid as long as the text is.
    pub const fn of(text: &str) -> Self {
        Self { ptr: text.as_ptr(), len: text.len() as u64 }
    }
}

#[repr(C)]
#[derive(Debug)]
pub struct Buf {
    pub ptr: *mut u8,
    pub cap: u64,
    pub len: u64,
}

#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Labels {
    pub bits: [u64; 2],
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct InferenceNeed {
    pub model: Str,
    pub region: i32,
    pub min_score: f32,
    pub labels: Labels,
    pub per_s_max: f32,
    pub reserved: u32,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct FrameNeed {
    pub format: i32,
    pub width: u32,
    pub height: u32,
    pub fps_max: f32,
}

impl FrameNeed {
    /// No such frames.
    pub const NONE: Self = Self { format: 0, width: 0, height: 0, fps_max: 0.0 };
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Needs {
    pub labels: Labels,
    pub min_score: f32,
    pub fps: f32,
    pub fps_min: f32,
    pub history_s: f32,
    pub gray: FrameNeed,
    pub rgb: FrameNeed,
    pub inference: *const InferenceNeed,
    pub inference_len: u64,
}

impl Needs {
    /// Nothing: for a detector to fill.
    pub const EMPTY: Self = Self {
        labels: Labels { bits: [0; 2] },
        min_score: 0.0,
        fps: 0.0,
        fps_min: 0.0,
        history_s: 0.0,
        gray: FrameNeed::NONE,
        rgb: FrameNeed::NONE,
        inference: std::ptr::null(),
        inference_len: 0,
    };
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Track {
    pub id: u64,
    pub first_seen_us: i64,
    pub last_seen_us: i64,
    pub x: f32,
    pub y: f32,
    pub w: f32,
    pub h: f32,
    pub vx: f32,
    pub vy: f32,
    pub score: f32,
    pub label: u16,
    pub flags: u16,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    pub data: *const u8,
    pub len: u64,
    pub width: u32,
    pub height: u32,
    pub stride: u32,
    pub format: i32,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Inference {
    pub model: Str,
    pub track_id: u64,
    pub at_us: i64,
    pub kind: i32,
    pub rank: u32,
    pub dims: [u32; 4],
    pub x: f32,
    pub y: f32,
    pub w: f32,
    pub h: f32,
    pub data: *const f32,
    pub len: u64,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Input {
    pub at_us: i64,
    pub wall_us: i64,
    pub sequence: u64,
    pub picture_w: u32,
    pub picture_h: u32,
    pub flags: u32,
    pub motion: f32,
    pub tracks: *const Track,
    pub tracks_len: u64,
    pub ended: *const u64,
    pub ended_len: u64,
    pub gray: *const Frame,
    pub rgb: *const Frame,
    pub inference: *const Inference,
    pub inference_len: u64,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Event {
    pub kind: i32,
    pub phase: i32,
    pub object: u64,
    pub since_us: i64,
    pub start_us: i64,
    pub end_us: i64,
    pub x: f32,
    pub y: f32,
    pub w: f32,
    pub h: f32,
    pub score: f32,
    pub measured: f32,
    pub threshold: f32,
    pub reserved: u32,
    pub detail: Str,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub series: i32,
    pub class: i32,
    pub direction: i32,
    pub n: u32,
    pub at_us: i64,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Host {
    pub ctx: *mut c_void,
    pub emit: Option<unsafe extern "C" fn(ctx: *mut c_void, event: *const Event) -> i32>,
    pub emit_sample: Option<unsafe extern "C" fn(ctx: *mut c_void, sample: *const Sample) -> i32>,
    pub ask: Option<unsafe extern "C" fn(ctx: *mut c_void, ids: *const u64, len: u64, model: Str) -> i32>,
    pub log: Option<unsafe extern "C" fn(ctx: *mut c_void, level: i32, text: Str)>,
    pub get_extension: Option<unsafe extern "C" fn(ctx: *mut c_void, id: Str) -> *const c_void>,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Detector {
    pub this: *mut c_void,
    pub needs: Option<unsafe extern "C" fn(d: *mut Detector, out: *mut Needs, err: *mut Buf) -> i32>,
    pub start: Option<unsafe extern "C" fn(d: *mut Detector, err: *mut Buf) -> i32>,
    pub process: Option<unsafe extern "C" fn(d: *mut Detector, input: *const Input, err: *mut Buf) -> i32>,
    pub reset: Option<unsafe extern "C" fn(d: *mut Detector)>,
    pub stop: Option<unsafe extern "C" fn(d: *mut Detector)>,
    pub destroy: Option<unsafe extern "C" fn(d: *mut Detector)>,
    pub get_extension: Option<unsafe extern "C" fn(d: *mut Detector, id: Str) -> *const c_void>,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Descriptor {
    pub id: Str,
    pub name: Str,
    pub version: Str,
    pub situation: Str,
    pub texts: Str,
    pub config_schema: Str,
    pub event_types: *const i32,
    pub event_types_len: u64,
    pub needs: *const Needs,
    pub regime: i32,
    pub outputs: u32,
    pub warmup_s: f32,
    pub min_px_per_m: f32,
    pub process_budget_us: u32,
    pub reserved: u32,
}

/// `create` of [`Factory`].
pub type Create =
    unsafe extern "C" fn(*const Host, config: Str, out: *mut *mut Detector, err: *mut Buf) -> i32;

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Factory {
    pub descriptor: Option<unsafe extern "C" fn() -> *const Descriptor>,
    pub create: Option<Create>,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub abi_major: u32,
    pub abi_minor: u32,
    pub init: Option<unsafe extern "C" fn(err: *mut Buf) -> i32>,
    pub deinit: Option<unsafe extern "C" fn()>,
    pub get_factory: Option<unsafe extern "C" fn(id: Str) -> *const c_void>,
}
