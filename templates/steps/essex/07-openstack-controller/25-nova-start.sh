# shellcheck shell=bash
# Starts the message queue, the iSCSI target, and Nova's services of this node.
# nova-direct-api is started only where the package has it: it is gone from Folsom on.
verify_seconds=120
watched=yes
apply_limit=600

conf=/etc/nova/nova.conf
alive="nova-consoleauth nova-cert nova-scheduler nova-volume"

needs() {
  need "the volume group nova-volumes" vgs nova-volumes
  need "the tables of Nova" nova_schema_there
  need "the administrator to log in to Keystone" admin_logs_in
  need "Glance (tcp 9292)" port_open "$CONTROLLER" 9292
}

direct_api() {
  [ ! -e "$ROOT/etc/init.d/openstack-nova-direct-api" ] || echo openstack-nova-direct-api
}

services() {
  echo openstack-nova-{cert,consoleauth,metadata-api,scheduler,volume} "$(direct_api)"
}

# queue_files: prints the files that qpidd reads when it starts.
queue_files() {
  local file
  for file in /etc/qpidd.conf /etc/sasl2/qpidd.conf /etc/qpidd.acl; do
    [ ! -e "$ROOT$file" ] || printf '%s\n' "$file"
  done
}

# Notes to which tgtd nova-volume has exported its volumes.
exported=$STATE/exported-by

# targets_start: tgtd keeps its targets only in memory, and nova-volume exports its
# volumes when it starts, so nova-volume is restarted. The note is written before: a
# tgtd that restarts meanwhile is another one.
targets_start() {
  serve tgtd /etc/tgt/targets.conf
  ! targets_stand || return 0
  rm -f "$STATE/served/openstack-nova-volume"
  start_of tgtd | write_file "$exported" 0600
}

# targets_stand: false when tgtd was restarted, by anybody, because its targets
# are gone then.
targets_stand() {
  start_of tgtd | file_is "$exported"
}

# shellcheck disable=SC2046 # a list
check() {
  local name
  served qpidd $(queue_files)
  served tgtd /etc/tgt/targets.conf
  targets_stand
  served openstack-nova-api $conf /etc/nova/api-paste.ini
  for name in $(services); do
    served "$name" $conf
  done
  keeps_rules openstack-nova-metadata-api
}

# shellcheck disable=SC2046 # a list
apply() {
  local name
  serve qpidd $(queue_files)
  targets_start
  retry 60 port_open "$NODE" 5672
  free_lock
  serve openstack-nova-api $conf /etc/nova/api-paste.ini
  for name in $(services); do
    serve "$name" $conf
  done
  rules_back openstack-nova-metadata-api
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
