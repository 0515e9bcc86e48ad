# shellcheck shell=bash
# Installs MySQL.
packages="mysql mysql-server"

check() {
  packages_installed
}

apply() {
  install_packages
}

verify() {
  packages_arrived
}
