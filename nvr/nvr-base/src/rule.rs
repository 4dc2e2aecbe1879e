//! The rule: a situation armed on a camera, with its geometry.
//!
//! Promises: plain data of checked values: points in the picture, finite numbers, bounded lists, unique ids.
//! Leaves to others: reading and writing the text (`config::rules`), the keys of one plugin (`extra`, checked against
//! its schema by the plugin host), arming (`nvr-alerts`).

use crate::config::{Finding, FindingId, Place, unknown_key};
use crate::geometry::{Line, Polygon};
use crate::ground::Ground;
use crate::id::CameraId;
use crate::label::Class;
use crate::schedule::Schedule;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// Most rules of one file.
pub const RULES_MAX: usize = 1000;

/// Most points of a zone.
pub const ZONE_POINTS_MAX: usize = 64;

/// Most classes of a rule.
pub const CLASSES_MAX: usize = 16;

/// Longest rule id, in characters.
pub const RULE_ID_CHARS_MAX: usize = 64;

/// Longest instruction, in characters.
pub const INSTRUCTION_CHARS_MAX: usize = 500;

/// Most keys of one rule that belong to its plugin, and most values below them.
pub const EXTRA_VALUES_MAX: usize = 256;

/// Severity of a rule that does not say: 1 urgent, 3 note.
pub const SEVERITY_DEFAULT: u8 = 2;

macro_rules! situations {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What a rule looks for: the closed list of plugin ids.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Situation { $($(#[$doc])* $name,)* }

        impl Situation {
            /// All of them with their text form.
            pub const ALL: &'static [(&'static str, Situation)] = &[$(($text, Self::$name),)*];

            /// The plugin's id, `zone-entry` and the like.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

situations! {
    /// An object left behind.
    AbandonedObject = "abandoned-object";
    /// A weapon in sight.
    Weapon = "weapon";
    /// Motion against the allowed direction.
    WrongWay = "wrong-way";
    /// Someone or something in a zone or across a line.
    ZoneEntry = "zone-entry";
    /// A person on the ground.
    PersonDown = "person-down";
    /// A crowd that starts to run.
    CrowdMovement = "crowd-movement";
    /// Too many persons.
    CrowdDensity = "crowd-density";
    /// Flames or smoke.
    Fire = "fire";
    /// Counting, for statistics.
    Counting = "counting";
    /// A camera covered, turned, out of focus or frozen.
    CameraTamper = "camera-tamper";
    /// A bag that is carried.
    BagCarried = "bag-carried";
    /// Wheelchairs, walking frames.
    ReducedMobility = "reduced-mobility";
    /// Persons nearer to each other than allowed.
    Distancing = "distancing";
    /// Staying longer than allowed.
    Loitering = "loitering";
    /// A vehicle in a zone where its class is not allowed.
    ForbiddenVehicle = "forbidden-vehicle";
}

impl Situation {
    /// The situation of a plugin's id.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.iter().find(|(text, _)| *text == id).map(|(_, situation)| *situation)
    }
}

impl fmt::Display for Situation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Which crossings of a line matter. Forward is from the left to the right of someone walking from its first point to
/// its second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// All.
    #[default]
    Both,
    /// Those onto the forward side.
    Forward,
    /// Those off it.
    Backward,
}

impl Direction {
    /// The words of the file.
    pub const ALL: &'static [(&'static str, Direction)] =
        &[("both", Self::Both), ("forward", Self::Forward), ("backward", Self::Backward)];
}

/// A rule, as the file says it; what the file does not say stays absent, the plugin has the default.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Stable name, unique in its file.
    pub id: String,
    /// Whether `id` was made up (situation and position among its like) and should be written back.
    pub id_derived: bool,
    /// Which camera; always absent in a file for `nvr replay`.
    pub camera: Option<CameraId>,
    /// What it looks for.
    pub situation: Situation,
    /// When it is on duty, in local time.
    pub schedule: Schedule,
    /// 1 urgent, 2, 3 note.
    pub severity: u8,
    /// What the person who handles the alert should do.
    pub instruction: Option<String>,
    /// Silence after an alert of the same object, in seconds.
    pub rearm_s: f64,
    /// Calibration gate: pixels a metre at the zone's far edge.
    pub min_px_per_m: Option<f64>,
    /// Where; absent is the whole picture, or only the line when there is one.
    pub zone: Option<Polygon>,
    /// The line to cross.
    pub line: Option<Line>,
    /// Which crossings matter.
    pub direction: Direction,
    /// Seconds the condition must hold; replaces every time of the situation.
    pub dwell_s: Option<f64>,
    /// What to look at; absent is the plugin's default. Without duplicates.
    pub classes: Option<Vec<Class>>,
    /// The keys of the plugin's own schema.
    pub extra: toml::Table,
    /// Where the rule stands in its file.
    pub place: Option<Place>,
    /// Where each key of `extra` stands.
    pub extra_places: BTreeMap<String, Place>,
}

impl Rule {
    /// Whether the geometry asks about a place: with a line and no zone only crossings count.
    pub fn watches_zone(&self) -> bool {
        self.zone.is_some() || self.line.is_none()
    }

    /// The keys of `extra` that are none of the plugin's `own`, as errors with place and remedy.
    pub fn unknown_extra(&self, file: &Path, own: &[&str]) -> Vec<Finding> {
        let known: Vec<&str> = crate::config::RULE_KEYS.iter().chain(own).copied().collect();
        let unknown = self.extra.keys().filter(|key| !own.contains(&key.as_str()));
        unknown
            .map(|key| Finding {
                file: file.to_owned(),
                place: self.extra_places.get(key).copied(),
                key: format!("rule[{}].{}", self.id, crate::text::printable(key)),
                id: FindingId::UnknownKey,
                args: unknown_key(key, &known),
            })
            .collect()
    }
}

/// A file for `nvr replay --rules`: masks and calibration of the one camera, and its rules.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RulesFile {
    /// What is said of the camera.
    pub camera: CameraMasks,
    /// The rules, in the file's order.
    pub rules: Vec<Rule>,
}

/// `[camera]` of a rules file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CameraMasks {
    /// Polygons the analysis must not look at.
    pub masks: Vec<Polygon>,
    /// Its calibration: from the picture to metres on the ground.
    pub ground: Option<Ground>,
}
