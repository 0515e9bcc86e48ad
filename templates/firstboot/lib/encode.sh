# shellcheck shell=bash
# Writes one value in the spelling of whatever reads it. A value may hold any
# byte but control characters (the server refuses those), so nothing may be
# pasted into a URL, a configuration file or a statement without one of these.

# escaped_bytes SAFE PREFIX: copies standard input, every byte that the
# bracket expression SAFE does not name written as PREFIX and two hex digits.
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

# urlencoded: standard input for any part of a URL. With it
# mysql://USER:PASSWORD@HOST/ takes every password.
urlencoded() {
  escaped_bytes '[A-Za-z0-9._~-]' %
}

# url_part VALUE: prints VALUE for any part of a URL.
url_part() {
  printf '%s' "$1" | urlencoded
}

# spelled FILE VALUE: prints VALUE in the spelling of the program that reads FILE.
# One that this program could not get from there, whatever its spelling, is
# refused: none of them takes quotes off.
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

# nova_value VALUE: for nova.conf, read by Nova's own parser, which takes blanks
# at the ends off; `$` would name another option.
nova_value() {
  case $1 in ' '* | *' ') refused "has a blank at an end" || return 1 ;; esac
  printf '%s' "${1//'$'/'$$'}"
}

# parser_takes VALUE: for whatever Python's ConfigParser reads, which also ends a
# value at its first `;` if a blank is before it.
parser_takes() {
  local before=${1%%;*}
  # No `;`: nothing is before it.
  [ "$before" != "$1" ] || before=
  case $1 in ' '* | *' ') before=' ' ;; esac
  case $before in *' ') refused "has a blank at an end or before its first ';'" || return 1 ;; esac
  [ "$1" != '""' ] || refused "is a pair of quotes"
}

# keystone_value VALUE: for keystone.conf: ConfigParser, and `$` as in Nova.
keystone_value() {
  parser_takes "$1" || return 1
  printf '%s' "${1//'$'/'$$'}"
}

# glance_value VALUE: for glance-*.conf: as Keystone's, and each `%` means something.
glance_value() {
  local value=${1//'$'/'$$'}
  parser_takes "$1" || return 1
  printf '%s' "${value//%/%%}"
}

# paste_value VALUE: for a *-paste.ini file. `%` means something only where a `%(`
# is, and what stands for that is looked at again.
paste_value() {
  parser_takes "$1" || return 1
  case $1 in *'%('*) refused "has a '%('" || return 1 ;; esac
  printf '%s' "$1"
}

# backslashed VALUE: prints it for between double quotes, as JSON, curl's and
# MySQL's option files have them.
backslashed() {
  printf '%s' "$1" | sed 's/[\\"]/\\&/g'
}

# quoted VALUE: the same with its quotes: a string of JSON.
quoted() {
  printf '"%s"' "$(backslashed "$1")"
}

# sql_string VALUE: a string of SQL.
sql_string() {
  printf "'%s'" "$(printf '%s' "$1" | sed "s/\\\\/&&/g; s/'/''/g")"
}

# python_string VALUE: a string of Python 2, in ASCII alone.
python_string() {
  printf "'%s'" "$(printf '%s' "$1" | escaped_bytes "[^\\\\']" '\x')"
}
