# shellcheck shell=bash
# Installs and configures Keystone.
packages="openstack-keystone httpd python3-mod_wsgi openstack-selinux"

config=/etc/keystone/keystone.conf

settings() {
  setting "$config" DEFAULT log_dir /var/log/keystone
  setting "$config" database connection "$(database_url keystone keystone "$KEYSTONE_DB_PASSWORD")"
  setting "$config" token provider fernet
  setting "$config" cache enabled true
  setting "$config" cache backend dogpile.cache.memcached
  setting "$config" cache memcache_servers "$CONTROLLER:11211"
  uwsgi_settings keystone
  without_apparmor keystone
}

check() {
  packages_installed
  settings_hold
  owned "$config" root:keystone 640
  wsgi_holds keystone
}

apply() {
  install_packages
  write_settings
  readable_by keystone "$config"
  wsgi_site keystone
}

verify() {
  check
}
