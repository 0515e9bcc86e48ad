# shellcheck shell=bash
# The packet filter of the node that runs nova-network. Nova translates the addresses of machines itself, so this node
# may have one card alone, as in the manual.
# Where firewalld owns the rules, this takes its place.
# shellcheck disable=SC2034 # read by lib/firewall.sh
packages_el7="iptables-services"

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
