# shellcheck shell=bash
# Exports the place of the instances to the compute nodes, as the root of the share. Nova's files have the same owner
# on every node, because its account has the same number there. The manual exports to a whole network.
packages="nfs-utils"
verify_seconds=60
watched=yes
only_if="shared_instances=nfs"

place=/export/instances

needs() {
  need "the disk of the instances ($place)" mounted $place
}

exports() {
  local node
  for node in $COMPUTES; do
    printf '%s %s(rw,sync,fsid=0,no_root_squash)\n' "$place" "$(address_of "$node")"
  done
}

check() {
  packages_installed
  idmap_is_right
  exports | file_is "$ROOT/etc/exports"
  served nfs /etc/exports
  owned $place nova:nova
}

apply() {
  install_packages
  idmap_apply
  exports | file_is "$ROOT/etc/exports" || exports | write_file "$ROOT/etc/exports" 0644
  own $place nova:nova
  serve nfs /etc/exports
}

verify() {
  packages_arrived
  check
  port_open "$NODE" 2049
}
