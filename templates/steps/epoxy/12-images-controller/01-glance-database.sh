# shellcheck shell=bash
# Makes Glance's database and its account.
check() {
  has_secrets GLANCE_DB_PASSWORD
  database_opens glance glance "$GLANCE_DB_PASSWORD"
}

apply() {
  has_secrets GLANCE_DB_PASSWORD
  make_database glance glance "$GLANCE_DB_PASSWORD"
}

verify() {
  check
}
