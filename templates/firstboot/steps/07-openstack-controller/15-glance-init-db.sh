# shellcheck shell=bash
# Makes the tables of Glance.

needs() {
  need "the database glance" database_is_there glance "$GLANCE_MYSQL_PASSWORD"
}

check() {
  schema_is_there glance images image_properties migrate_version
}

apply() {
  make_schema glance images glance-manage db_sync
}

verify() {
  check
}
