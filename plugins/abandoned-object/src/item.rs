//! Item: one thing that may have been set down, its owner, and since when the owner has been away.
//!
//! Promises: pure. The owner is who was nearest when the thing came to stand; who is lost from sight beside it is taken up
//! again under another number; without an owner, someone who stays beside it becomes one; who stood there with an owner that
//! leaves is the next owner. Who only walks past is none. Who was lost from sight in the middle of the picture is not known
//! to have left.
//! Leaves to others: which things there are, and the alert (`rule`).

use crate::people::{People, Person, heights_between, touches_edge};
use nvr_plugin_api::rule::Episode;
use nvr_plugin_api::{Ground, Rect, TrackId};

/// The owner was within so many body heights …
const SET_DOWN_HEIGHTS: f32 = 1.0;
/// … from so long before the thing was seen to stand, µs: it may have stood behind the owner's legs.
const SET_DOWN_US: i64 = 4_000_000;
/// Away is farther than this, metres, on a calibrated camera; …
const AWAY_M: f64 = 3.0;
/// … on another this: 1.75 heights of a body of 1.7 m.
const AWAY_HEIGHTS: f32 = 1.75;
/// Lost from sight beside the thing: still there for so long, µs.
const LOST_US: i64 = 3_000_000;
/// Who stays beside an unowned thing for so long owns it, µs.
const STAYS_US: i64 = 5_000_000;
/// Who stood beside it for so long when its owner left is the next owner, µs.
const COMPANION_US: i64 = 4_000_000;
/// Lost from sight at this distance or farther is gone, body heights.
const LEAVING_HEIGHTS: f32 = 1.0;

/// Who set it down.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    id: TrackId,
    rect: Rect,
    seen_us: i64,
    /// Where the feet were at the setting down, and how high they were, picture heights.
    pub(crate) feet_y: f32,
    pub(crate) height: f32,
}

impl Owner {
    fn of(person: &Person) -> Self {
        let Person { id, rect, seen_us, .. } = *person;
        Self { id, rect, seen_us, feet_y: rect.bottom(), height: person.height() }
    }

    /// The track that goes on when the tracker has changed the number.
    fn next<'a>(&self, people: &'a People, at_us: i64, aspect: f32) -> Option<&'a Person> {
        people.known.iter().find(|p| {
            p.id != self.id
                && at_us - p.seen_us < 500_000
                && at_us - self.seen_us >= 500_000
                && (0..=LOST_US).contains(&(p.first_us - self.seen_us))
                && heights_between(&p.rect, &self.rect, aspect) < 1.0
        })
    }
}

/// One thing.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) object: u64,
    pub(crate) rect: Rect,
    pub(crate) since_us: i64,
    pub(crate) seen_us: i64,
    /// Last time the detector saw a bag there.
    pub(crate) bag_us: Option<i64>,
    /// It changed the picture: not only a box of the detector.
    pub(crate) blob: bool,
    /// How restless it is, against the background's unrest.
    pub(crate) strays: f32,
    /// Its mean level.
    pub(crate) level: f32,
    pub(crate) owner: Option<Owner>,
    /// The owner was seen to leave: farther away than that, or out at the picture's edge.
    pub(crate) left: bool,
    stays: Option<(TrackId, i64)>,
    /// Since when nobody attends it.
    pub(crate) away_since: Option<i64>,
    /// Pictures looked at, and those in which a person was before it.
    pub(crate) looks: u32,
    pub(crate) covered: u32,
    /// It was found to be a person.
    pub(crate) is_person: bool,
    /// It stood elsewhere before.
    pub(crate) moved: bool,
    pub(crate) episode: Episode,
    /// Score, measured and rect when the alert began.
    pub(crate) alert: Option<(Rect, f32)>,
}

impl Item {
    pub(crate) fn new(object: u64, rect: Rect, since_us: i64, at_us: i64) -> Self {
        Self {
            object,
            rect,
            since_us,
            seen_us: at_us,
            bag_us: None,
            blob: false,
            strays: 0.0,
            level: 0.0,
            owner: None,
            left: false,
            stays: None,
            away_since: None,
            looks: 0,
            covered: 0,
            is_person: false,
            moved: false,
            episode: Episode::default(),
            alert: None,
        }
    }

    /// Who set it down, as far as can be told now.
    pub(crate) fn find_owner(&mut self, people: &People, aspect: f32) {
        let (from, until) = (self.since_us - SET_DOWN_US, self.since_us + 1_000_000);
        let near = people.nearest(&self.rect, from, until, SET_DOWN_HEIGHTS, aspect);
        if let (None, Some(p)) = (self.owner, near) {
            self.owner = Some(Owner::of(p));
        }
    }

    /// Follows the owner.
    pub(crate) fn attend(&mut self, people: &People, at_us: i64, aspect: f32, ground: Option<&Ground>) {
        let Some(mut owner) = self.owner else {
            self.attend_unowned(people, at_us, aspect);
            return;
        };
        if let Some(p) = owner.next(people, at_us, aspect) {
            owner.id = p.id;
        }
        if let Some(p) = people.known.iter().find(|p| p.id == owner.id) {
            (owner.rect, owner.seen_us) = (p.rect, p.seen_us);
        }
        self.owner = Some(owner);
        let present = at_us - owner.seen_us < 1_000_000;
        let heights = heights_between(&owner.rect, &self.rect, aspect);
        let metres = ground.and_then(|g| g.distance_m(owner.rect.foot(), self.rect.foot()));
        let is_far = metres.map_or(heights > AWAY_HEIGHTS, |m| m > AWAY_M);
        let is_out = !present && (touches_edge(&owner.rect) || is_far || heights >= LEAVING_HEIGHTS);
        let away_from = if present && is_far {
            Some(at_us)
        } else if is_out {
            Some(owner.seen_us)
        } else if present
            || at_us - owner.seen_us < LOST_US
            || !self.blob
            || self.stayer(people, at_us, aspect)
        {
            None
        } else {
            Some(owner.seen_us + LOST_US)
        };
        let just_left = self.away_since.is_none_or(|since| at_us - since < COMPANION_US);
        let companion = if away_from.is_some() && just_left {
            people.companion(&self.rect, owner.id, at_us, COMPANION_US, SET_DOWN_HEIGHTS, aspect)
        } else {
            None
        };
        if let Some(p) = companion {
            (self.owner, self.away_since, self.left) = (Some(Owner::of(p)), None, false);
            return;
        }
        self.left = away_from.is_some() && (self.left || is_far || is_out);
        self.away_since = away_from.map(|from| self.away_since.unwrap_or(from.max(self.since_us)));
    }

    fn attend_unowned(&mut self, people: &People, at_us: i64, aspect: f32) {
        if self.stayer(people, at_us, aspect) {
            self.away_since = None;
        } else {
            self.away_since.get_or_insert(self.since_us);
        }
    }

    /// Whether someone stays beside it: they own it now.
    fn stayer(&mut self, people: &People, at_us: i64, aspect: f32) -> bool {
        let near = |p: &&Person| {
            at_us - p.seen_us < 1_000_000 && heights_between(&p.rect, &self.rect, aspect) < SET_DOWN_HEIGHTS
        };
        let before = self.stays.and_then(|(id, since)| {
            people.known.iter().filter(near).find(|p| p.id == id).map(|p| (p, since))
        });
        let Some((person, since)) = before.or_else(|| people.known.iter().find(near).map(|p| (p, at_us)))
        else {
            self.stays = None;
            return false;
        };
        self.stays = Some((person.id, since));
        if at_us - since < STAYS_US {
            return false;
        }
        self.owner = Some(Owner::of(person));
        true
    }
}
