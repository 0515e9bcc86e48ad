# shellcheck shell=bash
# Makes Neutron's tables.
apply_limit=3600

check() {
  schema_is_there neutron alembic_version networks ports agents
}

apply() {
  make_schema neutron as_account neutron neutron-db-manage --config-file "$NEUTRON_CONF" --config-file "$ML2_CONF" upgrade head
}

verify() {
  check
}
