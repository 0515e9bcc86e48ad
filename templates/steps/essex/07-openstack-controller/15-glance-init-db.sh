# shellcheck shell=bash
# Makes the tables of Glance. An empty database counts as one of the latest version
# for `db_sync` alone, which then makes none: it is told that it begins at 0.

needs() {
  need "the database glance" database_is_there glance "$GLANCE_MYSQL_PASSWORD"
}

check() {
  schema_is_there glance images image_properties migrate_version
  owned_below /var/log/glance glance:glance
}

# from_the_first: a version without tables says nothing.
from_the_first() {
  if ! tables_of glance | grep -qx images; then
    echo 'DROP TABLE IF EXISTS migrate_version;' | sql "$MYSQL_ROOT_FILE" glance
    glance-manage version_control 0
  fi
  glance-manage db_sync
}

# What it has logged as root would end the registry, which may not write there.
apply() {
  make_schema glance images from_the_first
  chown -R glance:glance "$ROOT/var/log/glance"
}

verify() {
  check
}
