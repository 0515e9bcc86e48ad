# shellcheck shell=bash
# Makes Cinder's database and its account.
check() {
  has_secrets CINDER_DB_PASSWORD
  database_opens cinder cinder "$CINDER_DB_PASSWORD"
}

apply() {
  has_secrets CINDER_DB_PASSWORD
  make_database cinder cinder "$CINDER_DB_PASSWORD"
}

verify() {
  check
}
