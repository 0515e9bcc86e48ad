# shellcheck shell=bash
# Installs nova-compute. This comes before the share is mounted, because the package's scripts touch what lies below
# /var/lib/nova.
packages="openstack-nova-compute mysql python-amqplib"

needs() {
  need_names
  # Where it is mounted already, it must answer: a dead mount fails the package.
  ! mounted "$INSTANCES" || need "$INSTANCES to answer" timeout 10 stat -f "$ROOT$INSTANCES"
}

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
