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

# retry SECONDS COMMAND...: tries once a second until COMMAND succeeds; fails
# like COMMAND once SECONDS are over.
retry() {
  local until=$((SECONDS + $1)) rc
  shift
  while :; do
    rc=0
    "$@" || rc=$?
    [ "$rc" -ne 0 ] || return 0
    [ "$SECONDS" -lt "$until" ] || return "$rc"
    sleep 1
  done
}
