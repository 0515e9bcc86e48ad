# shellcheck shell=bash
# Installs Keystone.
packages="openstack-utils openstack-keystone"

check() {
  packages_installed
}

apply() {
  install_packages
}

verify() {
  packages_arrived
}
