# shellcheck shell=bash
# Makes Cinder's tables.
apply_limit=3600

check() {
  schema_is_there cinder alembic_version volumes services
}

apply() {
  make_schema cinder as_account cinder cinder-manage db sync
}

verify() {
  check
}
