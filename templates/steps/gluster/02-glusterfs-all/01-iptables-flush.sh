# shellcheck shell=bash
# Sets the packet filter of this node for everything that comes later: in paper
# mode every port is open, in hardened mode those of its roles
# (lib/firewall.sh).

needs() {
  # Rules for other nodes are written with addresses, but what they let in
  # is useless before the names work.
  need_names
}
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
  firewall_is_live
}
