# shellcheck shell=bash
# Starts MariaDB on this node's LAN address.
packages="mariadb-server python3-PyMySQL"
verify_seconds=60
watched=yes

config=$(file_of mariadb.conf)

wanted() {
  cat <<CONFIG
# Written by rackstart-firstboot.
[mysqld]
bind-address = $ADDRESS
max_connections = 4096
character-set-server = utf8mb3
collation-server = utf8mb3_general_ci
CONFIG
  [ -z "$DATABASE_MEMORY" ] || printf 'innodb_buffer_pool_size = %s\nperformance_schema = off\n' "$DATABASE_MEMORY"
}

check() {
  packages_installed
  wanted | file_is "$ROOT$config"
  served mariadb "$config"
}

apply() {
  install_packages
  wanted | write_file "$ROOT$config" 0644
  serve mariadb "$config"
}

verify() {
  check
  port_open "$NODE" 3306
  [ "$(echo 'SELECT 1;' | as_root)" = 1 ]
}
