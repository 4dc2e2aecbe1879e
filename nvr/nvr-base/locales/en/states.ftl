# Why seconds are missing (GapReason) and what a camera is doing (CameraState).

gap-camera-down = camera not reachable
gap-camera-stalled = camera connected but silent
gap-credentials-refused = credentials refused or connections exhausted
gap-unsupported-codec = codec not supported
gap-camera-broken = camera sent what cannot be recorded
gap-packet-loss = packets lost on the network
gap-camera-clock-step = the camera's clock jumped
gap-clock-step = the recorder's clock was set
gap-disk-slow = disk too slow
gap-disk-full = disk full
gap-disk-error = disk reported an error
gap-recorder-stopped = recorder stopped
gap-recorder-down = recorder ended unexpectedly
gap-stopped-by-policy = not recorded, by configuration
gap-reconfigured = configuration changed
gap-footage-lost = footage lost after recording
gap-expired = retention period over
gap-unexplained = not recorded, cause unknown

state-connecting = connecting
state-live = recording
state-stalled = silent
state-backoff = waiting to try again
state-credentials-refused = credentials refused or connections exhausted
state-unsupported-codec = codec not supported
state-stopped = not recorded, by configuration
