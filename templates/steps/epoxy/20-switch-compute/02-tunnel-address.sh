# shellcheck shell=bash
# Gives this node its address in the network of tunnels, on the bridge whose card carries the machines: the switch in
# user space finds the way of its tunnels only through a bridge of its own.
only_if="tenant_network"
watched=yes

check() {
  ip -4 -o addr show dev "$VM_BRIDGE" | grep -qF " $(tunnel_address)/"
}

apply() {
  local address
  address=$(tunnel_address)
  check || ip addr add "$address/${TUNNEL_CIDR#*/}" dev "$VM_BRIDGE"
  ip link set "$VM_BRIDGE" up
}

verify() {
  check
}
