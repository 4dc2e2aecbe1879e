//! The local API of the daemon: one unix socket, versioned requests, streamed replies.
//!
//! Promises: a slow or hostile client costs one bounded connection and nothing else; the peer's Unix account is
//! its identity; every command names the role it needs.
//! Leaves to others: what a command does (an [`Operations`] of the `nvr` binary). No domain logic here.

pub mod address;
pub mod client;
pub mod frame;
pub mod peer;
pub mod request;
pub mod role;
pub mod server;

pub use client::{Client, ClientError};
pub use peer::Peer;
pub use request::{Command, Reply, ReplySink, Request, SinkClosed};
pub use role::Roles;
pub use server::{Operations, Server, ServerError};
