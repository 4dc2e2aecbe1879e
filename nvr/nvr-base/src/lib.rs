//! Shared nouns of `nvr`: what every crate agrees on.
//!
//! Promises: no native code, no threads, no files beyond reading the configuration.
//! Leaves to others: cameras (`nvr-ingest`), disks (`nvr-store`), sockets (`nvr-gateway`).

pub mod alert;
pub mod analysis;
pub mod annotate_protocol;
pub mod blind;
pub mod clock;
pub mod config;
pub mod count;
pub mod format;
pub mod gap;
pub mod geometry;
pub mod grid;
pub mod ground;
pub mod id;
pub mod label;
pub mod latency;
pub mod media_channel;
pub mod media_protocol;
pub mod overlay;
pub mod packet_socket;
pub mod perceive_protocol;
pub mod queue;
pub mod rule;
pub mod sample;
pub mod scene;
pub mod schedule;
pub mod status;
pub mod still_protocol;
pub mod table;
pub mod text;
pub mod time;
pub mod weather;

pub use alert::{Alert, AlertId, AlertState};
pub use clock::{Clock, FakeClock, SystemClock};
pub use format::{AudioFormat, Codec, Format, VideoFormat};
pub use gap::{Gap, GapReason};
pub use geometry::{Line, Point, Polygon, Rect};
pub use ground::Ground;
pub use id::{CameraId, IdError, RunEpoch, StreamId, StreamKind};
pub use label::{Class, Label, LabelError};
pub use rule::{Direction, Rule, RulesFile, Situation};
pub use sample::{Sample, SampleSink, StreamEvent, Track};
// `scene::Track` keeps its path: `Track` alone is the sample's, video or sound.
pub use scene::{Detection, Scene, TrackId};
pub use schedule::Schedule;
pub use status::{CameraState, StreamStatus};
pub use time::{Mono, TICKS_PER_S, Ticks, TimeError, Utc};
pub use weather::{Weather, WeatherError};
