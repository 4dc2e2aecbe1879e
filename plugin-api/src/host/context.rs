//! What the host hands an instance: functions that copy what it says, and refuse what it may not say.
//!
//! Promises: bounded by the limits of the header whatever is said; each refusal has its reason and is counted.
//! Leaves to others: what becomes of an event.

use super::{About, slice, text};
use crate::abi;
use crate::closed::{Direction, EventType, Level, Phase, Series, class_from_number};
use crate::event::{Event, Sample};
use nvr_base::geometry::Rect;
use nvr_base::scene::TrackId;
use std::cell::RefCell;
use std::ffi::c_void;

/// Crops asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Of which tracks.
    pub tracks: Vec<TrackId>,
    /// For which model.
    pub model: String,
}

/// Why something was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Over a limit.
    Limit,
    /// Not on a closed list, or not declared.
    Closed,
    /// Contradicts itself.
    Invalid(&'static str),
    /// Not inside a call.
    State,
}

impl Refusal {
    fn status(self) -> i32 {
        match self {
            Self::Limit => abi::ERR_LIMIT,
            Self::Closed => abi::ERR_CLOSED,
            Self::Invalid(_) => abi::ERR_INVALID,
            Self::State => abi::ERR_STATE,
        }
    }
}

/// What an instance said during one call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Said {
    /// In order.
    pub events: Vec<Event>,
    /// In order.
    pub samples: Vec<Sample>,
    /// In order.
    pub asks: Vec<Ask>,
    /// In order.
    pub logs: Vec<(Level, String)>,
    /// How many were refused.
    pub refused: u64,
    /// The first refusal.
    pub refusal: Option<Refusal>,
}

/// Log lines and asks kept of one call.
const OTHERS_PER_CALL_MAX: usize = 16;

#[derive(Debug)]
pub(super) struct Context {
    event_types: Vec<EventType>,
    emits: bool,
    counts: bool,
    models: Vec<String>,
    /// Within `start`, `process`, `reset` or `stop`.
    open: bool,
    said: Said,
}

impl Context {
    pub(super) fn new(about: &About) -> RefCell<Self> {
        let models = Vec::new();
        RefCell::new(Self {
            event_types: about.event_types.clone(),
            emits: about.emits,
            counts: about.counts,
            models,
            open: false,
            said: Said::default(),
        })
    }

    pub(super) fn set_models(&mut self, asked: Vec<String>) {
        self.models = asked;
    }

    pub(super) fn open(&mut self, open: bool) {
        self.open = open;
    }

    pub(super) fn take(&mut self) -> Said {
        std::mem::take(&mut self.said)
    }

    fn event(&mut self, event: Option<Event>) -> Result<(), Refusal> {
        let event = event.ok_or(Refusal::Closed)?;
        if !self.open {
            return Err(Refusal::State);
        }
        if !self.emits || !self.event_types.contains(&event.kind) {
            return Err(Refusal::Closed);
        }
        event.fault().map_or(Ok(()), |why| Err(Refusal::Invalid(why)))?;
        push(&mut self.said.events, event, abi::EVENTS_PER_CALL_MAX)
    }

    fn sample(&mut self, sample: Option<Sample>) -> Result<(), Refusal> {
        let sample = sample.filter(|_| self.counts).ok_or(Refusal::Closed)?;
        if !self.open {
            return Err(Refusal::State);
        }
        push(&mut self.said.samples, sample, abi::EVENTS_PER_CALL_MAX)
    }

    fn ask(&mut self, tracks: &[u64], model: &str) -> Result<(), Refusal> {
        if !self.open {
            return Err(Refusal::State);
        }
        if !self.models.iter().any(|m| m == model) {
            return Err(Refusal::Closed);
        }
        let ask = Ask { tracks: tracks.iter().map(|id| TrackId(*id)).collect(), model: model.to_owned() };
        push(&mut self.said.asks, ask, OTHERS_PER_CALL_MAX)
    }

    fn answer(&mut self, done: Result<(), Refusal>) -> i32 {
        let Err(refusal) = done else { return abi::OK };
        self.said.refused += 1;
        self.said.refusal.get_or_insert(refusal);
        refusal.status()
    }
}

