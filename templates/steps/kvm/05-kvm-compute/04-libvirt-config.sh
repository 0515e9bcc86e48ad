# shellcheck shell=bash
# Lets compute nodes migrate running machines to each other: libvirt listens on
# tcp 16509, without a password as in the paper. In hardened mode the packet
# filter admits only the compute nodes. Each host has a UUID of its own: whole
# batches of boards share one, and libvirt migrates nothing between two hosts
# with the same UUID.

config=$ROOT/etc/libvirt/libvirtd.conf
daemon=$ROOT/etc/sysconfig/libvirtd

check() {
  [ "$(key_of "$config" listen_tls)" = 0 ]
  [ "$(key_of "$config" listen_tcp)" = 1 ]
  [ "$(key_of "$config" auth_tcp)" = '"none"' ]
  [ "$(key_of "$config" host_uuid)" = "\"$HOST_UUID\"" ]
  [ "$(key_of "$daemon" LIBVIRTD_ARGS)" = '"--listen"' ]
}

apply() {
  set_key "$config" listen_tls 0
  set_key "$config" listen_tcp 1
  set_key "$config" auth_tcp '"none"'
  set_key "$config" host_uuid "\"$HOST_UUID\""
  # A shell reads this file, so there are no blanks.
  set_line "$daemon" LIBVIRTD_ARGS 'LIBVIRTD_ARGS="--listen"'
}

verify() {
  check
}
