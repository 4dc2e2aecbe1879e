//! What one instance may say: the functions of the host that a plugin is given.
//!
//! Promises: what is undeclared, impossible, too much or at the wrong moment is refused with the contract's status and
//!   counted; what passes is copied into a message at once.
//! Leaves to others: calling the plugin (`instance`), judging again what this process says (`nvr-plugins`).

use crate::borrowed::{array, one, text};
use nvr_base::geometry::Rect;
use nvr_base::media_protocol::bounded_text;
use nvr_plugin_api::abi;
use nvr_plugin_api::closed::{Direction, EventType, Phase as Wire, Series};
use nvr_plugins::channel::Channel;
use nvr_plugins::protocol::{EMITS_MAX, Event, FromWorker, InstanceId, Phase, Sample};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::rc::Rc;

/// Most objects of an instance that have begun and not ended.
const OPEN_MAX: usize = 1024;
/// Most log lines of one call.
const LOGS_MAX: u32 = 16;
/// Most asks of one call.
const ASKS_MAX: u32 = 8;
/// Refused emits of one call that end the worker: the plugin does nothing else any more.
const REFUSALS_MAX: u32 = 100_000;
/// Updates of one object closer together than this are dropped, in µs.
const UPDATE_US_MIN: i64 = 1_000_000;

/// Whether the plugin may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Moment {
    /// It is not being called.
    #[default]
    Shut,
    /// It is.
    Open,
    /// It is fed history: what it says is dropped.
    History,
}

/// Emits refused during one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refusals {
    /// Too many.
    pub limit: u32,
    /// Not declared, or on no closed list.
    pub kind: u32,
    /// Impossible values, or the wrong moment.
    pub value: u32,
}

#[derive(Debug, Default)]
struct State {
    moment: Moment,
    sequence: u64,
    at_us: i64,
    events: u32,
    samples: u32,
    logs: u32,
    asks: u32,
    refusals: Refusals,
    /// Objects that have begun: their type, and the media time of their last message.
    open: BTreeMap<u64, (i32, i64)>,
    lost: bool,
}

/// The host as one instance sees it.
#[derive(Debug)]
pub struct Mouth {
    channel: Rc<Channel>,
    instance: InstanceId,
    event_types: Vec<i32>,
    outputs: u32,
    models: RefCell<Vec<String>>,
    state: RefCell<State>,
}

impl Mouth {
    /// Shut. `event_types` and `outputs` are the descriptor's.
    pub fn new(channel: Rc<Channel>, instance: InstanceId, event_types: Vec<i32>, outputs: u32) -> Self {
        let (models, state) = (RefCell::default(), RefCell::default());
        Self { channel, instance, event_types, outputs, models, state }
    }

    /// The table for the plugin; `self` must stay where it is for as long as the plugin has it.
    pub fn table(&self) -> abi::Host {
        abi::Host {
            ctx: std::ptr::from_ref(self).cast_mut().cast(),
            emit: Some(emit),
            emit_sample: Some(emit_sample),
            ask: Some(ask),
            log: Some(log),
            get_extension: Some(get_extension),
        }
    }

    /// The models whose crops it may ask for.
    pub fn may_ask(&self, models: Vec<String>) {
        *self.models.borrow_mut() = models;
    }

    /// The plugin is called from now on, about a frame.
    pub fn open(&self, sequence: u64, at_us: i64, is_history: bool) {
        let mut state = self.state.borrow_mut();
        let open = std::mem::take(&mut state.open);
        let moment = if is_history { Moment::History } else { Moment::Open };
        *state = State { moment, sequence, at_us, open, ..State::default() };
    }

    /// The plugin is called about no frame: it may end what it began.
    pub fn open_again(&self) {
        let (sequence, at_us) = {
            let state = self.state.borrow();
            (state.sequence, state.at_us)
        };
        self.open(sequence, at_us, false);
    }

