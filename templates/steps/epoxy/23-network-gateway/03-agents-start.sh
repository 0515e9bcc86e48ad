# shellcheck shell=bash
# Starts these agents.
verify_seconds=120
watched=yes

files="$NEUTRON_CONF /etc/neutron/dhcp_agent.ini /etc/neutron/metadata_agent.ini"

needs() {
  need "Neutron on $CONTROLLER (tcp 9696)" answers "http://$CONTROLLER:9696/"
}

# shellcheck disable=SC2086 # a list
check() {
  served neutron-dhcp-agent $files
  served neutron-metadata-agent $files
}

# shellcheck disable=SC2086 # a list
apply() {
  serve neutron-dhcp-agent $files
  serve neutron-metadata-agent $files
}

# The socket is the metadata agent's own work.
verify() {
  check
  [ -S "$ROOT/var/lib/neutron/metadata_proxy" ]
}
