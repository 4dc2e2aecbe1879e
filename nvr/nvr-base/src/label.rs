//! What a detection can be called: a closed list, and the classes rules name.
//!
//! Promises: no name outside the list ever becomes a label, and none of the list is an identity, a face or a feeling.
//! Leaves to others: the label order of a model (its manifest), what a plugin may emit (`plugin-api`).

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The 80 names of COCO (Lin et al. 2014) in the order detectors number them, 0 = person.
#[rustfmt::skip]
const NAMES: [&str; 80] = [
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
    "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee",
    "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
    "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple",
    "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch",
    "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard",
    "cell phone", "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase",
    "scissors", "teddy bear", "hair drier", "toothbrush",
];

/// A name outside the closed list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is neither a class (person, bicycle, vehicle, bag, animal) nor a COCO name")]
pub struct LabelError(pub String);

/// What a detection is. Only numbers of the list can be made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label(u8);

impl Label {
    /// How many there are.
    pub const COUNT: u8 = NAMES.len() as u8;
    /// A person.
    pub const PERSON: Label = Label(0);
    /// A bicycle.
    pub const BICYCLE: Label = Label(1);
    /// A car.
    pub const CAR: Label = Label(2);
    /// A motorcycle.
    pub const MOTORCYCLE: Label = Label(3);
    /// A bus.
    pub const BUS: Label = Label(5);
    /// A train.
    pub const TRAIN: Label = Label(6);
    /// A truck.
    pub const TRUCK: Label = Label(7);
    /// A bird, the first of the animals.
    pub const BIRD: Label = Label(14);
    /// A dog.
    pub const DOG: Label = Label(16);
    /// A giraffe, the last of the animals.
    pub const GIRAFFE: Label = Label(23);
    /// A backpack.
    pub const BACKPACK: Label = Label(24);
    /// An umbrella.
    pub const UMBRELLA: Label = Label(25);
    /// A handbag.
    pub const HANDBAG: Label = Label(26);
    /// A suitcase.
    pub const SUITCASE: Label = Label(28);
    /// A knife.
    pub const KNIFE: Label = Label(43);

    /// The label of a number of the list; `None` beyond it.
    pub fn from_index(index: usize) -> Option<Self> {
        u8::try_from(index).ok().filter(|i| *i < Self::COUNT).map(Self)
    }

    /// Its number in the list.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Its name, `traffic light`.
    pub fn name(self) -> &'static str {
        NAMES.get(self.index()).copied().unwrap_or("")
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Label> {
        (0..Self::COUNT).map(Label)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Label {
    type Err = LabelError;

    /// A COCO name; `_` and `-` are taken for the space of two-word names.
    fn from_str(text: &str) -> Result<Self, LabelError> {
        let name = text.replace(['_', '-'], " ");
        let found = NAMES.iter().position(|n| *n == name).and_then(Self::from_index);
        found.ok_or_else(|| LabelError(text.chars().take(60).collect()))
    }
}

impl Serialize for Label {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.serialize_str(self.name()) } else { s.serialize_u8(self.0) }
    }
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        if d.is_human_readable() {
            return String::deserialize(d)?.parse().map_err(D::Error::custom);
        }
        let number = u8::deserialize(d)?;
        Self::from_index(usize::from(number))
            .ok_or_else(|| D::Error::custom(format!("label {number} is not on the list of {}", Self::COUNT)))
    }
}

/// What a rule watches or counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// A person.
    Person,
    /// A bicycle with its rider.
    Bicycle,
    /// Car, motorcycle, bus, truck.
    Vehicle,
    /// Backpack, handbag, suitcase.
    Bag,
    /// Bird to giraffe.
    Animal,
    /// One COCO name that is no class of its own.
    Only(Label),
}

