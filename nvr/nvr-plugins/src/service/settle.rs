//! After a change: instances are made and ended, who speaks, what perception has to make, who is blind.
//!
//! Promises: settling twice does nothing the second time; a worker is stopped when nothing is in its hand.
//! Leaves to others: what changed (`service`), what a frame brings (`feed`).

use super::armed::{Armed, Change};
use super::feed::interrupt;
use super::instance::{Instance, State};
use super::orders::{Wish, ring_len};
use super::seat::{Part, Ring};
use super::{Action, Saying, Service, WorkerKey};
use crate::protocol::{InstanceId, Needs};
use crate::rule_config::unknown_key;
use nvr_base::analysis::{RINGS_MAX, RingNumber};
use nvr_base::schedule;

/// Most instances that a worker is asked to make at a time, and to end: its socket holds no thousand rules.
const ASKED_MAX: usize = 16;

impl Service {
    pub(super) fn settle(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        self.is_dirty = false;
        if let Some(local) = self.local {
            for armed in self.rules.values_mut() {
                armed.is_on_duty = schedule::holds(&armed.rule.schedule, local);
            }
        }
        self.gate(actions);
        self.end_instances(actions);
        self.make_instances(actions);
        self.switch(actions);
        self.stop_leaving(actions);
        if self.is_up {
            self.ask_rings(actions);
            self.order_cameras(now_ms, actions);
        }
        self.say_reasons(now_ms, actions);
    }

    fn end_instances(&mut self, actions: &mut Vec<Action>) {
        for (key, seat) in &mut self.seats {
            let next = seat.end_next(ASKED_MAX).into_iter();
            actions.extend(next.map(|number| Action::Destroy(key.clone(), number)));
        }
    }

    fn make_instances(&mut self, actions: &mut Vec<Action>) {
        for (key, seat) in self.seats.iter_mut().filter(|(_, s)| s.is_fed()) {
            let id = seat.plugin.id.clone();
            let is_asked = |i: &&Instance| i.worker == *key && i.state == State::Creating;
            let mut asked = self.rules.values().flat_map(|a| &a.instances).filter(is_asked).count();
            for armed in self.rules.values_mut().filter(|a| a.rule.situation.as_str() == id) {
                if asked >= ASKED_MAX {
                    break;
                }
                if armed.instances.iter().any(|i| i.worker == *key) {
                    continue;
                }
                asked += 1;
                let number = seat.next_instance(&armed.rule.id);
                let mut instance = Instance::new(key.clone(), number);
                match unknown_key(&armed.rule, &seat.plugin.schema) {
                    Some(why) => {
                        let subject = seat.plugin.label.clone();
                        actions.push(Action::Say(Saying::System { subject, what: why.clone() }));
                        instance.state = State::Refused(why);
                    }
                    None => actions.push(Action::Create(key.clone(), number, armed.config.clone())),
                }
                armed.instances.push(instance);
            }
        }
    }

    fn switch(&mut self, actions: &mut Vec<Action>) {
        let mut said = Vec::new();
        for (id, armed) in &mut self.rules {
            let serving = self.serving.get(armed.rule.situation.as_str());
            let events = armed.switch(serving);
            if let Some(serving) = serving.filter(|_| !events.is_empty()) {
                said.push((serving.clone(), id.clone(), events));
            }
        }
        for (key, rule, events) in said {
            self.say_events(&key, &rule, None, events, actions);
        }
    }

    /// Ends the workers that leave and have nothing in hand.
    fn stop_leaving(&mut self, actions: &mut Vec<Action>) {
        let is_idle = |key: &WorkerKey| {
            let busy = |a: &Armed| {
                a.speaker.as_ref() == Some(key) || a.instances.iter().any(|i| i.worker == *key && i.is_busy())
            };
            !self.rules.values().any(busy)
        };
        let leaving = self.seats.iter().filter(|(_, s)| s.part == Part::Leaving && s.orphans.is_empty());
        let idle: Vec<WorkerKey> = leaving.map(|(key, _)| key.clone()).filter(is_idle).collect();
        for key in idle {
            actions.push(Action::Stop(key.clone()));
            self.clear_seat(&key, actions);
        }
    }

    fn clear_seat(&mut self, key: &WorkerKey, actions: &mut Vec<Action>) {
        if let Some(ring) = self.seats.remove(key).and_then(|s| s.ring)
            && ring.is_asked
        {
            actions.push(Action::DropRing(ring.number));
        }
        self.rules.values_mut().for_each(|a| a.instances.retain(|i| i.worker != *key));
    }

