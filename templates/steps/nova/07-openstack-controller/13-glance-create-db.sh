# shellcheck shell=bash
# Creates the database of Glance and its account. The controller reaches it as localhost and by its own name.

needs() {
  need "MySQL to answer root" root_file_is_right
}

check() {
  has_secrets GLANCE_MYSQL_PASSWORD
  database_is_there glance "$GLANCE_MYSQL_PASSWORD"
}

apply() {
  has_secrets GLANCE_MYSQL_PASSWORD
  make_database glance "$GLANCE_MYSQL_PASSWORD"
}

verify() {
  check
}
