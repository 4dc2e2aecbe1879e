//! The closed lists: event types, series, directions, regimes, kinds of results, formats.
//!
//! Promises: a number that is not on a list becomes nothing; names are stable (manifest, journal, JSON). No entry can hold
//! an identity, an embedding or the points of a face.
//! Leaves to others: labels and classes (`nvr-base`), refusing what a descriptor does not declare (`host`).

use nvr_base::label::{Class, Label};

/// A closed list: an enum whose numbers are those of the header.
macro_rules! closed {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident = $number:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(i32)]
        pub enum $name { $($(#[$item_doc])* $item = $number,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$item,)*];

            /// From its number; `None` for one that is not on the list.
            pub fn from_number(number: i32) -> Option<Self> {
                Self::ALL.iter().copied().find(|item| item.number() == number)
            }

            /// Its number in the header.
            pub const fn number(self) -> i32 { self as i32 }

            /// Its stable name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$item => $text,)* }
            }

            /// From its name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|item| item.name() == name)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.pad(self.name()) }
        }
    };
}

closed! {
    /// What an event can be.
    EventType {
        /// An object left behind by its owner.
        AbandonedObject = 1, "abandoned-object";
        /// A weapon in a hand.
        Weapon = 2, "weapon";
        /// Motion against the allowed direction.
        WrongWay = 3, "wrong-way";
        /// Something is in a zone.
        ZoneEntry = 4, "zone-entry";
        /// Something crossed a line.
        LineCrossed = 5, "line-crossed";
        /// A person on the ground.
        PersonDown = 6, "person-down";
        /// A crowd that starts to run.
        CrowdMovement = 7, "crowd-movement";
        /// Too many people on too little ground.
        CrowdDensity = 8, "crowd-density";
        /// Flames.
        Fire = 9, "fire";
        /// Smoke.
        Smoke = 10, "smoke";
        /// A statistics plugin counted for the first time.
        FirstCount = 11, "first-count";
        /// The lens is covered.
        CameraCovered = 12, "camera-covered";
        /// The camera looks elsewhere.
        CameraTurned = 13, "camera-turned";
        /// The picture is out of focus.
        CameraDefocused = 14, "camera-defocused";
        /// The picture stands still.
        CameraFrozen = 15, "camera-frozen";
        /// Someone carries a bag.
        BagCarried = 16, "bag-carried";
        /// Someone with a wheelchair, a walker, crutches.
        ReducedMobility = 17, "reduced-mobility";
        /// People closer than a distance.
        Distancing = 18, "distancing";
        /// Someone stays for long.
        Loitering = 19, "loitering";
    }
}

closed! {
    /// Where an event stands.
    Phase {
        /// The condition has held for its dwell.
        Begin = 1, "begin";
        /// It lasts.
        Update = 2, "update";
        /// It has been false for 3 s.
        End = 3, "end";
    }
}

closed! {
    /// What a plugin counts into.
    Series {
        /// So many more crossed: added up by class and direction.
        Crossings = 1, "crossings";
        /// So many are there now: the last value holds.
        Occupancy = 2, "occupancy";
    }
}

closed! {
    /// Over a line.
    Direction {
        /// None: not about a line.
        None = 0, "none";
        /// From the left to the right of someone walking from its first to its second point.
        Forward = 1, "forward";
        /// The other way.
        Backward = 2, "backward";
    }
}

closed! {
    /// Under which law a plugin works.
    Regime {
        /// One of the eight situations of decree 2023-828.
        EventEight = 1, "event-eight";
        /// Counts, raises no alert.
        Statistics = 2, "statistics";
        /// Places that the public does not enter.
        PrivateSite = 3, "private-site";
    }
}

closed! {
    /// What an inference result is made of.
    ResultKind {
        /// `{n, 6}`: x, y, w, h, score, label.
        Boxes = 1, "boxes";
        /// `{n, 12, 3}`: shoulders to ankles, never a face.
        Keypoints = 2, "keypoints";
        /// `{rows, columns, channels}`.
        Grid = 3, "grid";
        /// As the model's manifest says.
        Tensor = 4, "tensor";
    }
}

closed! {
    /// What a model looks at.
    Region {
        /// The whole picture.
        Frame = 1, "frame";
        /// The boxes of tracks by label and score.
        Crops = 2, "crops";
        /// The boxes of the tracks asked for.
        Asked = 3, "asked";
    }
}

closed! {
    /// Format of a frame.
    Format {
        /// No frames.
        None = 0, "none";
        /// 1 byte a pixel, luma.
        Gray8 = 1, "gray8";
        /// 3 bytes a pixel: R, G, B.
        Rgb8 = 2, "rgb8";
    }
}

closed! {
    /// Levels of a log line.
    Level {
        /// It does not work.
        Error = 1, "error";
        /// It works badly.
        Warn = 2, "warn";
        /// Worth knowing.
        Info = 3, "info";
        /// For its author.
        Debug = 4, "debug";
    }
}

impl From<Level> for i32 {
    fn from(level: Level) -> i32 {
        level.number()
    }
}

const CLASS_VEHICLE: i32 = 256;
const CLASS_BAG: i32 = 257;
const CLASS_ANIMAL: i32 = 258;

/// The number of a class in the header.
pub fn class_number(class: Class) -> i32 {
    let label = |l: Label| i32::try_from(l.index()).unwrap_or(i32::MAX);
    match class {
        Class::Person => label(Label::PERSON),
        Class::Bicycle => label(Label::BICYCLE),
        Class::Vehicle => CLASS_VEHICLE,
        Class::Bag => CLASS_BAG,
        Class::Animal => CLASS_ANIMAL,
        Class::Only(only) => label(only),
    }
}

/// The class of a number; `None` for one that is not on the list.
pub fn class_from_number(number: i32) -> Option<Class> {
    match number {
        CLASS_VEHICLE => Some(Class::Vehicle),
        CLASS_BAG => Some(Class::Bag),
        CLASS_ANIMAL => Some(Class::Animal),
        other => match Label::from_index(usize::try_from(other).ok()?)? {
            Label::PERSON => Some(Class::Person),
            Label::BICYCLE => Some(Class::Bicycle),
            label => Some(Class::Only(label)),
        },
    }
}
