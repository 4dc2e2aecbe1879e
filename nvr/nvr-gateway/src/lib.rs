//! The local API: one unix socket, length-prefixed JSON, streamed replies.
