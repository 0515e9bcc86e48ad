# shellcheck shell=bash
# Starts Nova's API, metadata, conductor and scheduler, and verifies them by the list of its
# services.
verify_seconds=180
watched=yes

files="$NOVA_CONF $(file_of nova-uwsgi) $(file_of metadata-uwsgi)"
services="nova-api nova-metadata nova-conductor nova-scheduler"

# shellcheck disable=SC2086 # lists
check() {
  local name
  for name in $services; do
    [ -z "$(own_names service "$name")" ] || served "$name" $files
  done
  port_open "$NODE" 8774
  port_open "$NODE" 8775
}

# shellcheck disable=SC2086 # lists
apply() {
  local name
  for name in $services; do
    [ -z "$(own_names service "$name")" ] || serve "$name" $files
  done
}

up() {
  printf '%s\n' "$1" | grep -q "^$2	up$"
}

verify() {
  check
  answers "http://$CONTROLLER:8775/"
  local rows name
  rows=$(admin GET "http://$CONTROLLER:8774/v2.1/os-services" </dev/null | json_rows services binary state)
  for name in nova-conductor nova-scheduler; do
    up "$rows" "$name" || { echo "$name is not up: $rows" && return 1; }
  done
}
