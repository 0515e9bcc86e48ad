# shellcheck shell=bash
# Turns on IP forwarding, now and for later boots. The key is set whatever the
# file held, and the network is not restarted: that would cut every connection
# to apply one value.

check() {
  [ "$(sysctl -n net.ipv4.ip_forward)" = 1 ]
  [ "$(key_of "$ROOT/etc/sysctl.conf" net.ipv4.ip_forward)" = 1 ]
}

apply() {
  set_key "$ROOT/etc/sysctl.conf" net.ipv4.ip_forward 1
  sysctl -w net.ipv4.ip_forward=1
}

verify() {
  check
}
