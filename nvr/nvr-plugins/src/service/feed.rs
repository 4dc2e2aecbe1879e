//! A frame goes to the instances that are due, and their words come back.
//!
//! Promises: nobody waits for anybody: a busy instance misses its input, counted; a frame in a ring is released when the
//!   last instance is done with it, or at once when nobody takes it.
//! Leaves to others: which instances there are (`settle`), what one is due (`instance`).

use super::armed::Change;
use super::instance::State;
use super::orders::{FrameKey, ModelKey};
use super::{Action, Presence, Saying, Service, WorkerKey};
use crate::protocol::{Done, FrameNeed, FrameRef, Inference, Input, InstanceId, Needs};
use crate::said::Said;
use nvr_base::analysis::{Analysed, CameraNumber, FrameFormat, LooksAt};

/// Whether `needs` name this kind of frames.
fn wants(needs: &Needs, key: &FrameKey) -> bool {
    let need = match key.format {
        FrameFormat::Gray8 => needs.gray,
        FrameFormat::Rgb8 => needs.rgb,
    };
    need.is_some_and(|FrameNeed { width, height, .. }| (width, height) == (key.width, key.height))
}

impl Service {
    pub(super) fn analysed(&mut self, of: &Analysed, now_ms: u64, actions: &mut Vec<Action>) {
        let Some(camera) = self.cameras.get_mut(&of.camera) else {
            self.strays += of.frames.len() as u64;
            return;
        };
        (camera.last_ms, camera.analysed) = (now_ms, camera.analysed + 1);
        if camera.presence != Presence::Up {
            camera.presence = Presence::Up;
            self.is_dirty = true;
        }
        // The word of its format came before the camera was known here.
        if camera.width_px.is_none() && of.picture.0 > 0 {
            camera.width_px = Some(of.picture.0);
            self.is_dirty = true;
        }
        let fps = camera.order.as_ref().map_or(1.0, |order| order.fps);
        let mut frames: Vec<(FrameKey, FrameRef, bool)> = Vec::new();
        for delivered in &of.frames {
            match camera.places.frames.at(delivered.order) {
                Some(key) => frames.push((key.clone(), delivered.frame, false)),
                None => self.strays += 1,
            }
        }
        let results: Vec<(&ModelKey, &Inference)> = of
            .inferences
            .iter()
            .filter_map(|a| Some((camera.places.models.at(a.order)?, &a.inference)))
            .collect();
        for armed in self.rules.values_mut().filter(|a| a.camera == of.camera && a.is_looking()) {
            let serving = self.serving.get(armed.rule.situation.as_str());
            let (change, speaker) = (armed.change(serving), armed.speaker.clone());
            for instance in armed.instances.iter_mut().filter(|i| i.is_running()) {
                let is_speaker = Some(&instance.worker) == speaker.as_ref();
                let is_fed =
                    |seat: &&mut super::Seat| seat.is_fed() || (is_speaker && change == Change::Awaited);
                let Some(seat) = self.seats.get_mut(&instance.worker).filter(is_fed) else { continue };
                let is_held = change == Change::Due && (is_speaker || Some(&instance.worker) == serving);
                let ring = seat.ring.filter(|r| r.is_ready).map(|r| r.number);
                let is_mine = |key: &FrameKey| {
                    key.worker == instance.worker && Some(key.ring) == ring && wants(&instance.needs, key)
                };
                let mine: Vec<usize> =
                    (0..frames.len()).filter(|n| frames.get(*n).is_some_and(|(k, ..)| is_mine(k))).collect();
                let own: Vec<FrameRef> = mine.iter().filter_map(|n| Some(frames.get(*n)?.1)).collect();
                let keys: Vec<ModelKey> = instance.needs.inference.iter().filter_map(ModelKey::of).collect();
                let answers: Vec<Inference> =
                    results.iter().filter(|(key, _)| keys.contains(key)).map(|(_, r)| (*r).clone()).collect();
                let is_due = !own.is_empty() || !answers.is_empty() || instance.is_due(of.scene.at_us, fps);
                if instance.is_busy() || is_held || !is_due {
                    instance.skip(of, answers, is_due);
                    continue;
                }
                if instance.goes_back(of.scene.at_us) {
                    instance.is_stale = true;
                    interrupt(&armed.rule.id, &camera.id, &mut armed.open, actions);
                }
                if instance.is_stale {
                    instance.reset();
                    actions.push(Action::Reset(instance.worker.clone(), instance.number));
                }
                self.is_dirty |= !instance.has_seen;
                for n in mine {
                    if let Some((.., is_taken)) = frames.get_mut(n) {
                        *is_taken = true;
                    }
                }
                seat.lease(&own);
                let (ended, inferences, is_after_gap) = instance.begin(of, &own, answers);
                let mut scene = of.scene.clone();
                scene.ended = ended;
                let input = Input {
                    instance: instance.number,
                    sequence: of.sequence,
                    wall_us: of.wall_us,
                    picture: of.picture,
                    is_history: false,
                    is_after_gap,
                    scene,
                    frames: own,
                    inferences,
                };
                actions.push(Action::Offer(instance.worker.clone(), Box::new(input)));
            }
        }
        for (key, frame, _) in frames.into_iter().filter(|(.., taken)| !taken) {
            let ring = self.seats.get(&key.worker).and_then(|s| s.ring).filter(|r| r.number == key.ring);
            if ring.is_some_and(|r| r.is_ready) {
                actions.push(Action::Release(key.ring, frame.offset));
            }
        }
    }