    /// The call has returned. Refusals during it; an error when the host could not be told something.
    ///
    /// # Errors
    /// The host is gone, or does not read.
    pub fn shut(&self) -> Result<Refusals, &'static str> {
        let mut state = self.state.borrow_mut();
        state.moment = Moment::Shut;
        if state.lost { Err("the host does not listen") } else { Ok(state.refusals) }
    }

    /// Ends what the plugin has begun and not ended.
    pub fn end_all(&self, sequence: u64) {
        let mut state = self.state.borrow_mut();
        let at_us = state.at_us;
        for (object, (kind, _)) in std::mem::take(&mut state.open) {
            let rect = Rect { x: 0.0, y: 0.0, w: 1.0, h: 1.0 };
            let event = Event {
                kind,
                phase: Phase::End,
                object,
                since_us: at_us,
                start_us: at_us,
                end_us: Some(at_us),
                rect,
                score: 0.0,
                measured: 0.0,
                threshold: 0.0,
                detail: String::new(),
            };
            self.send(&mut state, &FromWorker::Event { instance: self.instance, sequence, event });
        }
    }

    fn refuse(&self, state: &mut State, status: i32) -> i32 {
        let refusals = &mut state.refusals;
        let count = match status {
            abi::ERR_LIMIT => &mut refusals.limit,
            abi::ERR_CLOSED => &mut refusals.kind,
            _ => &mut refusals.value,
        };
        *count += 1;
        if *count >= REFUSALS_MAX {
            let what = format!("it floods: {REFUSALS_MAX} emits of one call were refused");
            self.send(state, &FromWorker::Failed { what });
            crate::sandbox::exit_now(1);
        }
        status
    }

    fn send(&self, state: &mut State, message: &FromWorker) {
        state.lost |= self.channel.send(message, None, true).is_err();
    }

    fn event(&self, given: *const abi::Event) -> i32 {
        let Ok(mut state) = self.state.try_borrow_mut() else { return abi::ERR_STATE };
        let result = self.checked_event(&mut state, given);
        match result {
            Ok(None) => abi::OK,
            Ok(Some(event)) => {
                state.events += 1;
                let sequence = state.sequence;
                self.send(&mut state, &FromWorker::Event { instance: self.instance, sequence, event });
                abi::OK
            }
            Err(status) => self.refuse(&mut state, status),
        }
    }

    /// `None`: right, but dropped.
    fn checked_event(&self, state: &mut State, given: *const abi::Event) -> Result<Option<Event>, i32> {
        if state.moment == Moment::Shut {
            return Err(abi::ERR_STATE);
        }
        let e = one(given).map_err(|_| abi::ERR_INVALID)?;
        let declared = self.outputs & abi::OUTPUT_EVENTS != 0 && self.event_types.contains(&e.kind);
        if EventType::from_number(e.kind).is_none() || !declared {
            return Err(abi::ERR_CLOSED);
        }
        if state.events >= EMITS_MAX {
            return Err(abi::ERR_LIMIT);
        }
        let phase = Wire::from_number(e.phase).ok_or(abi::ERR_INVALID)?;
        let detail = text(e.detail, abi::DETAIL_BYTES_MAX).map_err(|_| abi::ERR_INVALID)?;
        let unit = |n: f32| (0.0..=1.0).contains(&n);
        let in_order = e.since_us <= e.start_us && (phase != Wire::End || e.end_us >= e.since_us);
        let sane = [e.x, e.y, e.w, e.h, e.score].into_iter().all(unit)
            && e.measured.is_finite()
            && e.threshold.is_finite()
            && in_order
            && e.start_us <= state.at_us;
        if !sane {
            return Err(abi::ERR_INVALID);
        }
        if state.moment == Moment::History {
            return Ok(None);
        }
        let before = state.open.get(&e.object).copied();
        match (phase, before) {
            (Wire::Begin, Some(_)) | (Wire::Update | Wire::End, None) => return Err(abi::ERR_INVALID),
            (Wire::Update | Wire::End, Some((kind, _))) if kind != e.kind => return Err(abi::ERR_INVALID),
            (Wire::Begin, None) if state.open.len() >= OPEN_MAX => return Err(abi::ERR_LIMIT),
            (Wire::Update, Some((_, last))) if state.at_us.saturating_sub(last) < UPDATE_US_MIN => {
                return Ok(None);
            }
            (Wire::End, Some(_)) => {
                state.open.remove(&e.object);
            }
            _ => {
                state.open.insert(e.object, (e.kind, state.at_us));
            }
        }
        let phase = match phase {
            Wire::Begin => Phase::Begin,
            Wire::Update => Phase::Update,
            Wire::End => Phase::End,
        };
        Ok(Some(Event {
            kind: e.kind,
            phase,
            object: e.object,
            since_us: e.since_us,
            start_us: e.start_us,
            end_us: (phase == Phase::End).then_some(e.end_us),
            rect: Rect { x: e.x, y: e.y, w: e.w, h: e.h },
            score: e.score,
            measured: e.measured,
            threshold: e.threshold,
            detail,
        }))
    }

    fn sample(&self, given: *const abi::Sample) -> i32 {
        let Ok(mut state) = self.state.try_borrow_mut() else { return abi::ERR_STATE };
        match self.checked_sample(&state, given) {
            Ok(None) => abi::OK,
            Ok(Some(sample)) => {
                state.samples += 1;
                let sequence = state.sequence;
                self.send(&mut state, &FromWorker::Sample { instance: self.instance, sequence, sample });
                abi::OK
            }
            Err(status) => self.refuse(&mut state, status),
        }
    }

    fn checked_sample(&self, state: &State, given: *const abi::Sample) -> Result<Option<Sample>, i32> {
        if state.moment == Moment::Shut {
            return Err(abi::ERR_STATE);
        }
        let s = one(given).map_err(|_| abi::ERR_INVALID)?;
        // A label's number, or one of the three groups.
        let is_class = (0..80).contains(&s.class) || (256..=258).contains(&s.class);
        if self.outputs & abi::OUTPUT_SAMPLES == 0 || Series::from_number(s.series).is_none() || !is_class {
            return Err(abi::ERR_CLOSED);
        }
        if state.samples >= EMITS_MAX {
            return Err(abi::ERR_LIMIT);
        }
        if Direction::from_number(s.direction).is_none() || s.at_us > state.at_us {
            return Err(abi::ERR_INVALID);
        }
        if state.moment == Moment::History {
            return Ok(None);
        }
        let (series, class, direction) = (s.series, s.class, s.direction);
        Ok(Some(Sample { series, class, direction, n: s.n, at_us: s.at_us }))
    }

    fn ask(&self, ids: *const u64, len: u64, model: abi::Str) -> Result<(), i32> {
        let mut state = self.state.try_borrow_mut().map_err(|_| abi::ERR_STATE)?;
        if state.moment == Moment::Shut {
            return Err(abi::ERR_STATE);
        }
        let tracks = array(ids, len, nvr_base::scene::TRACKS_MAX).map_err(|_| abi::ERR_INVALID)?;
        let model = text(model, abi::ERR_BYTES_MAX).map_err(|_| abi::ERR_INVALID)?;
        if !self.models.borrow().contains(&model) {
            return Err(abi::ERR_CLOSED);
        }
        if state.asks >= ASKS_MAX {
            return Err(abi::ERR_LIMIT);
        }
        state.asks += 1;
        if state.moment == Moment::Open {
            self.send(&mut state, &FromWorker::Ask { instance: self.instance, model, tracks });
        }
        Ok(())
    }

    fn log(&self, level: i32, given: abi::Str) {
        let Ok(mut state) = self.state.try_borrow_mut() else { return };
        if state.logs >= LOGS_MAX || state.moment == Moment::Shut {
            return;
        }
        state.logs += 1;
        let bytes = array(given.ptr, given.len.min(abi::LOG_BYTES_MAX as u64), abi::LOG_BYTES_MAX);
        let line = bounded_text(&String::from_utf8_lossy(&bytes.unwrap_or_default()));
        self.send(&mut state, &FromWorker::Log { level: level.clamp(1, 4), text: line });
    }
}

