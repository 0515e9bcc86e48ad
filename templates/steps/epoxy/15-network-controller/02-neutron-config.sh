# shellcheck shell=bash
# Installs and configures Neutron's server.
packages="openstack-neutron openstack-neutron-ml2"

settings() {
  neutron_settings
  neutron_controller_settings
  ml2_settings
}

# The server of EL9 reads the plugin's settings by this name.
plugin_named() {
  is_debian || [ "$(readlink "$ROOT/etc/neutron/plugin.ini")" = plugins/ml2/ml2_conf.ini ]
}

check() {
  packages_installed
  settings_hold
  plugin_named
  owned "$NEUTRON_CONF" root:neutron 640
}

apply() {
  install_packages
  write_settings
  plugin_named || ln -sfn plugins/ml2/ml2_conf.ini "$ROOT/etc/neutron/plugin.ini"
  readable_by neutron "$NEUTRON_CONF"
}

verify() {
  check
}
