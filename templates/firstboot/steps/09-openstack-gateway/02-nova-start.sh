# shellcheck shell=bash
# Starts the network service and the VNC proxies. nova-compute of this node has
# been started by its own step.
verify_seconds=120
packages="openstack-nova-network openstack-nova-novncproxy openstack-nova-console dnsmasq"

conf=/etc/nova/nova.conf
lock=$ROOT/var/lib/nova/tmp/nova-iptables.lock

needs() {
  need "the database of Nova on $CONTROLLER" nova_schema_there
  need "the message queue on $CONTROLLER (tcp 5672)" port_open "$CONTROLLER" 5672
  need "nova-compute on this node" nova_alive nova-compute
}

services="openstack-nova-network openstack-nova-novncproxy openstack-nova-xvpvncproxy"

check() {
  local name
  packages_installed
  for name in $services; do
    served "$name" $conf
  done
}

# free_lock: a lock that no process holds makes nova-network wait for ever.
free_lock() {
  [ -e "$lock" ] || return 0
  ! service_running openstack-nova-network || return 0
  echo "removing $lock, which a nova-network that is gone has left"
  rm -rf "$lock"
}

apply() {
  local name
  install_packages
  free_lock
  for name in $services; do
    serve "$name" $conf
  done
}

verify() {
  packages_arrived
  check
  port_open "$NODE" 6080
  port_open "$NODE" 6081
  all_alive nova-network
}