impl Class {
    /// Whether a label belongs to it. A rider is a person to the detector; joining the two is the tracker's user's work.
    pub fn contains(self, label: Label) -> bool {
        match self {
            Self::Person => label == Label::PERSON,
            Self::Bicycle => label == Label::BICYCLE,
            Self::Vehicle => matches!(label, Label::CAR | Label::MOTORCYCLE | Label::BUS | Label::TRUCK),
            Self::Bag => matches!(label, Label::BACKPACK | Label::HANDBAG | Label::SUITCASE),
            Self::Animal => (Label::BIRD..=Label::GIRAFFE).contains(&label),
            Self::Only(only) => label == only,
        }
    }

    /// The class a label is counted under when no COCO name is asked for.
    pub fn of(label: Label) -> Self {
        [Self::Person, Self::Bicycle, Self::Vehicle, Self::Bag, Self::Animal]
            .into_iter()
            .find(|class| class.contains(label))
            .unwrap_or(Self::Only(label))
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Person => "person",
            Self::Bicycle => "bicycle",
            Self::Vehicle => "vehicle",
            Self::Bag => "bag",
            Self::Animal => "animal",
            Self::Only(label) => label.name(),
        })
    }
}

impl FromStr for Class {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        Ok(match text {
            "person" => Self::Person,
            "bicycle" => Self::Bicycle,
            "vehicle" => Self::Vehicle,
            "bag" => Self::Bag,
            "animal" => Self::Animal,
            other => Self::Only(other.parse()?),
        })
    }
}

impl Serialize for Class {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Class {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on what it did not expect")]

    use super::*;

    #[test]
    fn labels_round_trip() {
        for label in Label::all() {
            assert_eq!(label.name().parse(), Ok(label));
            assert_eq!(Label::from_index(label.index()), Some(label));
            assert_eq!(
                serde_json::from_str::<Label>(&serde_json::to_string(&label).unwrap()).unwrap(),
                label
            );
            assert_eq!(postcard::from_bytes::<Label>(&postcard::to_stdvec(&label).unwrap()).unwrap(), label);
        }
        assert_eq!(Label::from_index(80), None);
        assert!(postcard::from_bytes::<Label>(&[80]).is_err());
        assert_eq!("traffic_light".parse::<Label>().unwrap().index(), 9);
    }

    #[test]
    fn constants_have_their_names() {
        let check = |label: Label, name: &str| assert_eq!(label.name(), name);
        check(Label::PERSON, "person");
        check(Label::BICYCLE, "bicycle");
        check(Label::CAR, "car");
        check(Label::MOTORCYCLE, "motorcycle");
        check(Label::BUS, "bus");
        check(Label::TRAIN, "train");
        check(Label::TRUCK, "truck");
        check(Label::BIRD, "bird");
        check(Label::DOG, "dog");
        check(Label::GIRAFFE, "giraffe");
        check(Label::BACKPACK, "backpack");
        check(Label::UMBRELLA, "umbrella");
        check(Label::HANDBAG, "handbag");
        check(Label::SUITCASE, "suitcase");
        check(Label::KNIFE, "knife");
    }

    #[test]
    fn classes() {
        let check = |class: &str, members: &[&str]| {
            let class: Class = class.parse().unwrap();
            let found: Vec<&str> = Label::all().filter(|l| class.contains(*l)).map(Label::name).collect();
            assert_eq!(found, members, "{class}");
            assert_eq!(class.to_string().parse(), Ok(class));
        };
        check("person", &["person"]);
        check("bicycle", &["bicycle"]);
        check("vehicle", &["car", "motorcycle", "bus", "truck"]);
        check("bag", &["backpack", "handbag", "suitcase"]);
        check(
            "animal",
            &["bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"],
        );
        check("train", &["train"]);
        check("car", &["car"]);
        assert_eq!(Class::of(Label::BUS), Class::Vehicle);
        assert_eq!(Class::of(Label::TRAIN), Class::Only(Label::TRAIN));
    }

    #[test]
    fn nothing_outside_the_list() {
        for name in ["", "face", "Person", "man", "identity"] {
            assert!(name.parse::<Class>().is_err(), "{name}");
        }
    }
}
