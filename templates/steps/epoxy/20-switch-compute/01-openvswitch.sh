# shellcheck shell=bash
# Starts Open vSwitch, and makes the bridges that Neutron's agent fills: one for machines, one that carries the
# provider's network to the card of this node.
packages="openvswitch"
verify_seconds=60
watched=yes

# bridge NAME: true when it exists with the datapath of this site.
bridge() {
  [ "$(ovs-vsctl --timeout=10 get bridge "$1" datapath_type 2>/dev/null)" = "$(datapath)" ]
}

# ovs-vsctl prints an empty word with its quotes.
datapath() {
  printf '%s' "${DATAPATH:-system}"
}

has_card() {
  [ "$(ovs-vsctl --timeout=10 port-to-br "$(provider_card)" 2>/dev/null)" = "$VM_BRIDGE" ]
}

is_up() {
  [ $((0x$(sed 's/^0x//' "$ROOT/sys/class/net/$1/flags") & 1)) = 1 ]
}

# In user space the switch reads packets before the card has filled in their checksums.
checksums_filled() {
  [ "$DATAPATH" != netdev ] || ethtool -k "$(provider_card)" | grep -q '^tx-checksumming: off'
}

check() {
  packages_installed
  served openvswitch
  bridge br-int
  bridge "$VM_BRIDGE"
  has_card
  is_up "$(provider_card)"
  is_up "$VM_BRIDGE"
  checksums_filled
}

apply() {
  local card
  card=$(provider_card)
  install_packages
  if [ "$card" = "$LAN_NIC" ]; then
    echo "the card $card carries the LAN of this node; name another one as \`vm_interface\`, because the bridge takes it over"
    return 1
  fi
  serve openvswitch
  ovs-vsctl --timeout=30 --may-exist add-br br-int -- set bridge br-int "datapath_type=$(datapath)"
  ovs-vsctl --timeout=30 --may-exist add-br "$VM_BRIDGE" -- set bridge "$VM_BRIDGE" "datapath_type=$(datapath)"
  ovs-vsctl --timeout=30 --may-exist add-port "$VM_BRIDGE" "$card"
  checksums_filled || ethtool -K "$card" tx off sg off tso off gso off
  ip link set "$card" up
  ip link set "$VM_BRIDGE" up
}

verify() {
  check
}