    /// A worker is gone. When it was heard and its successor has warmed up, that one goes on with what is open.
    pub(super) fn worker_ended(&mut self, key: &WorkerKey, actions: &mut Vec<Action>) {
        let Some(seat) = self.seats.get(key) else { return };
        let id = seat.plugin.id.clone();
        if self.serving.get(&id) == Some(key) {
            let is_next = |s: &super::Seat| s.plugin.id == id && s.part == Part::Warming;
            let next = self.seats.iter().find(|(_, s)| is_next(s)).map(|(key, _)| key.clone());
            match next {
                Some(next) => {
                    self.serving.insert(id, next);
                }
                None => {
                    self.serving.remove(&id);
                }
            }
        }
        for instance in self.rules.values_mut().flat_map(|a| &mut a.instances).filter(|i| i.worker == *key) {
            // It will not answer any more.
            instance.in_hand = None;
            if instance.state == State::Creating {
                instance.state = State::Running;
            }
        }
        let serving = self.serving.clone();
        let mut said = Vec::new();
        for (rule, armed) in self.rules.iter_mut().filter(|(_, a)| a.speaker.as_ref() == Some(key)) {
            let next = serving.get(armed.rule.situation.as_str());
            let events = armed.switch(next);
            // The successor is busy, or knows nothing yet: it is heard from its next words on.
            if armed.speaker.as_ref() == Some(key) {
                armed.speaker = None;
                if let Some(camera) = self.cameras.get(&armed.camera) {
                    interrupt(rule, &camera.id, &mut armed.open, actions);
                }
            }
            if let Some(next) = next.filter(|_| !events.is_empty()) {
                said.push((next.clone(), rule.clone(), events));
            }
        }
        for (next, rule, events) in said {
            self.say_events(&next, &rule, None, events, actions);
        }
        self.clear_seat(key, actions);
    }

    /// A rule is over: its instances end, at once or when they have answered.
    pub(super) fn disarm(&mut self, armed: Armed, actions: &mut Vec<Action>) {
        let mut open = armed.open;
        if let Some(camera) = self.cameras.get(&armed.camera) {
            interrupt(&armed.rule.id, &camera.id, &mut open, actions);
        }
        for instance in armed.instances {
            let Some(seat) = self.seats.get_mut(&instance.worker) else { continue };
            seat.rules.remove(&instance.number);
            if instance.is_busy() {
                let leases = instance.in_hand.map(|i| i.leases).unwrap_or_default();
                seat.orphans.insert(instance.number, leases);
            } else if instance.is_running() {
                seat.is_over(instance.number);
            }
        }
    }

    /// True when the answer was an instance's whose rule is gone: it is over now.
    pub(super) fn orphan_answered(
        &mut self,
        key: &WorkerKey,
        number: InstanceId,
        actions: &mut Vec<Action>,
    ) -> bool {
        let Some(leases) = self.seats.get_mut(key).and_then(|s| s.orphans.remove(&number)) else {
            return false;
        };
        self.release(key, &leases, actions);
        if let Some(seat) = self.seats.get_mut(key) {
            seat.is_over(number);
        }
        true
    }

    fn ask_rings(&mut self, actions: &mut Vec<Action>) {
        let taken: Vec<RingNumber> = self.seats.values().filter_map(|s| Some(s.ring?.number)).collect();
        let mut free = (0..RINGS_MAX as RingNumber).filter(|n| !taken.contains(n));
        for (key, seat) in self.seats.iter_mut().filter(|(_, s)| s.is_fed()) {
            if seat.ring.is_none() {
                let own = self.rules.values().flat_map(|a| &a.instances).filter(|i| i.worker == *key);
                let Some(len) = ring_len(own.filter(|i| i.is_running()).map(|i| &i.needs)) else { continue };
                // More plugins than rings: the last go without frames, which `nvr status` shows.
                let Some(number) = free.next() else { continue };
                seat.ring = Some(Ring { number, len, is_asked: false, is_ready: false });
            }
            if let Some(ring) = seat.ring.as_mut().filter(|r| !r.is_asked) {
                ring.is_asked = true;
                actions.push(Action::Ring { worker: key.clone(), ring: ring.number, len: ring.len });
            }
        }
    }

    fn order_cameras(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        for (number, camera) in &mut self.cameras {
            let mut wishes: Vec<Wish<'_>> = Vec::new();
            for armed in self.rules.values().filter(|a| a.camera == *number && a.is_looking()) {
                let serving = self.serving.get(armed.rule.situation.as_str());
                let is_kept = armed.change(serving) == Change::Awaited;
                for instance in armed.instances.iter().filter(|i| i.is_running()) {
                    let speaks_still = is_kept && armed.speaker.as_ref() == Some(&instance.worker);
                    let is_fed = |seat: &&super::Seat| seat.is_fed() || speaks_still;
                    let Some(seat) = self.seats.get(&instance.worker).filter(is_fed) else { continue };
                    let needs: &Needs = &instance.needs;
                    let ring = seat.ring.filter(|r| r.is_ready).map(|r| r.number);
                    wishes.push(Wish {
                        worker: &instance.worker,
                        needs,
                        ring,
                        severity: armed.rule.severity,
                    });
                }
            }
            let order = camera.places.order(&wishes, &camera.masks, now_ms);
            if order != camera.order {
                actions.push(match &order {
                    Some(order) => Action::Camera(*number, order.clone()),
                    None => Action::Forget(*number),
                });
                camera.order = order;
            }
        }
    }

    fn say_reasons(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        for armed in self.rules.values_mut() {
            let Some(camera) = self.cameras.get(&armed.camera) else { continue };
            let id = armed.rule.situation.as_str();
            let is_there = self.seats.values().any(|s| s.plugin.id == id && s.part != Part::Leaving);
            armed.await_start(camera, now_ms);
            let reason = armed.reason(camera, self.is_up, is_there, now_ms);
            armed.say_reason(camera, reason, actions);
        }
    }
}
