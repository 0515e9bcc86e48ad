# shellcheck shell=bash
# Makes the tables of Glance. The log that glance-manage writes as root is given back to Glance.

needs() {
  need "the database glance" database_is_there glance "$GLANCE_MYSQL_PASSWORD"
}

check() {
  schema_is_there glance images image_properties migrate_version
  owned_below /var/log/glance glance:glance
}

# glance-manage looks for its own configuration and finds that of the registry only when it is named.
apply() {
  make_schema glance images glance-manage --config-file=/etc/glance/glance-registry.conf db_sync
  chown -R glance:glance "$ROOT/var/log/glance"
}

verify() {
  check
}
