//! Counts: what counting rules say, a minute at a time.
//!
//! Promises: plain data with names from closed lists; crossings add up, occupancy is the last and the most.
//! Leaves to others: adding up (`nvr_alerts::count`), keeping (`nvr-store`'s journal).

use serde::{Deserialize, Serialize};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Series {
    /// Crossings of a line.
    Crossings,
    /// How many are in the zone.
    Occupancy,
}

/// Which way a line was crossed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// From the left to the right of someone walking along the line.
    Forward,
    /// The other way.
    Backward,
}

/// What one number belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CountKey {
    /// What is counted.
    pub series: Series,
    /// Class of the objects.
    pub class: String,
    /// Crossings: which way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Way>,
}

/// One number of a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// What it belongs to.
    #[serde(flatten)]
    pub key: CountKey,
    /// Crossings: how many. Occupancy: the last.
    pub n: u64,
    /// Occupancy: the most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u64>,
}

impl Count {
    /// Adds a later number of the same key.
    pub fn add(&mut self, later: &Count) {
        match self.key.series {
            Series::Crossings => self.n = self.n.saturating_add(later.n),
            Series::Occupancy => {
                self.max = self.max.max(later.max).max(Some(self.n)).max(Some(later.n));
                self.n = later.n;
            }
        }
    }
}
