# shellcheck shell=bash
# Starts Neutron's server, and verifies it by its list of networks.
verify_seconds=180
watched=yes

files="$NEUTRON_CONF $ML2_CONF $(file_of neutron-uwsgi)"

# shellcheck disable=SC2086 # a list
check() {
  served neutron-server $files
  port_open "$NODE" 9696
}

# shellcheck disable=SC2086 # a list
apply() {
  serve neutron-server $files
}

verify() {
  check
  network_api GET /networks </dev/null >/dev/null
}