/// The instance's mouth that `ctx` was made from.
#[allow(unsafe_code)]
fn mouth<'a>(ctx: *mut c_void) -> Option<&'a Mouth> {
    // SAFETY: the plugin gives back what `table` gave it, which lives until its `destroy` has returned; another pointer
    // is its breach of the contract and ends this process, which is what this process is for.
    unsafe { ctx.cast::<Mouth>().cast_const().as_ref() }
}

extern "C" fn emit(ctx: *mut c_void, event: *const abi::Event) -> i32 {
    mouth(ctx).map_or(abi::ERR_INVALID, |m| m.event(event))
}

extern "C" fn emit_sample(ctx: *mut c_void, sample: *const abi::Sample) -> i32 {
    mouth(ctx).map_or(abi::ERR_INVALID, |m| m.sample(sample))
}

extern "C" fn ask(ctx: *mut c_void, ids: *const u64, len: u64, model: abi::Str) -> i32 {
    mouth(ctx).map_or(abi::ERR_INVALID, |m| m.ask(ids, len, model).map_or_else(|status| status, |()| abi::OK))
}

extern "C" fn log(ctx: *mut c_void, level: i32, text: abi::Str) {
    if let Some(m) = mouth(ctx) {
        m.log(level, text);
    }
}

extern "C" fn get_extension(_: *mut c_void, _: abi::Str) -> *const c_void {
    std::ptr::null()
}
