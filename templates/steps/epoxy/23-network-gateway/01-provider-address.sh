# shellcheck shell=bash
# Gives the gateway its address in the network of virtual machines: their router.
watched=yes

# router_address: the first address of the network.
router_address() {
  python3 -c 'import ipaddress, sys; n = ipaddress.ip_network(sys.argv[1]); print("%s/%s" % (n[1], n.prefixlen))' "$VM_CIDR"
}

check() {
  ip -4 -o addr show dev "$VM_BRIDGE" | grep -qF " $(router_address) "
}

apply() {
  check || ip addr add "$(router_address)" dev "$VM_BRIDGE"
  ip link set "$VM_BRIDGE" up
}

verify() {
  check
}
