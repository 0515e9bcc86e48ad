# shellcheck shell=bash
# Makes Placement's database and its account.
check() {
  has_secrets PLACEMENT_DB_PASSWORD
  database_opens placement placement "$PLACEMENT_DB_PASSWORD"
}

apply() {
  has_secrets PLACEMENT_DB_PASSWORD
  make_database placement placement "$PLACEMENT_DB_PASSWORD"
}

verify() {
  check
}
