# What can be wrong with a configuration, and the remedy. One message per FindingId, each with `.remedy`.

## The file as a whole

finding-file-too-big = the file has { $bytes } bytes, at most { $max } are read
    .remedy = Check that this is the configuration of nvr; a usual one has a few kilobytes.
finding-file-unreadable = { $path } cannot be read: { $why }
    .remedy = Name the file with --config or NVR_CONFIG, and let this account read it.
finding-file-not-utf8 = byte { $byte } is not UTF-8 text
    .remedy = Save the file as UTF-8.
finding-syntax = this is not TOML: { $detail }
    .remedy = Texts stand in double quotes, lists in square brackets, and a key stands only once in its section.
finding-too-many-findings = { $count } further findings are not shown
    .remedy = Mend those above first.

## Keys and values

finding-unknown-key = there is no key “{ $name }” here
    .remedy = { $suggestion ->
        [none] Take it out. Possible here are: { $known }.
       *[other] Did you mean “{ $suggestion }”?
    }
finding-later-section = the section “{ $name }” does not exist in this version yet
    .remedy = Take it out until the version that brings it.
finding-missing-key = the key “{ $name }” is missing
    .remedy = { $name ->
        [id] Give the camera a short id, such as id = "gate".
        [situation] Say what the rule looks for, such as situation = "zone-entry".
        [camera] Say which camera the rule is for, such as camera = "gate".
        [url] Say where the camera is, such as url = "rtsp://user@host/stream" or "v4l2:/dev/v4l/by-path/…".
        [path] Say where footage goes, such as path = "/var/lib/nvr" in [storage].
       *[other] Add it.
    }
finding-wrong-type = “{ $key }” is { $found ->
        [text] a text
        [integer] a whole number
        [number] a number with a fraction
        [boolean] true or false
        [date] a date
        [list] a list
       *[table] a section
    } and must be { $expected ->
        [text] a text
        [integer] a whole number
        [number] a number
        [boolean] true or false
        [list] a list
        [size] a size
       *[table] a section
    }
    .remedy = { $expected ->
        [text] Put it in double quotes.
        [integer] Write the number without quotes and without a fraction.
        [number] Write the number without quotes.
        [boolean] Write true or false, without quotes.
        [list] Put it in square brackets.
        [size] Write a number with a unit, such as "500 GB".
       *[table] { $key ->
            [camera] Each camera starts with a line [[camera]].
           *[other] Write it as a section, [{ $key }], with its keys below.
        }
    }
finding-out-of-range = “{ $key }” is { $value } and must be between { $min } and { $max }
    .remedy = Choose a number between { $min } and { $max }.
finding-empty-text = “{ $key }” is empty
    .remedy = Fill it in or take the key out.
finding-text-too-long = “{ $key }” has { $length } characters, at most { $max } are allowed
    .remedy = Shorten it.
finding-not-a-choice = “{ $key }” does not know “{ $value }”
    .remedy = { $suggestion ->
        [none] Choose one of: { $choices }.
       *[other] Did you mean “{ $suggestion }”? Possible are: { $choices }.
    }
finding-bad-size = “{ $value }” is no size
    .remedy = Write a number above 0 with kB, MB, GB, TB, KiB, MiB, GiB or TiB, such as "500 GB".
finding-exclusive-keys = “{ $one }” and “{ $other }” exclude each other
    .remedy = Keep one of the two.
finding-too-many-entries = “{ $key }” has { $count } entries, at most { $max } are allowed
    .remedy = Shorten the list.

## Cameras

finding-no-camera = no camera is configured, so nothing is recorded
    .remedy = Add a section [[camera]] with id and url.
finding-bad-camera-id = “{ $value }” is no camera id
    .remedy = Use 1 to { $max } characters of a-z, 0-9, - and _, the first a letter or digit; name = "…" takes any text.
finding-duplicate-camera-id = the camera id “{ $value }” is taken, by line { $line }
    .remedy = Give each camera its own id.
finding-bad-address = “{ $value }” is no camera address
    .remedy = Write rtsp://user@host/stream or v4l2:/dev/v4l/by-path/….
finding-bad-scheme = addresses that start with “{ $scheme }:” are not recorded
    .remedy = Write rtsp://user@host/stream or v4l2:/dev/v4l/by-path/….
finding-password-in-address = there is a password in “{ $key }”
    .remedy = Take it out of the address, write it into a file of its own with mode 600, and name that with password_file = "…".
finding-password-in-config = there is a password in the configuration
    .remedy = Write it into a file of its own with mode 600 and name that with password_file = "…".
