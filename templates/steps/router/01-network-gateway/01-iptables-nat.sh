# shellcheck shell=bash
# Lets the LAN and the virtual machines reach the outside through this node.
# The rule file is the whole one of lib/firewall.sh, so that the flush of
# 02-glusterfs-all has nothing left to destroy here.
# Where firewalld owns the rules, this takes its place.
# shellcheck disable=SC2034 # read by lib/firewall.sh
packages_el7="iptables-services"

check() {
  firewall_is_live
}

apply() {
  if [ -z "$PUBLIC_MAC" ]; then
    echo "this gateway has no NIC on the public network: give it one in the site file"
    return 1
  fi
  firewall_apply
}

# This looks at the cards as they are now, whatever the rules were made from.
verify() {
  local live from network
  card_is_there "$PUBLIC_MAC" public
  card_is_there "$LAN_MAC" LAN
  firewall_is_live
  live=$(iptables -t nat -S POSTROUTING)
  for from in $(rows translate | cut -d ' ' -f 2); do
    for network in $(who "$from"); do
      printf '%s\n' "$live" | grep -e "-s $network -o $PUBLIC_NIC .*-j MASQUERADE"
    done
  done
  if printf '%s\n' "$live" | grep -e "-o $LAN_NIC .*-j MASQUERADE"; then
    echo "$LAN_NIC has the MAC $LAN_MAC of the LAN, and addresses are translated there"
    return 1
  fi
}
