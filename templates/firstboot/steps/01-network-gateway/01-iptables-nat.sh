# shellcheck shell=bash
# Lets the LAN and the virtual machines reach the outside through this node.
# The rule file is the whole one of lib/firewall.sh, so that the flush of
# 02-glusterfs-all has nothing left to destroy here.

check() {
  firewall_is_live
}

apply() {
  if [ -z "$PUBLIC_NIC" ]; then
    echo "this gateway has no NIC on the public network: give it one in the site file"
    return 1
  fi
  firewall_apply
}

verify() {
  firewall_is_live
  iptables -t nat -S POSTROUTING | grep -e "-s $LAN_CIDR -o $PUBLIC_NIC .*-j MASQUERADE"
  iptables -t nat -S POSTROUTING | grep -e "-s $VM_CIDR -o $PUBLIC_NIC .*-j MASQUERADE"
}
