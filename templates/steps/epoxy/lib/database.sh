# shellcheck shell=bash
# MariaDB of the controller. root logs in through the socket, which both distributions allow. Passwords go through
# files that only root can read, and into statements as their hash: none is ever on a command line or in a log.

# as_root [DATABASE]: runs the statements of standard input, prints rows without a head, fields separated by tabs.
as_root() {
  mariadb --batch --skip-column-names "$@"
}

# mysql_hash PASSWORD: prints how the plugin mysql_native_password keeps it.
mysql_hash() {
  local once
  once=$(printf '%s' "$1" | sha1sum | cut -c 1-40 | sed 's/../\\x&/g')
  # shellcheck disable=SC2059 # the escapes are the point
  printf "$once" | sha1sum | awk '{ print "*" toupper($1) }'
}

# hosts_of_accounts: where a database account may come from. No compute node talks to the database.
hosts_of_accounts() {
  printf 'localhost\n%s\n%s\n' "$CONTROLLER" "$(address_of "$CONTROLLER")"
}

# log_in ACCOUNT PASSWORD DATABASE: logs in as a service does, over the network.
log_in() {
  local file=$STATE/mariadb-$1.cnf text
  text=$(printf '[client]\nuser="%s"\npassword="%s"\nhost=%s\nprotocol=tcp\nconnect-timeout=5\n' \
    "$(backslashed "$1")" "$(backslashed "$2")" "$(address_of "$CONTROLLER")")
  printf '%s\n' "$text" | file_is "$file" || printf '%s\n' "$text" | write_file "$file" 0600
  [ "$(echo 'SELECT 1;' | mariadb --defaults-file="$file" --batch --skip-column-names "$3" 2>/dev/null)" = 1 ]
}

# database_opens DATABASE ACCOUNT PASSWORD
database_opens() {
  log_in "$2" "$3" "$1"
}

# make_database DATABASE ACCOUNT PASSWORD
make_database() {
  local host hash user
  hash=$(mysql_hash "$3")
  user=$(sql_string "$2")
  {
    # shellcheck disable=SC2016 # quotes of SQL
    printf 'CREATE DATABASE IF NOT EXISTS `%s` CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci;\n' "$1"
    for host in $(hosts_of_accounts); do
      # shellcheck disable=SC2016
      printf 'GRANT ALL ON `%s`.* TO %s@%s IDENTIFIED BY PASSWORD %s;\n' "$1" "$user" "$(sql_string "$host")" "$(sql_string "$hash")"
    done
  } | as_root
}

# schema_is_there DATABASE TABLE...: no run of `make_schema` was cut short, and the tables are there.
schema_is_there() {
  local name=$1 tables table
  shift
  [ ! -e "$STATE/schema-of-$name-began" ] || return 1
  tables=$(echo 'SHOW TABLES;' | as_root "$name") || return 1
  for table; do
    printf '%s\n' "$tables" | grep -qxF "$table" || { echo "the database $name has no table $table" && return 1; }
  done
}

# make_schema DATABASE COMMAND...: runs COMMAND, which makes or upgrades the schema. MariaDB cannot roll a schema
# change back, so a run that was cut short may leave half a schema that no later run can complete. Only in that case,
# and only on a node that was never ready, whose cloud holds nothing yet, the database is made anew.
make_schema() {
  local name=$1 began=$STATE/schema-of-$1-began
  shift
  if [ -e "$began" ] && [ ! -e "$STATE/ready" ]; then
    echo "the schema of $name was begun and not finished; this cloud holds nothing yet: beginning again"
    # shellcheck disable=SC2016
    printf 'DROP DATABASE IF EXISTS `%s`; CREATE DATABASE `%s` CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci;\n' "$name" "$name" | as_root
  fi
  now | write_file "$began" 0600
  "$@"
  rm -f "$began"
}
