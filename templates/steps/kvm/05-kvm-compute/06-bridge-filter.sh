# shellcheck shell=bash
# Lets the packet filter see what a bridge forwards: Nova's security groups are
# rules of the filter, and without this they block nothing between virtual
# machines. EL6 disables it in sysctl.conf. The paper does not have this step.
watched=yes

key=net.bridge.bridge-nf-call-iptables

check() {
  kernel_has $key 1
}

# The key exists once the module is loaded; in later kernels it has a module of
# its own.
apply() {
  sysctl -n $key >/dev/null 2>&1 || modprobe br_netfilter || modprobe bridge
  kernel_set $key 1
}

verify() {
  check
}
