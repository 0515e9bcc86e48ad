# shellcheck shell=bash
# Installs KVM. The paper's package `kvm` is a name that qemu-kvm provides.
packages="qemu-kvm qemu-kvm-tools"

check() {
  packages_installed
}

apply() {
  install_packages
}

verify() {
  packages_arrived
}
