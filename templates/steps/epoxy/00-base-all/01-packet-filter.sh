# shellcheck shell=bash
# Installs what loads the rules of the packet filter at boot; the steps after it write them.
packages="iptables-services"

check() {
  packages_installed
}

apply() {
  install_packages
}

verify() {
  packages_arrived
}
