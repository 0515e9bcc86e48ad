# shellcheck shell=bash
# Installs what hands volumes of the group `nova-volumes` to compute nodes over iSCSI. The installer has made the group.
only_if="ceph_monitors="
packages="lvm2 targetcli"
watched=yes

check() {
  packages_installed
  group_is_there
  [ -z "$(own_names service target)" ] || served target
}

group_is_there() {
  vgs --noheadings -o vg_name "$VOLUME_GROUP" >/dev/null || {
    echo "this node has no volume group $VOLUME_GROUP for Cinder; its layout has to name one, or the site a Ceph by \`ceph_monitors\`"
    return 1
  }
}

apply() {
  install_packages
  group_is_there
  [ -z "$(own_names service target)" ] || serve target
}

verify() {
  check
}
