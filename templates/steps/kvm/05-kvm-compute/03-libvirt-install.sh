# shellcheck shell=bash
# Installs libvirt, and starts the services that it needs.
packages="libvirt libvirt-python python-virtinst avahi dmidecode"

check() {
  packages_installed
  served messagebus
  served avahi-daemon
}

apply() {
  install_packages
  serve messagebus
  serve avahi-daemon
}

verify() {
  packages_arrived
  check
}
