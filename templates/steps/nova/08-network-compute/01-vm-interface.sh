# shellcheck shell=bash
# Brings up the card that carries the networks of the virtual machines, where
# that is not the LAN's. Nova makes it a port of its bridge, or puts VLANs on it,
# but never brings it up. The card needs no address.
watched=yes
only_if="vm_interface"

needs() {
  need "the network card $VM_INTERFACE of the virtual machines (\`vm_interface\`)" [ -e "$ROOT/sys/class/net/$VM_INTERFACE" ]
}

# is_up: what `ip link` calls UP is the first bit of its flags.
is_up() {
  local flags
  read -r flags <"$ROOT/sys/class/net/$VM_INTERFACE/flags" && [ $((flags & 1)) -eq 1 ]
}

check() {
  is_up
}

apply() {
  ip link set "$VM_INTERFACE" up
}

verify() {
  check
  if [ "$VM_INTERFACE" = "$PUBLIC_NIC" ]; then
    echo "\`vm_interface\` is $VM_INTERFACE, the card of the outside: machines would be on the public network"
    return 1
  fi
}
