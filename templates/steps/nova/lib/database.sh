# shellcheck shell=bash
# MySQL of the controller. Passwords go through files that only root can read,
# and into statements as their hash: none is ever on a command line or in a log.

MYSQL_ROOT_FILE=$STATE/mysql-root.cnf

# option_file USER PASSWORD HOST: prints an option file for the clients of
# MySQL. An empty HOST means the socket, where EL6 has it.
option_file() {
  printf '[client]\nuser="%s"\npassword="%s"\n' "$(backslashed "$1")" "$(backslashed "$2")"
  if [ -n "$3" ]; then
    printf 'host=%s\nprotocol=tcp\nconnect-timeout=5\n' "$3"
  else
    printf 'socket=%s/var/lib/mysql/mysql.sock\n' "$ROOT"
  fi
}

# mysql_hash PASSWORD: prints the hash that MySQL 4.1 and later store.
mysql_hash() {
  local once
  once=$(printf '%s' "$1" | sha1sum | cut -c 1-40 | sed 's/../\\x&/g')
  # shellcheck disable=SC2059 # the escapes are the point
  printf "$once" | sha1sum | awk '{ print "*" toupper($1) }'
}

# sql FILE [DATABASE]: runs the statements of standard input as the user of an
# option file, and prints rows without a heading, with fields separated by tabs.
sql() {
  mysql --defaults-file="$1" --batch --skip-column-names "${@:2}"
}

# as_root: like sql, as root with the password of this site.
as_root() {
  sql "$MYSQL_ROOT_FILE"
}

# root_file_is_right: true when the option file has today's password, and root
# can log in with it.
root_file_is_right() {
  option_file root "$MYSQL_ROOT_PASSWORD" '' | file_is "$MYSQL_ROOT_FILE" &&
    [ "$(echo 'SELECT 1;' | as_root 2>/dev/null)" = 1 ]
}

# grants_for NAME: prints the hosts that a database user may connect from: the
# controller by each of its names; for nova also the other nodes, by address.
grants_for() {
  local node
  printf 'localhost\n%s\n%s\n' "$CONTROLLER" "$(address_of "$CONTROLLER")"
  [ "$1" = nova ] || return 0
  if [ "$SECURITY" = paper ]; then
    echo '%'
    return 0
  fi
  for node in $COMPUTES; do
    address_of "$node"
  done
}

# users_of NAME: prints host and hash of each account of that name.
users_of() {
  printf 'SELECT Host, Password FROM mysql.user WHERE User = %s;\n' "$(sql_string "$1")" | as_root
}

# database_is_there NAME PASSWORD: true when it exists with its accounts, and
# can be reached.
database_is_there() {
  local host hash accounts
  accounts=$'\n'$(users_of "$1")$'\n' || return 1
  hash=$(mysql_hash "$2")
  for host in $(grants_for "$1"); do
    # Not with grep, because not even a hash belongs on a command line.
    case $accounts in *$'\n'"$host"$'\t'"$hash"$'\n'*) ;; *) return 1 ;; esac
  done
  [ -z "$(former_accounts "$1")" ] || return 1
  log_in "$1" "$2"
}

# log_in NAME PASSWORD: logs in as a service does, over the network.
log_in() {
  local file=$STATE/mysql-$1.cnf
  option_file "$1" "$2" "$(address_of "$CONTROLLER")" | file_is "$file" ||
    option_file "$1" "$2" "$(address_of "$CONTROLLER")" | write_file "$file" 0600
  echo 'SELECT 1;' | sql "$file" "$1" >/dev/null
}

# charset_of NAME: prints the character set of its tables. A key of MySQL 5.1
# has at most 1000 bytes (MyISAM) or 767 (InnoDB), and some of Nova's have 510
# and 512 characters. Its migrations convert to utf8 what fits once it is there.
charset_of() {
  if [ "$1" = nova ]; then echo latin1; else echo utf8; fi
}

# make_database NAME PASSWORD
make_database() {
  local host hash
  hash=$(mysql_hash "$2")
  {
    # shellcheck disable=SC2016 # quotes of SQL
    printf 'CREATE DATABASE IF NOT EXISTS `%s` DEFAULT CHARACTER SET %s;\n' "$1" "$(charset_of "$1")"
    for host in $(grants_for "$1"); do
      # shellcheck disable=SC2016
      printf 'GRANT ALL ON `%s`.* TO %s@%s IDENTIFIED BY PASSWORD %s;\n' \
        "$1" "$(sql_string "$1")" "$(sql_string "$host")" "$(sql_string "$hash")"
    done
  } | as_root
  drop_former_accounts "$1"
}

# tables_of NAME: prints the names of its tables.
tables_of() {
  printf 'SHOW TABLES;\n' | sql "$MYSQL_ROOT_FILE" "$1"
}

# schema_is_there NAME TABLE...: true when no run of `make_schema` was cut
# short, and the tables exist.
schema_is_there() {
  local name=$1 tables table
  shift
  [ ! -e "$STATE/schema-of-$name-began" ] || return 1
  tables=$(tables_of "$name") || return 1
  for table; do
    printf '%s\n' "$tables" | grep -qxF "$table" || return 1
  done
}

# make_schema NAME TABLE COMMAND...: runs COMMAND, which makes or upgrades the
# schema. MySQL cannot roll a schema change back, so a run that was cut short
# may leave half a schema that no later run can complete. Only in that case,
# only on a node that was never ready, and only while TABLE holds no row, it
# starts over with an empty database.
make_schema() {
  local name=$1 table=$2 began=$STATE/schema-of-$1-began
  shift 2
  if [ -e "$began" ] && [ ! -e "$STATE/ready" ] && [ "$(rows_of "$name" "$table")" = 0 ]; then
    echo "the schema of $name was begun and not finished; it holds nothing yet: beginning again"
    # shellcheck disable=SC2016
    printf 'DROP DATABASE IF EXISTS `%s`; CREATE DATABASE `%s` DEFAULT CHARACTER SET %s;\n' "$name" "$name" "$(charset_of "$name")" | as_root
  fi
  now | write_file "$began" 0600
  "$@"
  rm -f "$began"
}

# rows_of DATABASE TABLE: prints the number of rows; a missing table has none.
rows_of() {
  if tables_of "$1" | grep -qxF "$2"; then
    # shellcheck disable=SC2016
    printf 'SELECT COUNT(*) FROM `%s`;\n' "$2" | sql "$MYSQL_ROOT_FILE" "$1"
  else
    echo 0
  fi
}

# nova_schema_there: can be tested from any node that has Nova's password.
nova_schema_there() {
  local file=$STATE/mysql-nova.cnf
  log_in nova "$NOVA_MYSQL_PASSWORD" || return 1
  [ "$(echo 'SELECT COUNT(*) FROM migrate_version WHERE version > 0;' | sql "$file" nova 2>/dev/null)" = 1 ]
}
