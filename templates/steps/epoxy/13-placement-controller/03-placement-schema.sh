# shellcheck shell=bash
# Makes Placement's tables.
apply_limit=3600

check() {
  schema_is_there placement alembic_version allocations inventories
}

apply() {
  make_schema placement as_account placement placement-manage db sync
}

verify() {
  check
}
