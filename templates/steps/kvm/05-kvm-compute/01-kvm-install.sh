# shellcheck shell=bash
# Installs KVM. The package qemu-kvm provides the paper's name `kvm`.
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
