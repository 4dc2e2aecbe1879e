//! One instance: a rule on a camera, made, called and destroyed through the contract.
//!
//! Promises: calls in the contract's order only; each is timed, and called off by an alarm when it hangs; what the
//!   plugin left open is ended for it.
//! Leaves to others: what it may say (`mouth`), what it is given (`input`).

use crate::borrowed::ErrorText;
use crate::input::Shaped;
use crate::library::Factory;
use crate::mouth::Mouth;
use crate::ring::Ring;
use crate::{borrowed, descriptor, last_words, sandbox};
use nvr_plugin_api::abi;
use nvr_plugin_api::closed::EventType;
use nvr_plugins::channel::Channel;
use nvr_plugins::protocol::{Done, Input, InstanceId, Needs};
use std::rc::Rc;
use std::time::Instant;

/// A call that lasts so long kills this process, should the host be gone; the host itself is quicker.
const HANG_S_MAX: u32 = 10;

/// A started instance.
#[derive(Debug)]
pub struct Instance {
    id: InstanceId,
    detector: *mut abi::Detector,
    calls: Calls,
    /// Boxed, and kept until after `destroy`: the plugin has a pointer to it.
    mouth: Box<Mouth>,
    /// The table given to `create`, kept as long.
    _table: Box<abi::Host>,
    needs: Needs,
    shaped: Shaped,
    budget_us: u32,
    last_sequence: u64,
}

/// The detector's functions, none of them null.
#[derive(Debug, Clone, Copy)]
struct Calls {
    process: unsafe extern "C" fn(*mut abi::Detector, *const abi::Input, *mut abi::Buf) -> i32,
    reset: unsafe extern "C" fn(*mut abi::Detector),
    stop: unsafe extern "C" fn(*mut abi::Detector),
    destroy: unsafe extern "C" fn(*mut abi::Detector),
}

/// Calls into the plugin with an alarm set.
fn watched<T>(call: impl FnOnce() -> T) -> T {
    sandbox::alarm(HANG_S_MAX);
    let answer = call();
    sandbox::alarm(0);
    answer
}

impl Instance {
    /// `create`, `needs`, `start`.
    ///
    /// # Errors
    /// The plugin's reason, or its breach of the contract.
    pub fn create(
        factory: &Factory,
        id: InstanceId,
        config: &str,
        channel: &Rc<Channel>,
    ) -> Result<Self, String> {
        let d = &factory.descriptor;
        let types =
            d.event_types.iter().filter_map(|n| EventType::from_name(n)).map(EventType::number).collect();
        let events = if d.emits_events { abi::OUTPUT_EVENTS } else { 0 };
        let samples = if d.emits_samples { abi::OUTPUT_SAMPLES } else { 0 };
        let mouth = Box::new(Mouth::new(channel.clone(), id, types, events | samples));
        let table = Box::new(mouth.table());
        let mut detector = std::ptr::null_mut();
        let mut error = ErrorText::default();
        let mut lent = error.lend();
        let make = factory.create;
        // SAFETY: the table and the mouth behind it are boxed and outlive the instance; config and buffer outlive the call.
        #[allow(unsafe_code)]
        let status = watched(|| unsafe {
            make(&raw const *table, abi::Str::of(config), &raw mut detector, &raw mut lent)
        });
        if status != abi::OK {
            return Err(error.take(lent.len));
        }
        let table_of = borrowed::one(detector.cast_const()).map_err(|e| format!("its detector: {e}"))?;
        let (Some(needs), Some(start), Some(process), Some(reset), Some(stop), Some(destroy)) = (
            table_of.needs,
            table_of.start,
            table_of.process,
            table_of.reset,
            table_of.stop,
            table_of.destroy,
        ) else {
            return Err("its detector lacks a function".into());
        };
        let calls = Calls { process, reset, stop, destroy };
        let needs = read_needs(detector, needs)?;
        mouth.may_ask(needs.inference.iter().filter(|i| i.region == 3).map(|i| i.model.clone()).collect());
        let mut lent = error.lend();
        mouth.open(0, 0, false);
        // SAFETY: the contract's order; the buffer outlives the call.
        #[allow(unsafe_code)]
        let status = watched(|| unsafe { start(detector, &raw mut lent) });
        mouth.shut()?;
        if status != abi::OK {
            return Err(format!("its `start` failed: {}", error.take(lent.len)));
        }
        let budget_us = d.process_budget_us;
        let shaped = Shaped::default();
        Ok(Self { id, detector, calls, mouth, _table: table, needs, shaped, budget_us, last_sequence: 0 })
    }