fn push<T>(list: &mut Vec<T>, item: T, max: usize) -> Result<(), Refusal> {
    if list.len() >= max {
        return Err(Refusal::Limit);
    }
    list.push(item);
    Ok(())
}

/// The functions of the header over a context.
pub(super) fn host_of(context: *const RefCell<Context>) -> abi::Host {
    abi::Host {
        ctx: context.cast_mut().cast(),
        emit: Some(emit),
        emit_sample: Some(emit_sample),
        ask: Some(ask),
        log: Some(log),
        get_extension: Some(get_extension),
    }
}

/// Runs `f` on the context; a plugin that calls from two places at once gets `ERR_STATE`.
///
/// # Safety
/// `ctx` is the one of `host_of`, whose instance lives, on its thread.
unsafe fn with(ctx: *mut c_void, f: impl FnOnce(&mut Context) -> Result<(), Refusal>) -> i32 {
    // SAFETY: the caller's promise.
    let Some(cell) = (unsafe { ctx.cast::<RefCell<Context>>().as_ref() }) else { return abi::ERR_INVALID };
    let Ok(mut context) = cell.try_borrow_mut() else { return abi::ERR_STATE };
    let done = f(&mut context);
    context.answer(done)
}

unsafe extern "C" fn emit(ctx: *mut c_void, event: *const abi::Event) -> i32 {
    // SAFETY: the plugin gives back our `ctx`; its event is borrowed until we return.
    unsafe { with(ctx, |c| c.event(event.as_ref().and_then(|e| read_event(e)))) }
}

unsafe extern "C" fn emit_sample(ctx: *mut c_void, sample: *const abi::Sample) -> i32 {
    // SAFETY: the plugin gives back our `ctx`; its sample is borrowed until we return.
    unsafe { with(ctx, |c| c.sample(sample.as_ref().and_then(read_sample))) }
}

unsafe extern "C" fn ask(ctx: *mut c_void, ids: *const u64, len: u64, model: abi::Str) -> i32 {
    // SAFETY: the plugin gives back our `ctx`; ids and model are borrowed until we return.
    unsafe {
        with(ctx, |c| match (slice(ids, len, abi::TRACKS_MAX), text(model, 128)) {
            (Some(ids), Some(model)) => c.ask(ids, model),
            _ => Err(Refusal::Invalid("ask: too many tracks, or no model")),
        })
    }
}

unsafe extern "C" fn log(ctx: *mut c_void, level: i32, line: abi::Str) {
    // SAFETY: the plugin gives back our `ctx`; the text is borrowed until we return.
    unsafe {
        with(ctx, |c| match (Level::from_number(level), text(line, abi::LOG_BYTES_MAX)) {
            (Some(level), Some(line)) => {
                push(&mut c.said.logs, (level, line.to_owned()), OTHERS_PER_CALL_MAX)
            }
            _ => Err(Refusal::Invalid("log: level, or no UTF-8 of at most 512 bytes")),
        })
    };
}

unsafe extern "C" fn get_extension(_: *mut c_void, _: abi::Str) -> *const c_void {
    std::ptr::null()
}

/// # Safety
/// The detail is borrowed during the call.
unsafe fn read_event(e: &abi::Event) -> Option<Event> {
    let phase = Phase::from_number(e.phase)?;
    Some(Event {
        kind: EventType::from_number(e.kind)?,
        phase,
        object: e.object,
        since_us: e.since_us,
        start_us: e.start_us,
        end_us: (phase == Phase::End).then_some(e.end_us),
        rect: Rect { x: e.x, y: e.y, w: e.w, h: e.h },
        score: e.score,
        measured: e.measured,
        threshold: e.threshold,
        // SAFETY: the caller's promise.
        detail: unsafe { text(e.detail, abi::DETAIL_BYTES_MAX) }?.to_owned(),
    })
}

fn read_sample(s: &abi::Sample) -> Option<Sample> {
    Some(Sample {
        series: Series::from_number(s.series)?,
        class: class_from_number(s.class)?,
        direction: Direction::from_number(s.direction)?,
        n: s.n,
        at_us: s.at_us,
    })
}
