# shellcheck shell=bash
# Starts the network service and the VNC proxies. nova-compute of this node has
# been started by its own step.
verify_seconds=120
watched=yes
packages="openstack-nova-network openstack-nova-novncproxy openstack-nova-console dnsmasq"

conf=/etc/nova/nova.conf
lock=$ROOT/var/lib/nova/tmp/nova-iptables.lock

needs() {
  need "the database of Nova on $CONTROLLER" nova_schema_there
  need "the message queue on $CONTROLLER (tcp 5672)" port_open "$CONTROLLER" 5672
  need "nova-compute on this node" nova_alive nova-compute
}

services="openstack-nova-network openstack-nova-novncproxy openstack-nova-xvpvncproxy"

# lock_is_stale: from before this boot, so nobody holds it.
lock_is_stale() {
  clock
  [ -e "$lock" ] && [ "$(stat -c %Y "$lock")" -lt $(($(date +%s) - CLOCK)) ]
}

check() {
  local name
  packages_installed
  if lock_is_stale; then return 1; fi
  for name in $services; do
    served "$name" $conf
  done
}

# free_lock: a lock that no process holds makes nova-network wait for ever.
free_lock() {
  [ -e "$lock" ] || return 0
  if service_running openstack-nova-network; then
    lock_is_stale || return 0
    service openstack-nova-network stop
  fi
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
