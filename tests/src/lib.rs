//! Shared pieces of the end-to-end and fault tests.
