# shellcheck shell=bash
# Installs nova-compute, what a machine's volumes need here, and what logs in to the message
# queue. This comes before the volume is mounted, because the package's scripts touch what
# lies below /var/lib/nova.
packages="openstack-nova-compute openstack-utils iscsi-initiator-utils mysql cyrus-sasl-plain"

initiator=$ROOT/etc/iscsi/initiatorname.iscsi

needs() {
  need_names
  # Where it is mounted already, it must answer: a dead mount fails the package.
  ! mounted "$INSTANCES" || need "$INSTANCES to answer" timeout 10 stat -f "$ROOT$INSTANCES"
}

check() {
  nova_account_is_right
  packages_installed
  initiator_name | file_is "$initiator"
}

apply() {
  nova_account
  install_packages
  initiator_name | write_file "$initiator" 0644
}

verify() {
  packages_arrived
  nova_account_is_right
  check
}
