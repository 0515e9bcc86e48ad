# shellcheck shell=bash
# The packet filter of the node that runs nova-network. Nova translates the addresses of machines itself, so this node
# may have one card alone, as in the manual.

check() {
  firewall_is_live
}

apply() {
  firewall_apply
}

verify() {
  card_is_there "$LAN_MAC" LAN
  firewall_is_live
}
