# shellcheck shell=bash
# Installs the parts of Nova that run here, the message queue and the iSCSI
# target. The paper's `openstack-nova*` brings every part to every node.
packages="openstack-nova-api openstack-nova-cert openstack-nova-console openstack-nova-scheduler openstack-nova-volume qpid-cpp-server cyrus-sasl cyrus-sasl-plain scsi-target-utils"

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
