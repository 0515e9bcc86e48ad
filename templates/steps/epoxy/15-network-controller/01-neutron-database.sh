# shellcheck shell=bash
# Makes Neutron's database and its account.
check() {
  has_secrets NEUTRON_DB_PASSWORD
  database_opens neutron neutron "$NEUTRON_DB_PASSWORD"
}

apply() {
  has_secrets NEUTRON_DB_PASSWORD
  make_database neutron neutron "$NEUTRON_DB_PASSWORD"
}

verify() {
  check
}
