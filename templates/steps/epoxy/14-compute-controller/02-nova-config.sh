# shellcheck shell=bash
# Installs and configures Nova's services of the controller.
packages="openstack-nova-api openstack-nova-conductor openstack-nova-scheduler"

settings() {
  nova_settings
  nova_controller_settings
}

check() {
  packages_installed
  settings_hold
  owned "$NOVA_CONF" root:nova 640
}

apply() {
  install_packages
  write_settings
  readable_by nova "$NOVA_CONF"
}

verify() {
  check
}
