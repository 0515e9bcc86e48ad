# shellcheck shell=bash
# Creates the database of Nova and its account. In paper mode nova may connect from any host; in
# hardened mode from the compute nodes, by address.

needs() {
  need "MySQL to answer root" root_file_is_right
}

check() {
  has_secrets NOVA_MYSQL_PASSWORD
  database_is_there nova "$NOVA_MYSQL_PASSWORD"
}

apply() {
  has_secrets NOVA_MYSQL_PASSWORD
  make_database nova "$NOVA_MYSQL_PASSWORD"
}

verify() {
  check
}
