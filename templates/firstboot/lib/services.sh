# shellcheck shell=bash
# Services and commands of the node, with the verbs that EL6 has and that later
# releases still translate (`service`, `chkconfig`).

service_running() {
  service "$1" status >/dev/null 2>&1
}

service_enabled() {
  chkconfig "$1" >/dev/null 2>&1
}

# kernel_has KEY VALUE: the kernel's setting is so, now and after later boots.
kernel_has() {
  [ "$(sysctl -n "$1")" = "$2" ] && [ "$(key_of "$ROOT/etc/sysctl.conf" "$1")" = "$2" ]
}

# kernel_set KEY VALUE: makes it so, whatever the file held.
kernel_set() {
  set_key "$ROOT/etc/sysctl.conf" "$1" "$2"
  sysctl -w "$1=$2"
}

# have COMMAND...: true when every COMMAND is installed.
have() {
  local name
  for name; do
    command -v "$name" >/dev/null 2>&1 || return 1
  done
}

# clock: sets CLOCK to the seconds since boot. $SECONDS follows the wall clock,
# which a step of this very list may set by hours.
clock() {
  read -r CLOCK _ </proc/uptime
  CLOCK=${CLOCK%%.*}
}

# retry SECONDS COMMAND...: tries once a second until COMMAND succeeds; fails
# like COMMAND once SECONDS are over.
retry() {
  local until rc
  clock
  until=$((CLOCK + $1))
  shift
  while :; do
    rc=0
    "$@" || rc=$?
    [ "$rc" -ne 0 ] || return 0
    clock
    [ "$CLOCK" -lt "$until" ] || return "$rc"
    sleep 1
  done
}

# fingerprint FILE...: prints a hash of what the files hold.
fingerprint() {
  local file
  for file; do
    cat "$ROOT$file"
  done | sha256sum | cut -c 1-16
}

# served NAME FILE...: true when the service starts at boot, runs, and was
# last started by `serve` with the files as they are now.
served() {
  local name=$1
  shift
  service_enabled "$name" || return 1
  service_running "$name" || return 1
  [ "$(cat "$STATE/served/$name" 2>/dev/null)" = "$(fingerprint "$@")" ]
}

# serve NAME FILE...: makes that so. A service that already is stays as it is.
serve() {
  local name=$1
  ! served "$@" || return 0
  shift
  chkconfig "$name" on
  clear_dead "$name"
  service "$name" restart
  fingerprint "$@" | write_file "$STATE/served/$name" 0600
}

# start_of PROGRAM: prints what distinguishes this run of it from any other: the boot,
# and when its first process started (field 22).
start_of() {
  cat /proc/sys/kernel/random/boot_id "$ROOT"/proc/[0-9]*/stat 2>/dev/null | awk -v name="($1)" '
    NR == 1 { boot = $0 }
    $2 == name && (first == "" || $22 < first) { first = $22 }
    END { print boot, first }'
}

# clear_dead NAME: removes what a dead service leaves behind, and what its init
# script believes: "dead but pid file exists" (1), "dead but subsys locked" (2).
clear_dead() {
  local rc=0 file
  service "$1" status >/dev/null 2>&1 || rc=$?
  case $rc in 1 | 2) ;; *) return 0 ;; esac
  for file in "$ROOT/var/lock/subsys/$1" "$ROOT/var/run/$1.pid" "$ROOT"/var/run/*/"${1#openstack-}.pid"; do
    [ ! -e "$file" ] || { echo "$1 is dead: removing $file" && rm -f "$file"; }
  done
}

# owned PATH USER:GROUP [MODE]: true when it belongs to them (and has the mode).
owned() {
  [ "$(stat -c %U:%G "$ROOT$1")" = "$2" ] || return 1
  [ -z "${3:-}" ] || [ "$(stat -c %a "$ROOT$1")" = "$3" ]
}

# owned_below PATH USER:GROUP: true when it and everything below belong to them.
owned_below() {
  owned "$1" "$2" && ! find "$ROOT$1" -exec stat -c %U:%G {} + | grep -qvxF "$2"
}

# own PATH USER:GROUP [MODE]
own() {
  owned "$@" || {
    chown "$2" "$ROOT$1"
    [ -z "${3:-}" ] || chmod "$3" "$ROOT$1"
  }
}
