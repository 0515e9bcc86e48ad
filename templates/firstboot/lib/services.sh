# shellcheck shell=bash
# Services and commands of the node, by the verbs that EL6 has and that later
# releases still translate (`service`, `chkconfig`).

service_running() {
  service "$1" status >/dev/null 2>&1
}

service_enabled() {
  chkconfig "$1" >/dev/null 2>&1
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
