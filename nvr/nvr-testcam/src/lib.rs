//! Fake RTSP cameras with the field's faults, for tests, benchmarks and demonstrations.
