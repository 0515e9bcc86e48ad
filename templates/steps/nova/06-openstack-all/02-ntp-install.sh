# shellcheck shell=bash
# Installs what keeps the clock right: Keystone's tokens and Nova's services are
# judged by their times.
packages="ntp ntpdate"

check() {
  packages_installed
}

apply() {
  install_packages
}

verify() {
  packages_arrived
}
