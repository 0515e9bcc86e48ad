# shellcheck shell=bash
# Makes the bridge of the virtual machines where Nova makes none, in the way in which
# Nova makes one: the card becomes its port and hands over its addresses and routes.
# The routes are noted first, because they disappear with the addresses: after a kill
# at any point, a second run completes the bridge.

# addresses_of CARD: prints each IPv4 address with its prefix.
addresses_of() {
  ip -4 -o addr show dev "$1" scope global 2>/dev/null | awk '{ print $4 }'
}

# bridge_addresses: prints the addresses that the bridge must have: those of the LAN,
# where the bridge is on its card, and on the gateway that of the machines' router.
bridge_addresses() {
  [ "$(vm_nic)" != "$LAN_NIC" ] || printf '%s/%s\n' "$ADDRESS" "${LAN_CIDR##*/}"
  ! is_target gateway || machines_router
}

bridge_is_whole() {
  local card wanted has
  card=$(vm_nic)
  [ -e "$ROOT/sys/class/net/$VM_BRIDGE/brif/$card" ] || return 1
  [ -z "$(addresses_of "$card")" ] || return 1
  [ ! -s "$STATE/bridge-routes" ] || return 1
  has=$(addresses_of "$VM_BRIDGE")
  for wanted in $(bridge_addresses); do
    printf '%s\n' "$has" | grep -qxF "$wanted" || return 1
  done
}

make_bridge() {
  local card address route
  card=$(vm_nic)
  if ! [ -e "$ROOT/sys/class/net/$VM_BRIDGE" ]; then
    brctl addbr "$VM_BRIDGE"
    brctl setfd "$VM_BRIDGE" 0
    brctl stp "$VM_BRIDGE" off
  fi
  ip link set "$VM_BRIDGE" up
  ip link set "$card" up
  # The kernel adds its own routes with the addresses.
  if [ -n "$(addresses_of "$card")" ]; then
    ip -4 route show dev "$card" | grep -v 'proto kernel' | write_file "$STATE/bridge-routes" 0600
  fi
  for address in $(bridge_addresses) $(addresses_of "$card"); do
    addresses_of "$VM_BRIDGE" | grep -qxF "$address" || ip addr add "$address" broadcast + dev "$VM_BRIDGE"
  done
  [ -e "$ROOT/sys/class/net/$VM_BRIDGE/brif/$card" ] || brctl addif "$VM_BRIDGE" "$card"
  for address in $(addresses_of "$card"); do
    ip addr del "$address" dev "$card"
  done
  if [ -s "$STATE/bridge-routes" ]; then
    while IFS= read -r route; do
      # shellcheck disable=SC2086 # words
      ip -4 route replace ${route/ scope link/} dev "$VM_BRIDGE"
    done <"$STATE/bridge-routes"
  fi
  rm -f "$STATE/bridge-routes"
}
