# shellcheck shell=bash
# Starts Neutron's agent for Open vSwitch. One that starts before the server answers doubles its patience each time,
# and looks dead for minutes: so it waits here.
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

# What the agent itself has done: its flows are in the switch.
verify() {
  check
  ovs-ofctl dump-flows br-int | grep -q 'table=60'
  ovs-vsctl --timeout=10 list-ports br-int | grep -qx "int-$VM_BRIDGE"
}
