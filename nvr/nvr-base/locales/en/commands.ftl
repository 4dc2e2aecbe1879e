# What the commands print.

severity-error = error
severity-warning = warning
remedy = remedy: { $remedy }

check-px-per-m = { $rule }: { $px } pixels a metre at its far edge
check-px-unknown = { $rule }: its pixels a metre depend on the size of the picture: nvr check --probe asks the camera
check-summary = { $cameras ->
        [one] { $cameras } camera
       *[other] { $cameras } cameras
    }, { $errors ->
        [one] { $errors } error
       *[other] { $errors } errors
    }, { $warnings ->
        [one] { $warnings } warning
       *[other] { $warnings } warnings
    }
check-no-configuration = nothing to start: { $errors ->
        [one] mend the error above
       *[other] mend the { $errors } errors above
    }
check-socket = socket { $path }
check-socket-default = socket { $path } (the default, beside the footage)
check-storage = storage { $path }
check-keep = footage is kept { $days } days, sub-streams { $sub_days } days
check-stream = { $stream }: { $address }, kept { $days } days
check-stream-audio = { $stream }: { $address }, kept { $days } days, with sound ({ $basis })
check-stopped = { $camera }: not recorded
probe-failed = { $stream }: no answer: { $why }
probe-sends = { $stream }: sends { $codec } { $width }×{ $height }
probe-audio-discarded = { $stream }: sends { $codec } { $width }×{ $height } and sound; the sound is discarded
probe-audio-stored = { $stream }: sends { $codec } { $width }×{ $height } and sound; the sound is stored
probe-not-possible = { $stream }: a device is not asked
probe-late = no picture within { $seconds } s; check that the camera is on and its address is right

status-stopped = the recorder is not running; this is what its store says
status-camera = camera
status-columns = type  state             fps    kbit/s      last  gaps
status-disk = disk { $path }: { $free } % free, slowest flush { $flush } ms, { $dropped } dropped, { $errors ->
        [one] { $errors } error
       *[other] { $errors } errors
    }
status-analysis = the analysis does not run: { $why }
status-rule = rule { $rule }, camera { $camera }: { $state }; { $events ->
        [one] { $events } event
       *[other] { $events } events
    }, { $open } open
status-watched = watched
status-blind = not watched: { $why }
status-plugin = plugin { $plugin } { $version }: { $phase }, generation { $generation }; { $events ->
        [one] { $events } event
       *[other] { $events } events
    }, { $missed } { $missed ->
        [one] picture
       *[other] pictures
    } missed
status-plugin-away = plugin { $plugin } { $version }: does not run
status-phase-self-test = being tested
status-phase-warming = warming up
status-phase-live = serving
status-phase-draining = ending
status-quarantine = in quarantine, { $hash }: { $why }
status-reload-refused = the changed configuration was not taken over: { $why }

timeline-open = now
timeline-recorded = recorded
timeline-gap = missing: { $reason }
timeline-empty = nothing is recorded of { $camera } in this period
export-file = { $file }: { $frames ->
        [one] { $frames } picture
       *[other] { $frames } pictures
    } from { $from } to { $to }
picture-file = { $file }: { $stream }-stream, taken { $at }
picture-earlier = the picture is { $seconds ->
        [one] { $seconds } second
       *[other] { $seconds } seconds
    } older than the moment asked for: nothing between can be shown by itself, or nothing was recorded
picture-later = nothing is recorded up to the moment asked for: the picture is the first after it, { $seconds ->
        [one] { $seconds } second
       *[other] { $seconds } seconds
    } later
picture-sandbox = the decoder runs without a layer of its sandbox: { $layer }
verify-summary = { $segments ->
        [one] { $segments } segment
       *[other] { $segments } segments
    }, { $fragments ->
        [one] { $fragments } fragment
       *[other] { $fragments } fragments
    }, { $megabytes } MB: { $torn } torn, { $bad } bad, { $unindexed } unindexed
rebuild-summary = index made from { $segments ->
        [one] { $segments } segment
       *[other] { $segments } segments
    }, { $megabytes } MB; { $unreadable } unreadable
annotate-alert = { $rule }: { $situation }, measured { $measured }, threshold { $threshold }
bench-cpu-ms-per-camera-s = { $value } ms of CPU per camera-second
bench-rss-mb-per-camera = { $value } MB of memory per camera
bench-threads = { $value } threads
bench-written-over-payload = { $value } bytes written beyond each byte of pictures
bench-figure = { $name }: { $value }
bench-gaps = { $value } gaps
