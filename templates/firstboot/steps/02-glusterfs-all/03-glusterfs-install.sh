# shellcheck shell=bash
# Installs GlusterFS from the node's yum repositories. The paper names three
# files of a directory called LATEST, which has moved on since.

needs() {
  need_names
}

# What the packages bring, because yum returns 0 when one of several names is
# unknown to it.
check() {
  have glusterd gluster mount.glusterfs
}

apply() {
  yum -y install glusterfs glusterfs-fuse glusterfs-server fuse fuse-libs
}

verify() {
  local command
  for command in glusterd gluster mount.glusterfs; do
    if ! have "$command"; then
      echo "$command is missing after the installation: do the repositories of this node hold GlusterFS?"
      return 1
    fi
  done
  gluster --version
}
