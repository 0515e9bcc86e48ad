# shellcheck shell=bash
# Turns on IP forwarding where every compute node is the router of its own machines,
# as 02-ip-forward does on the gateway. Nova does not.
only_if="multi_host=yes"

check() {
  kernel_has net.ipv4.ip_forward 1
}

apply() {
  kernel_set net.ipv4.ip_forward 1
}

verify() {
  check
}
