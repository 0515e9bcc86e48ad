# shellcheck shell=bash
# Starts the message queue, the iSCSI target, and Nova's services of this node.
# nova-direct-api only where the package has it: it is gone from Folsom on.
verify_seconds=120
watched=yes
apply_limit=600

conf=/etc/nova/nova.conf
alive="nova-consoleauth nova-cert nova-scheduler nova-volume"

needs() {
  need "the volume group nova-volumes" vgs nova-volumes
  need "the tables of Nova" nova_schema_there
  need "the administrator to log in at Keystone" admin_logs_in
  need "Glance (tcp 9292)" port_open "$CONTROLLER" 9292
}

direct_api() {
  [ ! -e "$ROOT/etc/init.d/openstack-nova-direct-api" ] || echo openstack-nova-direct-api
}

services() {
  echo openstack-nova-{cert,consoleauth,metadata-api,scheduler,volume} "$(direct_api)"
}

check() {
  local name
  served qpidd /etc/qpidd.conf
  served tgtd /etc/tgt/targets.conf
  served openstack-nova-api $conf /etc/nova/api-paste.ini
  for name in $(services); do
    served "$name" $conf
  done
}

apply() {
  local name
  serve qpidd /etc/qpidd.conf
  serve tgtd /etc/tgt/targets.conf
  retry 60 port_open "$NODE" 5672
  serve openstack-nova-api $conf /etc/nova/api-paste.ini
  for name in $(services); do
    serve "$name" $conf
  done
}

# shellcheck disable=SC2086 # a list
verify() {
  local port
  check
  for port in 5672 3260 8773 8774 8775 8776; do
    if ! port_open "$NODE" $port; then
      echo "nothing answers on tcp $port; see /var/log/nova and /var/log/messages"
      return 1
    fi
  done
  all_alive $alive
  nova_cli list
}
