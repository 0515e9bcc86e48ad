# shellcheck shell=bash
# Starts MySQL on this node's LAN address, gives root its password, and removes
# what the package leaves open: accounts without a name, and the database `test`.
watched=yes

config=/etc/my.cnf

settings() {
  setting "$config" mysqld bind-address "$ADDRESS"
}

# nobody_unnamed: an account without a name would take precedence over nova@'%'.
nobody_unnamed() {
  [ "$(echo "SELECT COUNT(*) FROM mysql.user WHERE User = '';" | as_root)" = 0 ]
}

check() {
  has_secrets MYSQL_ROOT_PASSWORD
  settings_hold
  served mysqld "$config"
  root_file_is_right
  nobody_unnamed
}

# opens FILE: true when root can log in with this option file.
opens() {
  [ -e "$1" ] && [ "$(echo 'SELECT 1;' | sql "$1" 2>/dev/null)" = 1 ]
}

# set_password FILE: gives every account of root the password. The account that
# FILE logs in with comes last: until then a killed run can log in as before.
set_password() {
  local hash host
  hash=$(mysql_hash "$MYSQL_ROOT_PASSWORD")
  {
    echo "SELECT Host FROM mysql.user WHERE User = 'root' AND Host <> 'localhost';" | sql "$1"
    echo localhost
  } | while IFS= read -r host; do
    printf 'SET PASSWORD FOR %s@%s = %s;\n' "'root'" "$(sql_string "$host")" "$(sql_string "$hash")"
  done | sql "$1"
}

remove_unnamed() {
  local host
  echo "SELECT Host FROM mysql.user WHERE User = '';" | as_root | while IFS= read -r host; do
    printf "DROP USER ''@%s;\n" "$(sql_string "$host")"
  done | as_root
  echo 'DROP DATABASE IF EXISTS test;' | as_root
}

apply() {
  write_settings
  serve mysqld "$config"
  local try new=$STATE/mysql-root-new.cnf
  option_file root "$MYSQL_ROOT_PASSWORD" '' | write_file "$new" 0600
  option_file root '' '' | write_file "$STATE/mysql-root-empty.cnf" 0600
  # The cases in order: the password is set already; it is one that this site
  # had before; there is none yet.
  for try in "$new" "$MYSQL_ROOT_FILE" "$STATE/mysql-root-empty.cnf" ''; do
    [ -n "$try" ] || break
    ! opens "$try" || break
  done
  if [ -z "$try" ]; then
    echo "root of MySQL has a password that is neither empty nor one of this site: set it by hand to the site's (\`rackstart secrets\`), then \`rackstart-firstboot resume\`"
    return 1
  fi
  [ "$try" = "$new" ] || set_password "$try"
  mv -f "$new" "$MYSQL_ROOT_FILE"
  rm -f "$STATE/mysql-root-empty.cnf"
  remove_unnamed
}

verify() {
  check
  port_open "$NODE" 3306
}
