# shellcheck shell=bash
# Gives Keystone its admin token and its database. It sets the drivers as well:
# the package's defaults may be files, or memory, which forgets every session at a
# restart.

file=/etc/keystone/keystone.conf

settings() {
  setting "$file" DEFAULT admin_token "$KEYSTONE_ADMIN_TOKEN" || return 1
  setting "$file" sql connection "$(database_url keystone "$KEYSTONE_MYSQL_PASSWORD")" || return 1
  setting "$file" identity driver keystone.identity.backends.sql.Identity || return 1
  setting "$file" catalog driver keystone.catalog.backends.sql.Catalog || return 1
  setting "$file" token driver keystone.token.backends.sql.Token || return 1
  setting "$file" ec2 driver keystone.contrib.ec2.backends.sql.Ec2
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