    pub(super) fn not_taken(&mut self, key: &WorkerKey, number: InstanceId, actions: &mut Vec<Action>) {
        let Some(armed) = self.rule_of(key, number).and_then(|rule| self.rules.get_mut(&rule)) else {
            return;
        };
        let Some(instance) = armed.instance(key, number) else { return };
        let leases = instance.not_taken().map(|i| i.leases).unwrap_or_default();
        self.release(key, &leases, actions);
    }

    pub(super) fn said(&mut self, key: &WorkerKey, said: Said, actions: &mut Vec<Action>) {
        match said {
            Said::Created(number, needs) => {
                if !self.orphan_answered(key, number, actions)
                    && let Some(instance) = self.instance(key, number)
                {
                    (instance.state, instance.needs) = (State::Running, needs);
                }
                self.is_dirty = true;
            }
            Said::Refused(number, why) => self.refused(key, number, &why, actions),
            Said::Event(number, _, event) => {
                let Some(rule) = self.rule_of(key, number) else { return };
                let Some(armed) = self.rules.get_mut(&rule) else { return };
                let now = armed
                    .instance(key, number)
                    .and_then(|i| i.in_hand.as_ref())
                    .map(|i| (i.at_us, i.wall_us));
                let Some(event) = armed.event(key, number, &event) else { return };
                self.say_events(key, &rule, now, vec![event], actions);
            }
            Said::Sample(number, _, sample) => {
                let Some(rule) = self.rule_of(key, number) else { return };
                let Some(armed) = self.rules.get_mut(&rule) else { return };
                let is_heard = armed.speaker.as_ref() == Some(key);
                let Some(now) =
                    armed.instance(key, number).filter(|i| !i.is_stale).and_then(|i| i.in_hand.as_ref())
                else {
                    return;
                };
                let now = (now.at_us, now.wall_us);
                let Some(camera) = self.cameras.get(&armed.camera).filter(|_| is_heard) else { return };
                armed.samples += 1;
                actions.push(Action::Say(Saying::Sample { rule, camera: camera.id.clone(), now, sample }));
            }
            Said::Ask(number, model, tracks) => {
                let Some((camera, place)) = self.place_to_ask(key, number, &model) else { return };
                actions.push(Action::Ask(camera, place, tracks));
            }
            Said::Done(done) => self.done(key, &done, actions),
            Said::Destroyed(number) => {
                if let Some(seat) = self.seats.get_mut(key) {
                    seat.has_ended(number);
                }
                self.is_dirty = true;
            }
            Said::Log(..) | Said::Denied(_) => {}
        }
    }

