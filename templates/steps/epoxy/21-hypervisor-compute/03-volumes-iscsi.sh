# shellcheck shell=bash
# Lets machines of this node use volumes of the controller's group `nova-volumes`, which come over iSCSI.
only_if="ceph_monitors="
packages="iscsi-initiator-utils"
watched=yes

name=/etc/iscsi/initiatorname.iscsi

# Each node has a name of its own; an image of a disk may have brought another one's.
wanted() {
  printf 'InitiatorName=iqn.2012-05.rackstart:%s\n' "$NODE"
}

check() {
  packages_installed
  wanted | file_is "$ROOT$name"
  served iscsid "$name"
}

apply() {
  install_packages
  wanted | write_file "$ROOT$name" 0600
  serve iscsid "$name"
}

verify() {
  check
}
