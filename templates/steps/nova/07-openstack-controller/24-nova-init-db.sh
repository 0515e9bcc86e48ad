# shellcheck shell=bash
# Makes the tables of Nova. The log that nova-manage writes as root is given back to
# Nova.

needs() {
  need "the database nova" database_is_there nova "$NOVA_MYSQL_PASSWORD"
}

check() {
  schema_is_there nova services instances networks migrate_version
  owned /var/log/nova nova:nova
}

apply() {
  make_schema nova services nova-manage db sync
  chown -R nova:nova "$ROOT/var/log/nova"
}

verify() {
  check
  nova_schema_there
}
