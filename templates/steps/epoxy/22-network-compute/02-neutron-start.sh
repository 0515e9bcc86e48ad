# shellcheck shell=bash
# Starts Neutron's agent for Open vSwitch. An agent that starts before the server answers doubles its pause after
# each try, and looks dead for minutes; so this step waits for the server.
verify_seconds=240
watched=yes

files="$NEUTRON_CONF $OVS_CONF"

needs() {
  need "Neutron on $CONTROLLER (tcp 9696)" answers "http://$CONTROLLER:9696/"
}

# shellcheck disable=SC2086 # a list
check() {
  served neutron-openvswitch-agent $files
}

# shellcheck disable=SC2086 # a list
apply() {
  serve neutron-openvswitch-agent $files
}

# The agent's own work counts: its flows are in the switch.
verify() {
  check
  ovs-ofctl dump-flows br-int | grep -q 'table=60'
  ovs-vsctl --timeout=10 list-ports br-int | grep -qx "int-$VM_BRIDGE"
}
