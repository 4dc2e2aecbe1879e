//! The whole way: samples to segments, scans, exports; judged by ffmpeg and ffprobe where it is footage.
//!
//! Promises: no timing, no sleeps; seeds are fixed.
//! Leaves to others: the store's threads and files.

mod export;
mod fragments;
mod players;
mod scans;
