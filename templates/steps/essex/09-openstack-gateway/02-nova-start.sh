# shellcheck shell=bash
# Starts the network service and the VNC proxies. A step of its own has started
# nova-compute of this node. The public card may have got another address.
verify_seconds=120
watched=yes
packages="openstack-nova-network openstack-nova-novncproxy openstack-nova-console dnsmasq"

conf=/etc/nova/nova.conf

needs() {
  need "the database of Nova on $CONTROLLER" nova_schema_there
  need_queue
  need "nova-compute on this node" nova_alive nova-compute
}

services="openstack-nova-network openstack-nova-novncproxy openstack-nova-xvpvncproxy"

settings() {
  source_setting
}

check() {
  local name
  packages_installed
  if lock_is_stale; then return 1; fi
  settings_hold
  for name in $services; do
    served "$name" $conf
  done
  keeps_rules openstack-nova-network
}

apply() {
  local name
  install_packages
  free_lock
  write_settings
  for name in $services; do
    serve "$name" $conf
  done
  rules_back openstack-nova-network
}

verify() {
  packages_arrived
  check
  port_open "$NODE" 6080
  port_open "$NODE" 6081
  all_alive nova-network
}
