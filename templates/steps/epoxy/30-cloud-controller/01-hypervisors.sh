# shellcheck shell=bash
# Waits for the compute nodes, as Nova, Neutron and Placement see them. A machine that is made before an agent is
# alive fails for ever, and Nova calls a service `up` before its hypervisor can be used.
verify_seconds=300

# hypervisor_up NODE
hypervisor_up() {
  admin GET "http://$CONTROLLER:8774/v2.1/os-hypervisors/detail" </dev/null |
    json_rows hypervisors service.host state status | grep -qx "$1	up	enabled"
}

# shellcheck disable=SC2086 # a list
needs() {
  local name
  need_each "the hypervisor of % in Nova" hypervisor_up $COMPUTES
  for name in $COMPUTES; do
    need "Neutron's agent on $name" agent_alive neutron-openvswitch-agent "$name" || :
  done
  [ -z "$GATEWAY" ] || need "Neutron's DHCP agent on $GATEWAY" agent_alive neutron-dhcp-agent "$GATEWAY" || :
}

check() {
  [ -e "$STATE/hypervisors-seen" ]
}

apply() {
  now | write_file "$STATE/hypervisors-seen" 0600
}

verify() {
  local name
  for name in $COMPUTES; do hypervisor_up "$name"; done
}
