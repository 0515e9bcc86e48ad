# shellcheck shell=bash
# Packages of a step: it sets `packages` to a list of names.

# What the nodes of each target need from the OpenStack repository, once all
# is done: 06-openstack-all asks for it before anything depends on it.
CONTROLLER_PACKAGES="mysql mysql-server openstack-keystone openstack-glance openstack-nova-api openstack-nova-cert openstack-nova-console openstack-nova-scheduler openstack-nova-volume qpid-cpp-server scsi-target-utils"
COMPUTE_PACKAGES="openstack-nova-compute iscsi-initiator-utils mysql"
GATEWAY_PACKAGES="openstack-nova-network openstack-nova-novncproxy openstack-nova-console openstack-dashboard dnsmasq"

# shellcheck disable=SC2086 # a list
packages_installed() {
  rpm -q $packages
}

# shellcheck disable=SC2086 # a list
install_packages() {
  packages_installed >/dev/null || yum -y install $packages
}

# packages_arrived: asked of rpm, because yum returns 0 when it knows only some of several names.
packages_arrived() {
  local name missing=
  for name in $packages; do
    rpm -q "$name" || missing="$missing $name"
  done
  [ -n "$missing" ] || return 0
  echo "yum did not install:$missing"
  say_where_packages_come_from
  return 1
}

say_where_packages_come_from() {
  [ ! -e "$ROOT/etc/yum.repos.d/rackstart.repo" ] ||
    echo "the repositories of this node are $SERVER/tree/$INSTALL_TREE and, with what it lacks, its folder extra; README.md of firstboot says how"
}
