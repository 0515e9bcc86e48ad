# shellcheck shell=bash
# Installs the dashboard here: people reach it from outside.
packages="openstack-dashboard"

check() {
  packages_installed
}

apply() {
  install_packages
}

verify() {
  packages_arrived
}
