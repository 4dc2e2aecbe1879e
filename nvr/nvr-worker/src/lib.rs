//! `nvr-worker`: one process, one plugin, behind a sandbox.
//!
//! Promises: the sandbox stands before a byte of the plugin runs, its constructors included; versions are read before
//!   any call; what the plugin gives is checked before it is used, and bounded; whatever ends it is told first.
//! Leaves to others: verifying the file, starting and ending this process, and distrusting it (`nvr-plugins`).

pub mod borrowed;
pub mod child;
pub mod descriptor;
pub mod input;
pub mod instance;
pub mod last_words;
pub mod library;
pub mod mouth;
pub mod ring;
pub mod sandbox;
pub mod syscalls;
