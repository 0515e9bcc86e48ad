# shellcheck shell=bash
# Starts Nova's services of the controller: the APIs, the store of bundles, the scheduler, the proxy of consoles.
verify_seconds=120
watched=yes
apply_limit=600

services="openstack-nova-objectstore openstack-nova-scheduler openstack-nova-vncproxy"

needs() {
  need "the tables of Nova" nova_schema_there
  need_queue
  need "Glance (tcp 9292)" port_open "$CONTROLLER" 9292
}

check() {
  local name
  served openstack-nova-api "$NOVA_CONF" /etc/nova/api-paste.ini
  for name in $services; do
    served "$name" "$NOVA_CONF"
  done
}

apply() {
  local name
  serve openstack-nova-api "$NOVA_CONF" /etc/nova/api-paste.ini
  for name in $services; do
    serve "$name" "$NOVA_CONF"
  done
}

verify() {
  local port
  check
  for port in 8773 8774 3333 6080; do
    if ! port_open "$NODE" $port; then
      echo "nothing answers on tcp $port; see /var/log/nova"
      return 1
    fi
  done
  all_alive nova-scheduler
}