finding-password-in-query = the path of { $address } seems to hold a password
    .remedy = If the camera also takes a login, use rtsp://user@host/… with password_file; else keep this file at mode 600.
finding-password-without-user = there is a password, but no user in the address
    .remedy = Write the user into the address: rtsp://user@host/….
finding-user-without-password = there is a user in the address, but no password
    .remedy = Name its file with password_file = "…", unless the password of this user is empty.
finding-bad-variable = “{ $key }” is no name of an environment variable
    .remedy = Write the name of the variable, such as "NVR_GATE_PASSWORD"; never the password itself.
finding-bad-device-path = “{ $value }” is no path of a device
    .remedy = Write v4l2: and a full path below /dev, such as v4l2:/dev/v4l/by-path/….
finding-device-number = { $path } may be another camera after the next start
    .remedy = Use its path in /dev/v4l/by-path (ls -l shows which belongs to it).
finding-key-not-for-source = “{ $name }” means nothing for { $source ->
        [rtsp] an RTSP camera
       *[v4l2] a V4L2 camera
    }
    .remedy = Take it out.
finding-key-without = “{ $name }” has no effect without “{ $other }”
    .remedy = Add { $other } or take { $name } out.
finding-sub-equals-main = sub_url is the same stream as url
    .remedy = Name the camera's second, smaller stream, or take sub_url out.
finding-duplicate-address = { $address } is the same stream as the one of { $other } in line { $line }
    .remedy = Check the address; the same pictures would be recorded twice.
finding-many-sessions = more than { $max } streams come from { $host }
    .remedy = Many cameras allow only { $max }; nothing to do if this is an encoder with several channels.
finding-audio-needs-basis = sound may not be recorded without a legal basis
    .remedy = Take audio = true out, or state the basis: legal_basis = "…". In public places there is none in France.
finding-bad-mask = mask number { $number } is no polygon inside the picture
    .remedy = Write at least three points [x, y], each number between 0 and 1 from the top left corner.
finding-bad-ground = { $why ->
        [row] number { $number } of “{ $key }” is not four numbers
        [count] “{ $key }” has { $number ->
            [one] 1 { $kind ->
                [points] point
               *[heights] height
            }
           *[other] { $number } { $kind }
        }
        [value] number { $number } of “{ $key }” is not in the picture, or its metres are not plausible
        [fit] number { $number } of “{ $key }” does not fit the others
        [upright] number { $number } of “{ $key }” does not stand: its head is not above its foot
        [order] “{ $key }” has another order on the ground than in the picture
        [distance] both heights of “{ $key }” are at the same distance, or the nearer one is not lower in the picture
       *[line] three of the points of “{ $key }” are on one line
    }
    .remedy = { $kind ->
        [heights] Write two things that stand upright at clearly different distances, [x, y of the foot, y of the head, height in metres] each.
       *[points] Write 4 to 16 points of the ground that span an area, such as the corners of a parking space, as [x, y, metres east, metres north].
    }

## Rules

finding-bad-rule-id = “{ $value }” is no rule id
    .remedy = Use 1 to { $max } characters of a-z, A-Z, 0-9, -, _ and ., the first a letter or digit.
finding-duplicate-rule-id = the rule id “{ $value }” is taken, by line { $line }
    .remedy = Give each rule its own id, or take the id out: it then gets one.
finding-bad-schedule = “{ $value }” is no schedule
    .remedy = Write days and hours of local time, such as "Mo-Su 22:00-06:00" or "Mo-Fr 08:00-12:00,14:00-18:00; Sa 10:00-12:00", or "always".
finding-bad-zone = “{ $key }” is no area of the picture
    .remedy = Write at least three points [x, y] around an area, each number between 0 and 1 from the top left corner.
finding-bad-line = “{ $key }” is no line in the picture
    .remedy = Write two different points, such as [[0, 0.5], [1, 0.5]], each number between 0 and 1 from the top left corner.
finding-bad-class = there is no class “{ $value }”
    .remedy = Write person, bicycle, vehicle, bag, animal, or a COCO name such as "car" or "dog".

finding-unknown-camera = no camera is called “{ $value }”
    .remedy = { $suggestion ->
        [none] Write the id of a [[camera]] of this file.
       *[other] Did you mean “{ $suggestion }”?
    }
finding-rule-without-stream = nothing is recorded of the camera “{ $value }”, so the rule never sees a picture
    .remedy = Take record = false out of the camera, or take the rule out.
