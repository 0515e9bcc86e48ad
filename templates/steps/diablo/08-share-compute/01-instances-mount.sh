# shellcheck shell=bash
# Mounts the controller's share where the instances lie, as the manual does for live migration. The mount waits for the
# network (`_netdev`), without which a boot would try it too early and leave it out.
packages="nfs-utils"
verify_seconds=60
watched=yes
only_if="shared_instances=nfs"

line="$CONTROLLER:/ $INSTANCES nfs4 defaults,_netdev 0 0"

needs() {
  need_names
  need "the share of $CONTROLLER (tcp 2049)" port_open "$CONTROLLER" 2049
}

check() {
  packages_installed
  idmap_is_right
  [ "$(fstab_lines "$INSTANCES")" = "$line" ]
  mounted "$INSTANCES" nfs4
}

apply() {
  install_packages
  idmap_apply
  mkdir -p "$ROOT$INSTANCES"
  set_fstab "$INSTANCES" "$line"
  mounted "$INSTANCES" nfs4 || mount "$INSTANCES"
}

verify() {
  packages_arrived
  check
  timeout 10 stat -f "$ROOT$INSTANCES"
}
