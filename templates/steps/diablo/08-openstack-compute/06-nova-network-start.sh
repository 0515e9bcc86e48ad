# shellcheck shell=bash
# Starts nova-network on a compute node that is the router of its own machines (`multi_host`), and the API, which in
# 2011.3 is also the metadata service.
verify_seconds=120
watched=yes
only_if="multi_host=yes"
packages="openstack-nova-network openstack-nova-api dnsmasq"

services="openstack-nova-network openstack-nova-api"

needs() {
  need "the database of Nova on $CONTROLLER" nova_schema_there
  need_queue
  need "nova-compute on this node" nova_alive nova-compute
}

check() {
  local name
  packages_installed
  if lock_is_stale; then return 1; fi
  for name in $services; do
    served "$name" "$NOVA_CONF"
  done
  keeps_rules openstack-nova-network
}

apply() {
  local name
  install_packages
  free_lock
  for name in $services; do
    serve "$name" "$NOVA_CONF"
  done
  rules_back openstack-nova-network
}

verify() {
  packages_arrived
  check
  port_open "$NODE" 8773
  all_alive nova-network
}
