# shellcheck shell=bash
# Turns on IP forwarding where every compute node is the router of its own machines,
# as 02-ip-forward does on the gateway. Nova does not.
only_if="multi_host=yes"

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
