# shellcheck shell=bash
# Starts the network service. A step of its own has started nova-compute of this node. The public card may have got
# another address.
verify_seconds=120
watched=yes
packages="openstack-nova-network dnsmasq"

needs() {
  need "the database of Nova on $CONTROLLER" nova_schema_there
  need_queue
  need "nova-compute on this node" nova_alive nova-compute
}

check() {
  packages_installed
  if lock_is_stale; then return 1; fi
  nova_conf_is_right
  served openstack-nova-network "$NOVA_CONF"
  keeps_rules openstack-nova-network
}

apply() {
  install_packages
  free_lock
  write_nova_conf
  serve openstack-nova-network "$NOVA_CONF"
  rules_back openstack-nova-network
}

verify() {
  packages_arrived
  check
  all_alive nova-network
}
