# shellcheck shell=bash
# Creates the database of Keystone and its account. The controller reaches it as localhost and by its own name.

needs() {
  need "MySQL to answer root" root_file_is_right
}

check() {
  has_secrets KEYSTONE_MYSQL_PASSWORD
  database_is_there keystone "$KEYSTONE_MYSQL_PASSWORD"
}

apply() {
  has_secrets KEYSTONE_MYSQL_PASSWORD
  make_database keystone "$KEYSTONE_MYSQL_PASSWORD"
}

verify() {
  check
}
