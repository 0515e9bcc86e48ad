# shellcheck shell=bash
# Gives Keystone its admin token and its database. The drivers are set as well:
# the package's may be files.

file=/etc/keystone/keystone.conf

settings() {
  setting "$file" DEFAULT admin_token "$(oslo_value "$KEYSTONE_ADMIN_TOKEN")" || return 1
  setting "$file" sql connection "$(database_url keystone "$KEYSTONE_MYSQL_PASSWORD")" || return 1
  setting "$file" identity driver keystone.identity.backends.sql.Identity || return 1
  setting "$file" catalog driver keystone.catalog.backends.sql.Catalog
}

check() {
  has_secrets KEYSTONE_ADMIN_TOKEN KEYSTONE_MYSQL_PASSWORD
  settings_hold
}

apply() {
  has_secrets KEYSTONE_ADMIN_TOKEN KEYSTONE_MYSQL_PASSWORD
  write_settings
}

verify() {
  check
}
