# What the commands print.

severity-error = error
severity-warning = warning
remedy = remedy: { $remedy }

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
probe-audio-discarded = { $stream }: sends { $codec } { $width }×{ $height } and sound ({ $audio }); the sound is discarded
probe-audio-stored = { $stream }: sends { $codec } { $width }×{ $height } and sound ({ $audio }); the sound is stored
probe-not-possible = { $stream }: a device is not asked
