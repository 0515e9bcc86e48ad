# shellcheck shell=bash
# The controller answers machines, which ask it for their metadata with their own addresses, by way of the node that
# is their router. A boot ends the route.
watched=yes
only_if="multi_host="

# On the router itself the machines are behind its own bridge.
is_away() {
  [ "$GATEWAY" != "$NODE" ]
}

check() {
  ! is_away || ip -4 route show "$VM_NETWORK" | grep -qF "via $(address_of "$GATEWAY") "
}

apply() {
  ! is_away || ip route replace "$VM_NETWORK" via "$(address_of "$GATEWAY")"
}

verify() {
  check
}
