# shellcheck shell=bash
# Makes the tables of Glance. `db_sync` alone takes an empty database for one of
# the latest version and makes no tables, so the database is marked as version 0
# first.

needs() {
  need "the database glance" database_is_there glance "$GLANCE_MYSQL_PASSWORD"
}

check() {
  schema_is_there glance images image_properties migrate_version
  owned_below /var/log/glance glance:glance
}

# from_the_first: a version without tables means nothing.
from_the_first() {
  if ! tables_of glance | grep -qx images; then
    echo 'DROP TABLE IF EXISTS migrate_version;' | sql "$MYSQL_ROOT_FILE" glance
    glance-manage version_control 0
  fi
  glance-manage db_sync
}

# A log that was written as root would end the registry, which may not write
# there.
apply() {
  make_schema glance images from_the_first
  chown -R glance:glance "$ROOT/var/log/glance"
}

verify() {
  check
}
