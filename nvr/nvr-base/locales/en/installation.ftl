# What `nvr plugins`, `nvr models` and `nvr doctor` print.

level-ok = ok
level-warn = warn
level-fail = fail

step-library = library
step-manifest = manifest
step-hash = hash
step-signature = signature
step-load = load
step-sandbox = sandbox
step-agreement = agreement
step-self-test = self-test
step-configuration = configuration
step-daemon = recorder
step-disk = disk
step-clock = clock
step-kernel = kernel
step-files = open files
step-programs = programs
step-decoders = decoders
step-models = models
step-plugins = plugin

layer-privileges = no new privileges
layer-limits = limits of memory and files
layer-network = no network
layer-files = no files but its own (landlock)
layer-calls = few system calls (seccomp)
layer-holds = { $layer }
layer-partly = only partly: { $layer }: { $why }
layer-missing = missing: { $layer }: { $why }
sandbox-remedy = Recording is not touched by it; allow this to the service, or use a kernel that has it.
sandbox-untried = not tried: no plugin loads here

plugins-none = no plugins
plugins-why = { $name }: { $why }
plugin-ready = ready
plugin-disabled = disabled
plugin-incomplete = incomplete
plugin-refused = refused
plugin-is-enabled = { $name }: in service again; a running recorder takes it within seconds
plugin-is-disabled = { $name }: out of service; a running recorder lets it go within seconds
plugin-was-enabled = { $name }: was in service already
plugin-was-disabled = { $name }: was disabled already
signed-yes = signed
signed-no = unsigned
signed-unchecked = signature not checked
signed-wrong = wrong signature

plugins-agree = the library is what its manifest says
plugins-tested = { $scenes } scenes, { $mean } µs each, at most { $most } µs of a budget of { $budget } µs, { $memory } MiB
plugins-verified = { $failed ->
        [0] the recorder can take it{ $warnings ->
            [0] .
            [one] , with { $warnings } warning.
           *[other] , with { $warnings } warnings.
        }
       *[other] the recorder would refuse it.
    }
plugins-hash-remedy = The library is another one than the manifest was written for: copy both again, or pack it again.
plugins-pack-remedy = Write it from the library with `nvr plugins pack`.
plugins-sign-remedy = Sign it with minisign; unsigned ones run only where the configuration allows it.
plugins-key-remedy = Name the key with --trusted-key.
plugins-load-remedy = Build it against this version's plugin-api.
plugins-test-remedy = It is the plugin's fault; its author can try it with the test kit.
plugins-budget-remedy = A call took longer than the plugin says it may; on a busy machine try again.

info-plugin = plugin
info-version = version
info-situation = looks for
info-regime = regime
info-abi = contract
info-events = may say
info-author = author
info-hash = sha256
info-state = state
info-library = library
info-text = text
info-need = needs
info-gate = gate
info-warmup = warms up for
info-budget = budget a call
info-took = took
info-sandbox = sandbox
info-failed = failed
info-keys = Its own keys in a rule:
info-no-keys = It has no keys of its own in a rule.
gate-px = { $px } pixels a metre at the zone's far edge
gate-none = none
took = { $mean } µs on average, at most { $most } µs, over { $scenes } scenes
need-tracks = tracks of { $labels } from score { $score }
need-rate = { $fps } scenes a second, at least { $least }
need-gray = gray frames up to { $width }×{ $height }, { $fps } a second
need-rgb = colour frames up to { $width }×{ $height }, { $fps } a second
need-history = the last { $seconds } s again after a start
need-model = model { $model }, up to { $rate } a second
key-name = key
key-kind = kind
key-default = default
key-about = meaning

new-made = { $name } is in { $folder }
new-rule = write its rule in src/rule.rs, its texts and needs in src/lib.rs
new-test = try it: cargo test --manifest-path { $folder }/Cargo.toml
new-build = build it: cargo build --release --manifest-path { $folder }/Cargo.toml
new-pack = make it a drop-in: nvr plugins pack { $library } --out FOLDER
new-pack-all = make it a drop-in in target/plugins: appliance/pack-plugins

