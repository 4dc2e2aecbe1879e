# Steps of a VM test: named, timed, checked. Sourced by the test-* scripts, with NAME set to the machine's name.
#
# Promises: every step prints its time under emulation; the first check that fails ends the test with what was found and
#   the recorder's log (the whole of it in failed.log); the machine is stopped whatever happens; every wait ends.
# Leaves to others: the machine (`vm`), what is checked.
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
REPO=$(cd "$HERE/../.." && pwd)
IMG=${IMG:-$REPO/target/vm}
OUT=${VM_TEST_OUT:-$IMG/out}/$NAME
BIN=${NVR_BIN_DIR:-$REPO/target/release}
export IMG
VM=$HERE/vm
CONFIG=/etc/nvr/nvr.toml
rm -rf "$OUT"
mkdir -p "$OUT"

step_from=$SECONDS step_name=
step() {
  [ -z "$step_name" ] || printf '%-8s %4d s  %s\n' "$NAME" $((SECONDS - step_from)) "$step_name" | tee -a "$OUT/steps"
  step_from=$SECONDS step_name=$1
}
guest() { "$VM" ssh "$NAME" "$@"; }
nvr() { guest nvr "$@" --config $CONFIG; }
fail() {
  guest 'journalctl -u nvr -o cat --no-pager | tail -40' >&2 || true
  printf '%s: FAILED in step "%s": %s\n' "$NAME" "$step_name" "$*" >&2
  exit 1
}
finish() {
  [ $? = 0 ] || guest 'journalctl -u nvr -o short-monotonic --no-pager' >"$OUT/failed.log" 2>/dev/null || true
  "$VM" stop "$NAME" 2>/dev/null || true
}
trap finish EXIT

# Boots with the given disks, the first one as /data, and puts the programs in.
boot() {
  local disks=()
  for disk in "$@"; do disks+=(-d "$disk"); done
  "$VM" start "$NAME" "${disks[@]}"
}
new_disk() {
  rm -f "$1"
  truncate -s "$2" "$1"
  mkfs.ext4 -q -F "$1"
}
put_programs() {
  for program in nvr nvr-media; do
    [ -x "$BIN/$program" ] || fail "$BIN/$program is not built: cargo build --release -p nvr -p nvr-media"
    strip -o "$OUT/$program" "$BIN/$program"
    "$VM" put "$NAME" "$OUT/$program" /usr/local/bin
    rm "$OUT/$program"
  done
}
# Writes the configuration: standard input after the storage section.
configure() {
  {
    printf '[storage]\npath = "/data/nvr"\nkeep_free_percent = 1\n[server]\nsocket = "/run/nvr.sock"\n'
    cat
  } >"$OUT/nvr.toml"
  guest "mkdir -p /etc/nvr /data/nvr && cat >$CONFIG" <"$OUT/nvr.toml"
}
serve() {
  guest "systemctl reset-failed nvr 2>/dev/null; \
    GST='-E GST_REGISTRY=/var/lib/gstreamer/registry.bin -E GST_REGISTRY_UPDATE=no'; \
    systemd-run -q --unit=nvr \$GST /usr/local/bin/nvr serve --config $CONFIG"
  # Before its socket is there, a command would open the store itself.
  wait_for 60 "socket of the recorder" guest test -S /run/nvr.sock
}
stop_serve() {
  guest 'systemctl stop nvr; systemctl show -p Result nvr' >"$OUT/stopped" 2>&1 || true
}

# wait_for SECONDS WHAT COMMAND...: runs the command until it succeeds.
wait_for() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    [ $SECONDS -lt $end ] || fail "no $what in time"
    sleep 0.5
  done
}
# is_state CAMERA STATE
is_state() {
  nvr status --json >"$OUT/status.json" 2>/dev/null || return 1
  jq -e --arg id "$1" --arg state "$2" '.cameras[] | select(.id == $id and .state == $state)' "$OUT/status.json" >/dev/null
}
timeline() { nvr timeline --camera "$1" --json >"$OUT/timeline-$1.json"; }
# gaps CAMERA REASON: how many closed ones.
gaps() {
  timeline "$1" && jq --arg reason "$2" '[.gaps[] | select(.reason == $reason and .to != null)] | length' "$OUT/timeline-$1.json"
}
has_gap() { [ "$(gaps "$1" "$2")" -ge "${3:-1}" ]; }
verified() {
  nvr verify --json >"$OUT/verify.json" || fail "nvr verify: $(cat "$OUT/verify.json")"
  jq -e '.bad == 0 and .unindexed == 0 and .segments > 0' "$OUT/verify.json" >/dev/null || fail "nvr verify: $(cat "$OUT/verify.json")"
}
# Every segment in folder $1 read and decoded by ffmpeg without a word; prints "segments frames".
played() {
  local segments=0 frames=0 count said
  while read -r segment; do
    # Capture times as they are: by default ffmpeg rounds them to frame times, and complains when two become one.
    said=$(ffmpeg -nostdin -v error -i "$segment" -fps_mode passthrough -enc_time_base -1 -f rawvideo -y /dev/null 2>&1) || fail "$segment does not decode: $said"
    [ -z "$said" ] || fail "$segment: $said"
    count=$(ffprobe -v error -count_packets -select_streams v -show_entries stream=nb_read_packets -of csv=p=0 "$segment")
    segments=$((segments + 1)) frames=$((frames + ${count%%,*}))
  done < <(find "$1" -name '*.mp4' -size +0 | sort)
  echo "$segments $frames"
}
