# shellcheck shell=bash
# Loads the kernel's module for VLANs, now and at later boots. Nova makes the VLANs
# itself, by `ip link`, and notices a missing module only when the first machine
# starts.
watched=yes
only_if="network_manager=vlan"

at_boot=$ROOT/etc/sysconfig/modules/rackstart-vlan.modules

script() {
  printf '#!/bin/sh\nmodprobe 8021q\n'
}

check() {
  [ -e "$ROOT/proc/net/vlan" ]
  script | file_is "$at_boot"
  [ -x "$at_boot" ]
}

apply() {
  mkdir -p "${at_boot%/*}"
  script | write_file "$at_boot" 0755
  modprobe 8021q
}

verify() {
  check
}
