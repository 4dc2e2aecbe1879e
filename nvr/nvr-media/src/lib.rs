//! The only crate linking GStreamer and v4l: capture and encode in a sandboxed child process.
