# shellcheck shell=bash
# Makes Glance's tables.
apply_limit=3600

check() {
  schema_is_there glance alembic_version images image_properties
}

apply() {
  make_schema glance as_account glance glance-manage db_sync
}

verify() {
  check
}
