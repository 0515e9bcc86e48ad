# shellcheck shell=bash
# Makes Nova's three databases (API, cell 0, cell 1) and their account.
check() {
  has_secrets NOVA_DB_PASSWORD
  database_opens nova nova "$NOVA_DB_PASSWORD"
  database_opens nova_api nova "$NOVA_DB_PASSWORD"
  database_opens nova_cell0 nova "$NOVA_DB_PASSWORD"
}

apply() {
  has_secrets NOVA_DB_PASSWORD
  make_database nova_api nova "$NOVA_DB_PASSWORD"
  make_database nova_cell0 nova "$NOVA_DB_PASSWORD"
  make_database nova nova "$NOVA_DB_PASSWORD"
}

verify() {
  check
}
