# shellcheck shell=bash
# Lets the packet filter see what a bridge passes on: Nova's security groups are
# rules of it, and without this they hold nothing off between virtual machines.
# EL6 switches it off in sysctl.conf. Not in the paper.
watched=yes

key=net.bridge.bridge-nf-call-iptables

check() {
  kernel_has $key 1
}

# The key is there once the module is; in later kernels it has one of its own.
apply() {
  sysctl -n $key >/dev/null 2>&1 || modprobe br_netfilter || modprobe bridge
  kernel_set $key 1
}

verify() {
  check
}
