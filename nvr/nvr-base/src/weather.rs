//! Bad weather that can be laid over a quiet film, to learn what a detector raises for it.
//!
//! Promises: a closed list with stable names. Leaves to others: what each looks like (`nvr-perception`).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// One kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weather {
    /// Streaks, and less contrast.
    Rain,
    /// Flakes that drift down.
    Snow,
    /// Bright insects before the lamp of an infrared camera; no colour.
    Insects,
    /// A bright spot that sweeps across.
    Headlights,
    /// The exposure goes up and down.
    Flicker,
    /// The mast moves.
    Shake,
    /// Blocks of a low bit rate, and the jump at every key frame.
    Blocks,
}

/// No such weather.
#[derive(Debug, thiserror::Error)]
#[error("no weather `{0}`; there are rain, snow, insects, headlights, flicker, shake, blocks")]
pub struct WeatherError(String);

impl Weather {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Rain, Self::Snow, Self::Insects, Self::Headlights, Self::Flicker, Self::Shake, Self::Blocks];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rain => "rain",
            Self::Snow => "snow",
            Self::Insects => "insects",
            Self::Headlights => "headlights",
            Self::Flicker => "flicker",
            Self::Shake => "shake",
            Self::Blocks => "blocks",
        }
    }
}

impl fmt::Display for Weather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Weather {
    type Err = WeatherError;

    fn from_str(text: &str) -> Result<Self, WeatherError> {
        Self::ALL.into_iter().find(|w| w.as_str() == text).ok_or_else(|| WeatherError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for weather in Weather::ALL {
            assert_eq!(weather.as_str().parse::<Weather>().ok(), Some(weather));
        }
        assert!("sun".parse::<Weather>().is_err());
    }
}
