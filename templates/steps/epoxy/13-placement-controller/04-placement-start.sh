# shellcheck shell=bash
# Starts Placement, and verifies it by its list of traits, which it fills itself.
verify_seconds=120
watched=yes

files="/etc/placement/placement.conf $(file_of placement-uwsgi)"

# shellcheck disable=SC2086 # a list
check() {
  served placement-api $files
  port_open "$NODE" 8778
}

# shellcheck disable=SC2086 # a list
apply() {
  serve placement-api $files
}

verify() {
  check
  admin GET "http://$CONTROLLER:8778/traits" 'OpenStack-API-Version: placement 1.6' </dev/null | grep -q HW_CPU_X86
}