    /// What it needs.
    pub fn needs(&self) -> &Needs {
        &self.needs
    }

    /// `process`. The plugin's error text comes beside the figures.
    ///
    /// # Errors
    /// The host does not listen any more.
    pub fn process(
        &mut self,
        input: &Input,
        ring: Option<&Ring>,
    ) -> Result<(Done, Option<String>), &'static str> {
        let shaped = self.shaped.shape(input, self.needs.labels, ring);
        self.last_sequence = input.sequence;
        let mut error = ErrorText::default();
        let mut lent = error.lend();
        self.mouth.open(input.sequence, input.scene.at_us, input.is_history);
        let (process, detector) = (self.calls.process, self.detector);
        let start = Instant::now();
        // SAFETY: the detector lives; input, arrays and buffer outlive the call.
        #[allow(unsafe_code)]
        let status = watched(|| unsafe { process(detector, &raw const shaped, &raw mut lent) });
        let took_us = u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX);
        let refusals = self.mouth.shut()?;
        let done = Done {
            instance: self.id,
            sequence: input.sequence,
            took_us,
            refused_limit: refusals.limit,
            refused_type: refusals.kind,
            refused_value: refusals.value,
            is_over_budget: self.budget_us > 0 && took_us > self.budget_us,
            is_error: status != abi::OK,
            memory_kib: last_words::memory_kib(),
        };
        Ok((done, (status != abi::OK).then(|| error.take(lent.len))))
    }

    /// `reset`.
    ///
    /// # Errors
    /// The host does not listen any more.
    pub fn reset(&mut self) -> Result<(), &'static str> {
        self.call(self.calls.reset)?;
        self.shaped.reset();
        Ok(())
    }

    /// `stop` and `destroy`.
    ///
    /// # Errors
    /// The host does not listen any more.
    pub fn destroy(mut self) -> Result<(), &'static str> {
        self.call(self.calls.stop)?;
        let (destroy, detector) = (self.calls.destroy, self.detector);
        // SAFETY: the last call into this instance; the mouth it may still use is dropped after it.
        #[allow(unsafe_code)]
        watched(|| unsafe { destroy(detector) });
        Ok(())
    }

    fn call(&mut self, function: unsafe extern "C" fn(*mut abi::Detector)) -> Result<(), &'static str> {
        let detector = self.detector;
        // Media time goes on: what it ends now ends no later than the last input.
        self.mouth.open_again();
        // SAFETY: the detector lives, and nothing else is in a call of it.
        #[allow(unsafe_code)]
        watched(|| unsafe { function(detector) });
        self.mouth.end_all(self.last_sequence);
        self.mouth.shut()?;
        Ok(())
    }
}

type NeedsCall = unsafe extern "C" fn(*mut abi::Detector, *mut abi::Needs, *mut abi::Buf) -> i32;

fn read_needs(detector: *mut abi::Detector, call: NeedsCall) -> Result<Needs, String> {
    let mut needs = abi::Needs::EMPTY;
    let mut error = ErrorText::default();
    let mut lent = error.lend();
    // SAFETY: the detector was just created; what is filled outlives the call.
    #[allow(unsafe_code)]
    let status = watched(|| unsafe { call(detector, &raw mut needs, &raw mut lent) });
    if status != abi::OK {
        return Err(format!("its `needs` failed: {}", error.take(lent.len)));
    }
    descriptor::needs(&needs)
}
