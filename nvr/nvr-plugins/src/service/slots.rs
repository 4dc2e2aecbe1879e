//! Places in a camera's lists of frames and models: what an answer's number means stays true while answers to the last
//! order may still be under way.
//!
//! Promises: a thing keeps its place while it is wanted; a place is given to another thing [`REST_MS`] after it was given
//!   up at the earliest.
//! Leaves to others: what stands in a place (`orders`).

/// How long answers to an older order may arrive, in milliseconds.
pub(super) const REST_MS: u64 = 5_000;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Slot<K> {
    key: K,
    /// Since when nobody wants it.
    left_ms: Option<u64>,
}

/// The places of one list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slots<K>(Vec<Slot<K>>);

impl<K> Default for Slots<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: PartialEq + Clone> Slots<K> {
    /// Gives each wanted thing a place, `len_max` at most; what stands in each place then, and whether it is wanted. Rests at
    /// the end are left out.
    pub(super) fn assign(&mut self, wanted: &[K], len_max: usize, now_ms: u64) -> Vec<(K, bool)> {
        for slot in &mut self.0 {
            match (wanted.contains(&slot.key), slot.left_ms) {
                (true, _) => slot.left_ms = None,
                (false, None) => slot.left_ms = Some(now_ms),
                (false, Some(_)) => {}
            }
        }
        for key in wanted {
            if self.0.iter().any(|slot| slot.key == *key) {
                continue;
            }
            let new = Slot { key: key.clone(), left_ms: None };
            let rested =
                |slot: &&mut Slot<K>| slot.left_ms.is_some_and(|left| now_ms.saturating_sub(left) >= REST_MS);
            if let Some(slot) = self.0.iter_mut().find(rested) {
                *slot = new;
            } else if self.0.len() < len_max {
                self.0.push(new);
            }
        }
        let used = self.0.iter().rposition(|slot| slot.left_ms.is_none()).map_or(0, |last| last + 1);
        self.0.iter().take(used).map(|slot| (slot.key.clone(), slot.left_ms.is_none())).collect()
    }

    /// What stands, or stood last, in place `at`.
    pub(super) fn at(&self, at: u16) -> Option<&K> {
        self.0.get(usize::from(at)).map(|slot| &slot.key)
    }

    /// The place of a thing that is wanted.
    pub(super) fn place(&self, is_it: impl Fn(&K) -> bool) -> Option<u16> {
        let at = self.0.iter().position(|slot| slot.left_ms.is_none() && is_it(&slot.key))?;
        u16::try_from(at).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_stay() {
        let mut slots = Slots::default();
        let mut check = |wanted: &str, now_ms: u64, expected: &str| {
            let keys: Vec<char> = wanted.chars().collect();
            let got: String = slots
                .assign(&keys, 3, now_ms)
                .iter()
                .map(|(k, wanted)| if *wanted { *k } else { k.to_ascii_uppercase() })
                .collect();
            assert_eq!(got, expected, "{wanted} at {now_ms}");
        };
        check("ab", 0, "ab");
        check("b", 10, "Ab");
        check("bc", 20, "Abc");
        check("abc", 30, "abc");
        check("a", 40, "a");
        check("ad", 50, "a"); // b and c still rest, and there are three places at most
        check("ad", 40 + REST_MS, "ad");
    }
}
