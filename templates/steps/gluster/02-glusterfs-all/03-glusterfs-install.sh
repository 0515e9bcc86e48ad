# shellcheck shell=bash
# Installs GlusterFS from the node's yum repositories. The paper names three
# files of a directory called LATEST, whose content has changed since.

needs() {
  need_names
}

packages="glusterfs glusterfs-fuse glusterfs-server fuse fuse-libs"

# shellcheck disable=SC2086 # a list
check() {
  rpm -q $packages
  have glusterd gluster mount.glusterfs
}

# shellcheck disable=SC2086 # a list
apply() {
  yum -y install $packages
}

# is_new_enough: a volume can have an owner from 3.3.1 on (storage.owner-uid).
is_new_enough() {
  local version
  version=$(gluster --version | sed -n '1s/^glusterfs \([0-9.]*\).*/\1/p')
  case $version in
    '' | [012].* | 3.[012] | 3.[012].* | 3.3 | 3.3.0)
      echo "this is GlusterFS ${version:-of an unknown version}, and the steps need 3.3.1 or later: put that into a repository of this node"
      return 1
      ;;
  esac
}

# rpm is asked again, because yum returns 0 when it knows only some of several names.
# shellcheck disable=SC2086 # a list
verify() {
  if ! rpm -q $packages; then
    echo "yum did not install all of these: do the repositories of this node hold GlusterFS?"
    [ ! -e "$ROOT/etc/yum.repos.d/rackstart.repo" ] ||
      echo "they are $SERVER/tree/$INSTALL_TREE and, with what it lacks, its folder extra; README.md of firstboot says how"
    return 1
  fi
  have glusterd gluster mount.glusterfs
  is_new_enough
}
