# shellcheck shell=bash
# Makes Keystone's database and its account.
check() {
  has_secrets KEYSTONE_DB_PASSWORD
  database_opens keystone keystone "$KEYSTONE_DB_PASSWORD"
}

apply() {
  has_secrets KEYSTONE_DB_PASSWORD
  make_database keystone keystone "$KEYSTONE_DB_PASSWORD"
}

verify() {
  check
}