    fn refused(&mut self, key: &WorkerKey, number: InstanceId, why: &str, actions: &mut Vec<Action>) {
        let rule = self.rule_of(key, number).unwrap_or_default();
        if let Some(seat) = self.seats.get_mut(key)
            && seat.orphans.remove(&number).is_none()
            && let Some(instance) = self.rules.get_mut(&rule).and_then(|a| a.instance(key, number))
        {
            instance.state = State::Refused(why.to_owned());
            let what = format!("refuses rule `{rule}`: {why}");
            actions.push(Action::Say(Saying::System { subject: seat.plugin.label.clone(), what }));
        }
        self.is_dirty = true;
    }

    fn done(&mut self, key: &WorkerKey, done: &Done, actions: &mut Vec<Action>) {
        if self.orphan_answered(key, done.instance, actions) {
            self.is_dirty = true;
            return;
        }
        let Some(rule) = self.rule_of(key, done.instance) else { return };
        let Some(armed) = self.rules.get_mut(&rule) else { return };
        let serving = self.serving.get(armed.rule.situation.as_str());
        self.is_dirty |= armed.change(serving) != Change::None;
        let Some(instance) = armed.instance(key, done.instance) else { return };
        let leases = instance.done(done).map(|i| i.leases).unwrap_or_default();
        self.release(key, &leases, actions);
        self.is_dirty |= self.seats.get(key).is_some_and(|s| !s.is_fed());
    }

    /// A plugin asks: which of its camera's models that is.
    fn place_to_ask(
        &mut self,
        key: &WorkerKey,
        number: InstanceId,
        model: &str,
    ) -> Option<(CameraNumber, u16)> {
        let rule = self.rule_of(key, number)?;
        let armed = self.rules.get_mut(&rule)?;
        let number_of_camera = armed.camera;
        let needs = &armed.instance(key, number)?.needs;
        let own = needs.inference.iter().filter_map(ModelKey::of);
        let wanted = own.into_iter().find(|k| k.model == model && k.looks_at == LooksAt::Asked)?;
        let place = self.cameras.get(&number_of_camera)?.places.models.place(|k| *k == wanted)?;
        Some((number_of_camera, place))
    }

    pub(super) fn rule_of(&self, key: &WorkerKey, number: InstanceId) -> Option<String> {
        self.seats.get(key)?.rules.get(&number).cloned()
    }

    fn instance(&mut self, key: &WorkerKey, number: InstanceId) -> Option<&mut super::instance::Instance> {
        let rule = self.rule_of(key, number)?;
        self.rules.get_mut(&rule)?.instance(key, number)
    }

    /// Gives frames back that a worker is done with.
    pub(super) fn release(&mut self, key: &WorkerKey, offsets: &[u64], actions: &mut Vec<Action>) {
        let Some(seat) = self.seats.get_mut(key) else { return };
        let free = seat.give_back(offsets);
        let Some(ring) = seat.ring.filter(|r| r.is_ready) else { return };
        actions.extend(free.into_iter().map(|offset| Action::Release(ring.number, offset)));
    }

    pub(super) fn say_events(
        &self,
        key: &WorkerKey,
        rule: &str,
        now: Option<(i64, i64)>,
        events: Vec<crate::protocol::Event>,
        actions: &mut Vec<Action>,
    ) {
        let Some(armed) = self.rules.get(rule) else { return };
        let Some(camera) = self.cameras.get(&armed.camera) else { return };
        let plugin = self.seats.get(key).map(|s| s.plugin.label.clone()).unwrap_or_default();
        let last = armed.instances.iter().find(|i| i.worker == *key).map(|i| i.last);
        let now = now.or(last).unwrap_or_default();
        actions.extend(events.into_iter().map(|event| {
            let (rule, camera, plugin) = (rule.to_owned(), camera.id.clone(), plugin.clone());
            Action::Say(Saying::Event { rule, camera, plugin, now, event })
        }));
    }
}

/// What is open is over.
pub(super) fn interrupt(
    rule: &str,
    camera: &nvr_base::CameraId,
    open: &mut std::collections::BTreeSet<u64>,
    actions: &mut Vec<Action>,
) {
    if !open.is_empty() {
        open.clear();
        actions.push(Action::Say(Saying::Interrupted { rule: rule.to_owned(), camera: camera.clone() }));
    }
}
