# shellcheck shell=bash
# Starts nova-network and the metadata service on a compute node that is the router
# of its own machines (`multi_host`). The node has an address of the machines'
# network, which Nova keeps by the node's name: after a reinstallation it is the
# same one.
verify_seconds=120
watched=yes
only_if="multi_host=yes"
packages="openstack-nova-network openstack-nova-api dnsmasq"

conf=/etc/nova/nova.conf
services="openstack-nova-network openstack-nova-metadata-api"

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
    served "$name" $conf
    keeps_rules "$name"
  done
}

apply() {
  local name
  install_packages
  free_lock
  for name in $services; do
    serve "$name" $conf
    rules_back "$name"
  done
}

verify() {
  packages_arrived
  check
  port_open "$NODE" 8775
  all_alive nova-network
}
