//! Fragments, segments, journal, sled index, retention, recovery, export.
