//! One armed rule: its instances, which of them speaks, and whether anybody watches.
//!
//! Promises: one instance speaks at a time; a situation that was said to begin is said to end, or interrupted; the reason
//!   nobody watches is one of the closed list.
//! Leaves to others: when to look (`settle`), what a generation is (`generation`).

use super::instance::{Instance, State};
use super::{Action, Camera, Presence, STALL_MS, STARTING_MS, Saying, WorkerKey};
use crate::protocol::{Event, InstanceId, Phase};
use nvr_base::analysis::CameraNumber;
use nvr_base::blind::BlindReason;
use nvr_base::rule::Rule;
use std::collections::BTreeSet;

/// A change of the one that speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// None is wanted.
    None,
    /// The new one has to see something first: both are fed, the old one speaks.
    Awaited,
    /// It is made when both have answered; until then neither is fed.
    Due,
}

#[derive(Debug)]
pub(super) struct Armed {
    pub(super) rule: Rule,
    pub(super) camera: CameraNumber,
    /// As its plugin reads it.
    pub(super) config: String,
    pub(super) instances: Vec<Instance>,
    /// Whose words count.
    pub(super) speaker: Option<WorkerKey>,
    pub(super) is_on_duty: bool,
    /// Pixels a metre at its far edge, where that is known.
    pub(super) px_per_m: Option<f64>,
    /// Fewer than it says it needs.
    pub(super) is_below_gate: bool,
    /// It was said that they are fewer than its plugin would like.
    pub(super) was_warned: bool,
    /// Somebody spoke for it since it was armed.
    pub(super) was_served: bool,
    /// What was said of its watch last; nothing was said yet.
    pub(super) said: Option<Option<BlindReason>>,
    /// Since when it is to start.
    pub(super) starting_ms: u64,
    /// Objects that were said to begin, by their numbers outside.
    pub(super) open: BTreeSet<u64>,
    pub(super) next_object: u64,
    pub(super) events: u64,
    pub(super) samples: u64,
}

impl Armed {
    pub(super) fn new(rule: Rule, camera: CameraNumber, config: String, now_ms: u64) -> Self {
        Self {
            rule,
            camera,
            config,
            instances: Vec::new(),
            speaker: None,
            is_on_duty: true,
            px_per_m: None,
            is_below_gate: false,
            was_warned: false,
            was_served: false,
            said: None,
            starting_ms: now_ms,
            open: BTreeSet::new(),
            next_object: 0,
            events: 0,
            samples: 0,
        }
    }

    /// Its instances are given frames.
    pub(super) fn is_looking(&self) -> bool {
        self.is_on_duty && !self.is_below_gate
    }

    pub(super) fn instance(&mut self, worker: &WorkerKey, number: InstanceId) -> Option<&mut Instance> {
        self.instances.iter_mut().find(|i| i.worker == *worker && i.number == number)
    }

    /// The instance that speaks.
    pub(super) fn voice(&self) -> Option<&Instance> {
        self.instances.iter().find(|i| Some(&i.worker) == self.speaker.as_ref())
    }

    /// An instance said something: what goes out.
    pub(super) fn event(&mut self, worker: &WorkerKey, number: InstanceId, event: &Event) -> Option<Event> {
        let is_heard = self.speaker.as_ref() == Some(worker);
        let mut next = self.next_object;
        let instance = self.instance(worker, number)?;
        // What it says of a time before its reset is over.
        if instance.is_stale || !instance.objects.take(event) || !is_heard {
            return None;
        }
        let object = instance.objects.number(event.object, &mut next);
        self.next_object = next;
        let event = Event { object, ..event.clone() };
        self.note(&event);
        Some(event)
    }

    /// Remembers what is open outside.
    pub(super) fn note(&mut self, event: &Event) {
        self.events += 1;
        match event.phase {
            Phase::Begin => {
                self.open.insert(event.object);
            }
            Phase::End => {
                self.open.remove(&event.object);
            }
            Phase::Update => {}
        }
    }

    /// Whether another is to speak, and what that waits for.
    pub(super) fn change(&self, serving: Option<&WorkerKey>) -> Change {
        if self.speaker.is_none() || self.speaker.as_ref() == serving {
            return Change::None;
        }
        let of = |key: Option<&WorkerKey>| self.instances.iter().find(|i| Some(&i.worker) == key);
        // Without a first look of its own the new one would call everything new that the old one has said.
        let knows_nothing = |new: &Instance| match new.state {
            State::Creating => true,
            State::Running => !new.has_seen || new.is_stale,
            State::Refused(_) => false,
        };
        let has_something = of(self.speaker.as_ref()).is_some_and(|old| old.has_seen && !old.is_stale);
        let waits = serving.is_some() && has_something && of(serving).is_none_or(knows_nothing);
        if waits { Change::Awaited } else { Change::Due }
    }

