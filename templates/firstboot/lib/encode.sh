# shellcheck shell=bash
# Writes one value as the program that reads it needs it. A value may hold any
# byte but control characters (the server refuses those), so nothing may be
# pasted into a URL, a configuration file or a statement without one of these
# functions.

# escaped_bytes SAFE PREFIX: copies standard input, and writes every byte that
# the bracket expression SAFE does not name as PREFIX and two hex digits.
escaped_bytes() {
  od -An -v -tx1 | tr -s ' ' '\n' | SAFE=$1 PREFIX=$2 awk '
    BEGIN {
      for (i = 32; i < 127; i++) {
        c = sprintf("%c", i)
        if (c ~ ENVIRON["SAFE"]) safe[sprintf("%02x", i)] = c
      }
    }
    $1 != "" { printf "%s", ($1 in safe) ? safe[$1] : ENVIRON["PREFIX"] toupper($1) }'
}

# urlencoded: encodes standard input for any part of a URL, so that
# mysql://USER:PASSWORD@HOST/ can hold every password.
urlencoded() {
  escaped_bytes '[A-Za-z0-9._~-]' %
}

# url_part VALUE: prints VALUE encoded for any part of a URL.
url_part() {
  printf '%s' "$1" | urlencoded
}

# spelled FILE VALUE: prints VALUE as the program that reads FILE needs it. A
# value that this program cannot read from there in any spelling is refused: none
# of these programs removes quotes.
spelled() {
  case $1 in
    */nova.conf) nova_value "$2" ;;
    */keystone.conf) keystone_value "$2" ;;
    *-paste.ini) paste_value "$2" ;;
    */glance-*.conf) glance_value "$2" ;;
    *) printf '%s' "$2" ;;
  esac
}

# refused WHAT: says what a file cannot hold.
refused() {
  echo "a value of this file $1, which cannot be written there: choose another value" >&2
  return 1
}

# nova_value VALUE: for nova.conf, read by Nova's own parser, which removes
# blanks at the ends; `$` would name another option.
nova_value() {
  case $1 in ' '* | *' ') refused "has a blank at an end" || return 1 ;; esac
  printf '%s' "${1//'$'/'$$'}"
}

# parser_takes VALUE: for files that Python's ConfigParser reads, which also ends
# a value at its first `;` after a blank.
parser_takes() {
  local before=${1%%;*}
  # A value without a `;` has nothing before it.
  [ "$before" != "$1" ] || before=
  case $1 in ' '* | *' ') before=' ' ;; esac
  case $before in *' ') refused "has a blank at an end or before its first ';'" || return 1 ;; esac
  [ "$1" != '""' ] || refused "is a pair of quotes"
}

# keystone_value VALUE: for keystone.conf, read by ConfigParser, with `$` as in
# Nova.
keystone_value() {
  parser_takes "$1" || return 1
  printf '%s' "${1//'$'/'$$'}"
}

# glance_value VALUE: for glance-*.conf, as for Keystone, but each `%` has a meaning.
glance_value() {
  local value=${1//'$'/'$$'}
  parser_takes "$1" || return 1
  printf '%s' "${value//%/%%}"
}

# paste_value VALUE: for a *-paste.ini file. `%` has a meaning only in `%(`, and
# what replaces that is interpreted again.
paste_value() {
  parser_takes "$1" || return 1
  case $1 in *'%('*) refused "has a '%('" || return 1 ;; esac
  printf '%s' "$1"
}

# backslashed VALUE: prints it as it stands between double quotes in JSON, and
# in the option files of curl and MySQL.
backslashed() {
  printf '%s' "$1" | sed 's/[\\"]/\\&/g'
}

# quoted VALUE: prints it with double quotes around it, as a string of JSON.
quoted() {
  printf '"%s"' "$(backslashed "$1")"
}

# sql_string VALUE: prints a string of SQL.
sql_string() {
  printf "'%s'" "$(printf '%s' "$1" | sed "s/\\\\/&&/g; s/'/''/g")"
}

# python_string VALUE: prints a string of Python 2, in ASCII alone.
python_string() {
  printf "'%s'" "$(printf '%s' "$1" | escaped_bytes "[^\\\\']" '\x')"
}
