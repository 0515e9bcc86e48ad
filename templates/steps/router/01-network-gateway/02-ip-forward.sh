# shellcheck shell=bash
# Turns on IP forwarding, now and for later boots. The key is set whatever the
# file held, and the network is not restarted: that would cut every connection
# to apply one value.

check() {
  kernel_has net.ipv4.ip_forward 1
}

apply() {
  kernel_set net.ipv4.ip_forward 1
}

verify() {
  check
}