    /// Lets `serving` speak from now on, once both have answered what they have in hand: what is to say then.
    pub(super) fn switch(&mut self, serving: Option<&WorkerKey>) -> Vec<Event> {
        if self.speaker.as_ref() == serving || self.change(serving) == Change::Awaited {
            return Vec::new();
        }
        let is_busy = |of: Option<&WorkerKey>| {
            self.instances.iter().any(|i| Some(&i.worker) == of && i.in_hand.is_some())
        };
        if is_busy(self.speaker.as_ref()) || (self.speaker.is_some() && is_busy(serving)) {
            return Vec::new();
        }
        let place = |of: Option<&WorkerKey>| self.instances.iter().position(|i| Some(&i.worker) == of);
        let (old, new) = (place(self.speaker.as_ref()), place(serving));
        self.speaker = serving.cloned();
        let Some(new) = new else { return Vec::new() };
        let (mut before, mut next) = (super::objects::Objects::default(), self.next_object);
        let mut at_us = i64::MIN;
        if let Some(old) = old.and_then(|at| self.instances.get_mut(at)) {
            std::mem::swap(&mut before, &mut old.objects);
            at_us = old.last.0;
        }
        let Some(new) = self.instances.get_mut(new) else { return Vec::new() };
        if new.is_stale {
            return Vec::new();
        }
        let said = before.hand_over(&mut new.objects, &mut next, at_us.max(new.last.0));
        self.next_object = next;
        said.iter().for_each(|event| self.note(event));
        said
    }

    /// Why nobody watches; `None`: somebody does. `is_up`: the analysis runs; `is_there`: its plugin has a worker.
    pub(super) fn reason(
        &self,
        camera: &Camera,
        is_up: bool,
        is_there: bool,
        now_ms: u64,
    ) -> Option<BlindReason> {
        let is_starting = now_ms.saturating_sub(self.starting_ms) < STARTING_MS;
        let starting_or = |other| Some(if is_starting { BlindReason::Starting } else { other });
        if !self.is_on_duty {
            return Some(BlindReason::OffSchedule);
        }
        if self.is_below_gate {
            return Some(BlindReason::BelowGate);
        }
        if !is_up {
            return if self.was_served {
                Some(BlindReason::AnalysisDown)
            } else {
                starting_or(BlindReason::AnalysisDown)
            };
        }
        if camera.presence == Presence::Down {
            return Some(BlindReason::CameraDown);
        }
        if camera.trouble.is_some() {
            return Some(BlindReason::AnalysisDown);
        }
        let Some(voice) = self.voice() else {
            let may_come = is_there || !self.was_served;
            return if may_come {
                starting_or(BlindReason::PluginDown)
            } else {
                Some(BlindReason::PluginDown)
            };
        };
        match &voice.state {
            State::Refused(_) => return Some(BlindReason::Refused),
            State::Creating => return starting_or(BlindReason::PluginDown),
            State::Running => {}
        }
        if voice.is_stale || !voice.has_seen {
            // Nothing was ever heard of the camera: it was away before anybody listened.
            let never_came = camera.presence == Presence::Unknown;
            return starting_or(if never_came {
                BlindReason::CameraDown
            } else {
                BlindReason::RateBelowNeed
            });
        }
        let is_stalled = now_ms.saturating_sub(camera.last_ms) > STALL_MS;
        // A hundredth of room: rates are measured.
        let is_slow = camera.given_fps.is_some_and(|given| given < voice.needs.fps_min * 0.99);
        (is_stalled || is_slow).then_some(BlindReason::RateBelowNeed)
    }

    /// While it is watched, or waits for something else than its start, the time it has to start in has not begun.
    pub(super) fn await_start(&mut self, camera: &Camera, now_ms: u64) {
        let (off, away, failed) =
            (BlindReason::OffSchedule, BlindReason::CameraDown, BlindReason::AnalysisDown);
        let is_over = match self.said {
            Some(None) => true,
            Some(Some(reason)) if reason == away => camera.presence == Presence::Down,
            Some(Some(reason)) => {
                reason == off || reason == BlindReason::BelowGate || (reason == failed && self.was_served)
            }
            None => false,
        };
        if is_over {
            self.starting_ms = now_ms;
        }
    }

    /// Says it when the watch changed.
    pub(super) fn say_reason(
        &mut self,
        camera: &Camera,
        reason: Option<BlindReason>,
        actions: &mut Vec<Action>,
    ) {
        if self.said == Some(reason) {
            return;
        }
        let (rule, camera) = (self.rule.id.clone(), camera.id.clone());
        if !matches!(reason, None | Some(BlindReason::RateBelowNeed)) {
            self.instances.iter_mut().for_each(|i| i.is_stale |= i.has_seen);
            super::feed::interrupt(&rule, &camera, &mut self.open, actions);
        }
        self.was_served |= reason.is_none();
        self.said = Some(reason);
        actions.push(Action::Say(Saying::Blind { rule, camera, reason }));
    }
}
