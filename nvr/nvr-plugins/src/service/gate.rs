//! The calibration gate of armed rules: how many pixels a metre they have, and whether that is enough.
//!
//! Promises: a rule that says what it needs and has less is not watched; what only its plugin would like is said once.
//! Leaves to others: the measure (`nvr_base::ground`), saying who is blind (`armed`).

use super::{Action, Saying, Service};
use nvr_base::ground::{Gate, gate, px_per_m};

impl Service {
    /// Measures every rule anew.
    pub(super) fn gate(&mut self, actions: &mut Vec<Action>) {
        for armed in self.rules.values_mut() {
            let Some(camera) = self.cameras.get(&armed.camera) else { continue };
            let rule = &armed.rule;
            let (ground, zone, line) = (camera.ground.as_ref(), rule.zone.as_ref(), rule.line.as_ref());
            armed.px_per_m = px_per_m(ground, zone, line, camera.width_px);
            armed.is_below_gate = matches!(gate(armed.px_per_m, rule.min_px_per_m), Gate::Below { .. });
            if rule.min_px_per_m.is_some() {
                continue;
            }
            let seat = self.serving.get(rule.situation.as_str()).and_then(|key| self.seats.get(key));
            let wish = seat.map(|seat| f64::from(seat.plugin.min_px_per_m));
            let is_below = match gate(armed.px_per_m, wish) {
                Gate::Below { measured, needed } => {
                    let what = format!(
                        "rule `{}` has {measured:.0} pixels a metre at its far edge, and `{}` works from {needed:.0} on; \
                         draw it nearer or analyse a larger stream",
                        rule.id, rule.situation
                    );
                    let subject = camera.id.to_string();
                    if !armed.was_warned {
                        actions.push(Action::Say(Saying::System { subject, what }));
                    }
                    true
                }
                Gate::Met => false,
                // Nothing has changed that would be a reason to say it again.
                Gate::Unknown => armed.was_warned,
            };
            armed.was_warned = is_below;
        }
    }
}