finding-rule-without-id = the rule has no id and is called “{ $value }” by its position
    .remedy = Write id = "{ $value }" into it: else alerts may seem to be of another rule once rules are added above.
finding-rules-not-armed = { $rules ->
        [one] the rule is not armed
       *[other] the { $rules } rules are not armed
    }: no authorisation is in force
    .remedy = On a private site write regime = "private-site" in [site]; other sites need authorisations, which a later version brings.
finding-plugin-missing = there is no plugin “{ $value }” in { $path }: the rule waits for it
    .remedy = Copy the plugin and its manifest there; it starts within seconds.
finding-plugin-not-started = the plugin “{ $value }” does not start, so the keys of its rules are not checked: { $why }
    .remedy = nvr plugins verify { $value } shows every step and what to do.
finding-out-of-limits = “{ $key }” is { $value } and must be { $limits }
    .remedy = Choose a number that is { $limits }; nvr plugins info { $plugin } lists the keys.
finding-wrong-count = “{ $key }” has { $count ->
        [1] one entry
       *[other] { $count } entries
    } and must have { $limits }
    .remedy = Write as many entries as nvr plugins info { $plugin } says.
finding-below-gate = the rule has { $measured } pixels a metre at its far edge{ $of ->
        [plugin] , and its plugin works from { $needed } on
       *[rule] { " " }and needs { $needed }: it is not watched
    }
    .remedy = { $of ->
        [plugin] Draw its zone or line nearer to the camera (without one it reaches the horizon), or analyse a larger stream.
       *[rule] Draw its zone or line nearer to the camera (without one it reaches the horizon), analyse a larger stream, or lower min_px_per_m.
    }
finding-not-calibrated = rules need pixels a metre of the camera “{ $value }”, which is not calibrated: they cannot be checked
    .remedy = Write ground_points or ground_heights into the camera.
finding-bad-trusted-key = “{ $value }” is no minisign public key
    .remedy = Write the second line of the .pub file, 56 characters that start with RW.

## Storage, server, site

finding-keep-needs-basis = { $days } days are more than the { $max } that are allowed without a legal basis
    .remedy = Keep at most { $max } days, or state the basis: legal_basis = "…" in [storage].
finding-storage-overlap = the storage paths “{ $path }” and “{ $other }” overlap
    .remedy = Name each folder once, and none inside another.
finding-bad-account = “{ $value }” is no Unix account name
    .remedy = Write the name that the person logs in with, such as "anna".
finding-bad-timezone = “{ $value }” is no name of a time zone
    .remedy = Write a name such as "Europe/Paris".

## This machine

finding-storage-missing = the storage folder { $path } does not exist yet
    .remedy = nvr serve makes it. If it should be on a disk of its own, check that the disk is mounted.
finding-storage-not-folder = the storage path { $path } is not a folder
    .remedy = Name a folder, or move that file away.
finding-storage-no-permission = this account cannot write into the storage folder { $path }: { $why }
    .remedy = Make it belong to the account of nvr (chown), or run the check as that account.
finding-storage-same-disk = the storage folders { $path } and { $other } are on the same disk
    .remedy = One folder a disk is enough; check that the second disk is mounted.
finding-password-file-missing = the password file { $path } does not exist
    .remedy = Write the password into it, on the first line, and give it mode 600.
finding-password-file-unreadable = the password file { $path } cannot be read: { $why }
    .remedy = Make it belong to the account of nvr (chown), with mode 600.
finding-password-file-empty = the first line of the password file { $path } holds no password
    .remedy = Write the password there, as UTF-8 text.
finding-password-file-open = others can get at the password file { $path } (mode { $mode })
    .remedy = chmod 600 { $path }
finding-variable-unset = the environment variable { $name } is not set here
    .remedy = Set it for the service of nvr; nothing to do if it is set there.
finding-device-missing = the device { $path } is not there
    .remedy = Plug the camera in, or name another path; it is recorded as soon as it appears.
finding-device-no-permission = this account cannot open the device { $path }: { $why }
    .remedy = Add the account of nvr to the group “video”.
finding-folder-unreadable = the folder { $path } cannot be read: { $why }
    .remedy = Make it and let the account of nvr read it, or take the path out: then it is looked for beside the program and in /usr/lib/nvr.
finding-socket-folder = the folder { $path } of the socket cannot be written: { $why }
    .remedy = Make it and let the account of nvr write there, or choose another one with socket = "…" in [server].
finding-unknown-timezone = this machine does not know the time zone “{ $value }”
    .remedy = Write a name that timedatectl list-timezones shows, such as "Europe/Paris".
