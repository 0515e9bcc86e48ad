# shellcheck shell=bash
# Starts nova-compute, never before the place of the instances is mounted: they
# would be written to the root disk. libvirtd is restarted if its files have
# changed since it started.
verify_seconds=120
watched=yes

libvirt="/etc/libvirt/libvirtd.conf /etc/sysconfig/libvirtd"

needs() {
  need "$INSTANCES to be mounted" instances_are_there
  need "libvirtd (tcp 16509)" port_open "$NODE" 16509
  need "the database of Nova on $CONTROLLER" nova_schema_there
  need_queue
}

# shellcheck disable=SC2086 # a list
check() {
  instances_are_there
  if lock_is_stale; then return 1; fi
  served libvirtd $libvirt
  served openstack-nova-compute /etc/nova/nova.conf /etc/libvirt/qemu.conf
  keeps_rules openstack-nova-compute
}

# shellcheck disable=SC2086 # a list
apply() {
  # qemu.conf is read when libvirtd starts.
  if ! served openstack-nova-compute /etc/nova/nova.conf /etc/libvirt/qemu.conf; then
    service libvirtd restart
  fi
  serve libvirtd $libvirt
  retry 30 port_open "$NODE" 16509
  free_lock
  serve openstack-nova-compute /etc/nova/nova.conf /etc/libvirt/qemu.conf
  rules_back openstack-nova-compute
}

verify() {
  check
  all_alive nova-compute
}
