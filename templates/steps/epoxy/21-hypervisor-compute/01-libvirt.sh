# shellcheck shell=bash
# Installs KVM and libvirt, and lets compute nodes hand running machines to each other: libvirt listens on tcp 16509,
# without a password as in the paper. In hardened mode the packet filter admits only the compute nodes. Images belong
# to Nova on every node, so machines run as that account.
packages="qemu-kvm libvirt"
verify_seconds=60
watched=yes

daemon=/etc/libvirt/libvirtd.conf
machines=/etc/libvirt/qemu.conf

# pairs: FILE KEY VALUE, one on a line.
pairs() {
  cat <<PAIRS
$daemon listen_tls 0
$daemon listen_tcp 1
$daemon auth_tcp "none"
$daemon unix_sock_group "libvirt"
$daemon unix_sock_rw_perms "0770"
$daemon auth_unix_rw "none"
$daemon host_uuid "$HOST_UUID"
$machines user "nova"
$machines group "nova"
$machines remember_owner 0
$machines max_core 0
$machines migration_port_min 61152
$machines migration_port_max 61215
PAIRS
  # Without cgroups libvirt has nothing to put a machine into; without systemd nothing makes its mount
  # namespace.
  if ! systemd_runs; then
    printf '%s\n' "$machines cgroup_controllers []" "$machines namespaces []" "$machines security_driver \"none\""
  fi
}

pairs_hold() {
  local file key value
  while read -r file key value; do
    [ "$(key_of "$ROOT$file" "$key")" = "$value" ] || { echo "$file: $key is not $value" && return 1; }
  done < <(pairs)
}

# With systemd a socket of its own listens; `--listen` is for where there is none.
listens() {
  ! systemd_runs || systemctl -q is-enabled libvirtd-tcp.socket
}

# fuse_allowed: SELinux lets machines open files of the volume, which is mounted by FUSE. Where it is off there is
# nothing to allow.
fuse_allowed() {
  ! have getsebool selinuxenabled || ! selinuxenabled || [ "$(getsebool virt_use_fusefs)" = "virt_use_fusefs --> on" ]
}

check() {
  packages_installed
  fuse_allowed
  pairs_hold
  listens
  served virtlogd
  served libvirtd "$daemon" "$machines"
  port_open "$NODE" 16509
}

apply() {
  local file key value
  install_packages
  fuse_allowed || setsebool -P virt_use_fusefs on
  while read -r file key value; do
    set_key "$ROOT$file" "$key" "$value"
  done < <(pairs)
  if ! listens; then
    ! service_running libvirtd || service libvirtd stop
    systemctl -q enable libvirtd-tcp.socket
    systemctl start libvirtd-tcp.socket
  fi
  mkdir -p "$ROOT/run/libvirt" "$ROOT/var/log/libvirt"
  serve virtlogd
  serve libvirtd "$daemon" "$machines"
}

verify() {
  check
  timeout 20 virsh -c "qemu+tcp://$ADDRESS/system" version
}
