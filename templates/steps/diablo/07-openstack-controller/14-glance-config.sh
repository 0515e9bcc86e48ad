# shellcheck shell=bash
# Gives Glance's registry its database, and the API its registry. Both files are read by paste.deploy in 2011.3.

api=/etc/glance/glance-api.conf
registry=/etc/glance/glance-registry.conf

settings() {
  paste_setting $api DEFAULT default_store file || return 1
  paste_setting $api DEFAULT filesystem_store_datadir /var/lib/glance/images/ || return 1
  # The package has 0.0.0.0, which is no address to ask.
  paste_setting $api DEFAULT registry_host "$ADDRESS" || return 1
  paste_setting $api DEFAULT log_file /var/log/glance/api.log || return 1
  # Without Keystone there are no users.
  paste_setting $api pipeline:glance-api pipeline "versionnegotiation context apiv1app" || return 1
  paste_setting $registry DEFAULT sql_connection "$(database_url glance "$GLANCE_MYSQL_PASSWORD")" || return 1
  paste_setting $registry DEFAULT log_file /var/log/glance/registry.log || return 1
  paste_setting $registry pipeline:glance-registry pipeline "context registryapp" || return 1
}

check() {
  has_secrets GLANCE_MYSQL_PASSWORD
  settings_hold
}

apply() {
  has_secrets GLANCE_MYSQL_PASSWORD
  write_settings
}

verify() {
  check
}
