# shellcheck shell=bash
# Starts Cinder's API, scheduler and volume service, and verifies them by what Cinder says of itself: the service of the
# backend is up only while its driver works.
verify_seconds=240
watched=yes

files="$CINDER_CONF $(file_of cinder-uwsgi)"
services="cinder-api cinder-scheduler cinder-volume"

# shellcheck disable=SC2086 # lists
check() {
  local name
  for name in $services; do served "$name" $files; done
  port_open "$NODE" 8776
}

# shellcheck disable=SC2086 # lists
apply() {
  local name
  for name in $services; do serve "$name" $files; done
}

verify() {
  check
  local rows host
  rows=$(volume_api GET /os-services </dev/null | json_rows services host binary state status)
  for host in "$NODE	cinder-scheduler" "$NODE@$(cinder_backend)	cinder-volume"; do
    printf '%s\n' "$rows" | grep -qxF "$host	up	enabled" || { echo "Cinder does not say up of ${host#*	}: $rows" && return 1; }
  done
}
