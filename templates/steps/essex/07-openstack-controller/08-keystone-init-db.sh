# shellcheck shell=bash
# Makes the tables of Keystone.

needs() {
  need "the database keystone" database_is_there keystone "$KEYSTONE_MYSQL_PASSWORD"
}

check() {
  schema_is_there keystone user tenant endpoint migrate_version
}

apply() {
  make_schema keystone user keystone-manage db_sync
}

verify() {
  check
}
