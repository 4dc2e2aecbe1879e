//! The plugin host: what lies in the plugins folder, which of it may run, and the worker processes that run it.
//!
//! Promises: no native code and no `dlopen`: a plugin's code runs in `nvr-worker` alone; every decision is a pure
//!   function or machine (`manifest`, `catalogue`, `generation`, `outstanding`), its shell a file beside it.
//! Leaves to others: loading (`nvr-worker`), alerts from events (`nvr-alerts`), scenes (`nvr-perception`).

pub mod agreement;
pub mod catalogue;
pub mod channel;
pub mod descriptor;
pub mod ending;
pub mod folder;
pub mod generation;
pub mod host;
pub mod manifest;
pub mod outstanding;
pub mod process;
pub mod protocol;
pub mod rule_config;
pub mod rule_schema;
pub mod said;
pub mod selftest;
pub mod service;
pub mod signature;
pub mod staging;
pub mod vocabulary;
pub mod watch;
pub mod worker;