models-fetching = getting models into { $folder }
models-id = model
models-kind = family
models-there = state
models-input = input
models-cost = a frame
models-licence = licence
models-present = there
models-absent = absent
models-wrong = wrong hash
models-used = used
models-library-present = ONNX Runtime is there
models-library-absent = ONNX Runtime is absent; get it with `nvr models fetch`
models-library-wrong = ONNX Runtime has another hash than the pinned one; get it again with `nvr models fetch`
models-file-present = { $id }: { $file } is right
models-file-absent = { $id }: absent
models-file-wrong = { $id }: { $file } has another hash than its manifest says; get it again
models-detector = detector: { $id }
models-no-detector = there is no detector; get the default one with `nvr models fetch`
models-import-taken = { $file }: taken over as { $id }
models-import-there = { $file }: { $id } is there already
models-import-unknown = { $file }: no known model
models-import-none = no file in { $folder } is a known model; `nvr models list --json` has the hashes
models-unknown = no model is called { $id }; there are: { $known }
models-none-there = no model is in { $folder }; get the default ones with `nvr models fetch`
models-measuring = measuring { $id } for { $seconds } s
models-bench = { $id }: { $median } ms a frame, at best { $least } ms ({ $frames ->
        [one] { $frames } frame
       *[other] { $frames } frames
    }, one thread)

doctor-summary = { $failed ->
        [0] { $warnings ->
            [0] all is well
            [one] it works, with { $warnings } warning
           *[other] it works, with { $warnings } warnings
        }
        [one] { $failed } check failed
       *[other] { $failed } checks failed
    }
doctor-configuration = { $file }: { $cameras ->
        [one] { $cameras } camera
       *[other] { $cameras } cameras
    }
doctor-check-remedy = `nvr check` lists everything.
daemon-runs = runs, { $live } of { $cameras ->
        [one] { $cameras } camera
       *[other] { $cameras } cameras
    } live
daemon-stopped = does not run: nobody answers on { $socket }
daemon-remedy = Start it with `systemctl start nvr`, or `nvr serve`.
daemon-access-remedy = Run this as the recorder's account, or as root.
daemon-cameras-remedy = `nvr status` says why.
disk-fine = { $path }: { $free } % free, slowest flush { $ms } ms
disk-fails = { $path }: { $why }
disk-not-ours = { $path }: { $free } % free; this account may not write there, so no flush was timed
disk-missing-remedy = Make the folder, or mount the disk.
disk-write-remedy = Look at the disk with smartctl and at the kernel's log; check that it is not mounted read-only.
disk-not-ours-remedy = Run this as the recorder's account.
disk-slow-remedy = The disk is slow or busy: a flush is due every 1.5 s. Look for other writers, or at its health.
disk-full-remedy = Under { $keep } % the oldest footage goes: less is kept than the configuration says.
clock-right = synchronised
clock-free = not synchronised: footage may carry a wrong time
clock-unknown = cannot tell whether it is synchronised: no time service answers
clock-remedy = Install and start systemd-timesyncd or chrony.
kernel-both = Linux { $release } with landlock and seccomp
kernel-seccomp = Linux { $release } with seccomp
kernel-no-landlock = Linux { $release } without landlock: children may see files
kernel-no-seccomp = Linux { $release } without seccomp: children may make any system call
kernel-landlock-remedy = Start the kernel with landlock in its parameter lsm=.
kernel-seccomp-remedy = Use a kernel with CONFIG_SECCOMP_FILTER.
files-limit = { $most } may be open, { $wanted } are enough for { $streams ->
        [one] { $streams } stream
       *[other] { $streams } streams
    }
files-remedy = Raise LimitNOFILE of the service to { $wanted } or more.
programs-missing = not there: { $names }
programs-remedy = Install nvr whole: its programs lie beside each other.
decoders-there = GStreamer with the { $count } plugins that are used
decoders-missing = GStreamer lacks { $names }
decoders-remedy = apt-get install { $packages }
doctor-models = ONNX Runtime, detector { $detector }, in { $folder }
doctor-models-wrong = a file in { $folder } has another hash than its manifest says; detector { $detector } is right
doctor-models-load = ONNX Runtime in { $folder } does not load: { $reason }
doctor-no-detector = no detector in { $folder }
doctor-no-runtime = no usable ONNX Runtime in { $folder }
models-remedy = `nvr models fetch`; without the network `nvr models import DIR`. Recording needs neither.
plugins-empty = none in { $path }
plugins-none-remedy = Drop one in, or name its folder with --plugins; recording needs none.
plugins-left = { $count } more were not examined
plugins-left-remedy = `nvr plugins verify NAME` examines one.
