# shellcheck shell=bash
# Installs and configures Glance. Images are files in /var/lib/glance/images, a volume of its own in the paper's layout.
packages="openstack-glance"

config=/etc/glance/glance-api.conf

settings() {
  setting "$config" DEFAULT log_dir /var/log/glance
  setting "$config" DEFAULT workers "${API_PROCESSES:-4}"
  setting "$config" database connection "$(database_url glance glance "$GLANCE_DB_PASSWORD")"
  setting "$config" paste_deploy flavor keystone
  setting "$config" glance_store stores file
  setting "$config" glance_store default_store file
  setting "$config" glance_store filesystem_store_datadir /var/lib/glance/images
  token_settings "$config" glance "$GLANCE_SERVICE_PASSWORD"
  uwsgi_settings glance
  without_apparmor glance
}

check() {
  packages_installed
  settings_hold
  owned "$config" root:glance 640
  owned /var/lib/glance/images glance:glance
}

apply() {
  install_packages
  write_settings
  readable_by glance "$config"
  mkdir -p "$ROOT/var/lib/glance/images"
  own /var/lib/glance/images glance:glance
}

verify() {
  check
}
