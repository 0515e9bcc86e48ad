# shellcheck shell=bash
# Installs and configures Neutron's agent for Open vSwitch.
packages="openstack-neutron-openvswitch"

settings() {
  neutron_settings
  setting "$NEUTRON_CONF" agent report_interval 10
  ml2_settings
  switch_settings
}

check() {
  packages_installed
  settings_hold
  owned "$NEUTRON_CONF" root:neutron 640
}

apply() {
  install_packages
  write_settings
  readable_by neutron "$NEUTRON_CONF"
}

verify() {
  check
}
