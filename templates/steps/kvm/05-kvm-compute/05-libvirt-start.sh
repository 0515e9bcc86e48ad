# shellcheck shell=bash
# Starts libvirtd. Its own network `default` is removed: it would run a second
# dnsmasq on each node, for machines that do not exist.
verify_seconds=60
watched=yes

files="/etc/libvirt/libvirtd.conf /etc/sysconfig/libvirtd"
network=$ROOT/etc/libvirt/qemu/networks/default.xml

# shellcheck disable=SC2086 # a list
check() {
  served libvirtd $files
  [ ! -e "$ROOT/etc/libvirt/qemu/networks/autostart/default.xml" ]
}

# shellcheck disable=SC2086 # a list
apply() {
  serve libvirtd $files
  # The init script returns before the socket exists.
  retry 30 virsh list
  if [ -e "$network" ]; then
    virsh net-autostart default --disable
    virsh net-destroy default || echo "the network default did not run"
  fi
}

verify() {
  check
  port_open "$NODE" 16509
  virsh list
}
