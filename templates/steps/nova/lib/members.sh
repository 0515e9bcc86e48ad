# shellcheck shell=bash
# Which nodes left a running cloud: what the site file says, compared with what
# MySQL knows.

# former_accounts NAME: prints the hosts of accounts of that name that belong to
# no node of the site any more.
former_accounts() {
  local host wanted
  wanted=$'\n'$(grants_for "$1")$'\n'
  users_of "$1" | cut -f 1 | while IFS= read -r host; do
    case $wanted in *$'\n'"$host"$'\n'*) ;; *) printf '%s\n' "$host" ;; esac
  done
}

# drop_former_accounts NAME: removes these accounts and ends their sessions. A
# session that has ended meanwhile needs no end.
drop_former_accounts() {
  local host user
  user=$(sql_string "$1")
  former_accounts "$1" | while IFS= read -r host; do
    echo "the account of $1 from $host goes: no node has that address" >&2
    printf 'DROP USER %s@%s;\n' "$user" "$(sql_string "$host")"
  done | as_root
  strange_sessions "$1" | sed 's/.*/KILL &;/' | sql "$MYSQL_ROOT_FILE" --force || :
}

# strange_sessions NAME: prints the ids of sessions from hosts without an account.
# MySQL calls a host by a name where it finds one, so the node that the name means
# counts.
strange_sessions() {
  local id host wanted
  wanted=$(grants_for "$1" | tr '\n' ' ')
  case " $wanted " in *' % '*) return 0 ;; esac
  printf 'SELECT ID, HOST FROM information_schema.PROCESSLIST WHERE USER = %s;\n' "$(sql_string "$1")" | as_root |
    while IFS=$'\t' read -r id host; do
      is_among "${host%:*}" "$wanted" || printf '%s\n' "$id"
    done
}
