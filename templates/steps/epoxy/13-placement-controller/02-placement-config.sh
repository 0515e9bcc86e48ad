# shellcheck shell=bash
# Installs and configures Placement.
packages="openstack-placement-api"

config=/etc/placement/placement.conf

settings() {
  setting "$config" DEFAULT log_dir /var/log/placement
  setting "$config" api auth_strategy keystone
  setting "$config" placement_database connection "$(database_url placement placement "$PLACEMENT_DB_PASSWORD")"
  token_settings "$config" placement "$PLACEMENT_SERVICE_PASSWORD"
  uwsgi_settings placement
  without_apparmor placement
}

check() {
  packages_installed
  settings_hold
  owned "$config" root:placement 640
  wsgi_holds placement
}

apply() {
  install_packages
  write_settings
  readable_by placement "$config"
  wsgi_site placement
}

verify() {
  check
}
