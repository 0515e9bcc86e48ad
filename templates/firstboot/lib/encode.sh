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

# oslo_value VALUE: for a file that OpenStack reads by its own parser. `$` would
# name another option; blanks at the ends and a pair of quotes would be taken off.
oslo_value() {
  local value=${1//'$'/'$$'}
  case $value in
    ' '* | *' ' | \" | \' | \"*\" | \'*\') value="\"$value\"" ;;
  esac
  printf '%s' "$value"
}

# paste_value VALUE: for a *-paste.ini file, read by Python's ConfigParser, which
# looks at `%` only where a `%(` is, and ends a value at a blank and its first `;`.
paste_value() {
  local before=${1%%;*}
  # No `;`: nothing is before it.
  [ "$before" != "$1" ] || before=
  case $1 in ' '* | *' ') before=' ' ;; esac
  case $before in
    *' ')
      echo "a value for a paste.ini file has a blank at an end or before its first ';', which cannot be written there: choose another value" >&2
      return 1
      ;;
  esac
  case $1 in
    *'%('*) printf '%s' "${1//%/%%}" ;;
    *) printf '%s' "$1" ;;
  esac
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
