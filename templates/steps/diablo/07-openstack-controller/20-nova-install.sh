# shellcheck shell=bash
# Installs the parts of Nova that run here. The manual's `openstack-nova-node-full` also brings nova-volume, which
# needs a target that CentOS 6 does not have.
packages="openstack-nova-cc-config openstack-nova-api openstack-nova-objectstore openstack-nova-scheduler openstack-nova-noVNC euca2ools unzip"

check() {
  nova_account_is_right
  packages_installed
}

apply() {
  nova_account
  install_packages
}

verify() {
  packages_arrived
  nova_account_is_right
}
