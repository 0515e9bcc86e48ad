# shellcheck shell=bash
# The conditions that a step waits for, each tried on the real thing. A probe
# only looks: it changes nothing, prints nothing and ends within a few seconds.

UNMET=

# need TEXT COMMAND...: records that the node waits for TEXT unless COMMAND
# succeeds. It returns the status of COMMAND, so that `need ... || return 0`
# skips the rest where it would make no sense.
need() {
  local text=$1
  shift
  if "$@" >/dev/null 2>&1; then
    return 0
  fi
  UNMET=${UNMET:+$UNMET, }$text
  return 1
}

# need_each TEXT COMMAND WORD...: needs COMMAND WORD for every WORD; `%` in
# TEXT stands for the word.
need_each() {
  local text=$1 command=$2 word
  shift 2
  for word; do
    need "${text//%/$word}" "$command" "$word" || :
  done
}

# is_target NAME: true when steps for NAME run on this node.
is_target() {
  case " $TARGETS " in *" $1 "*) return 0 ;; esac
  return 1
}

# address_of NAME: prints the address that the site file gives NAME.
address_of() {
  local address names
  while read -r address names; do
    case $address in '#'*) continue ;; esac
    case " $names " in
      *" $1 "*)
        printf '%s\n' "$address"
        return 0
        ;;
    esac
  done <"$PAYLOAD/hosts"
}

# resolves NAME: true when this node finds NAME where the site file puts it.
# A node whose own name means 127.0.0.1 cannot join a trusted pool.
resolves() {
  local found
  # `getent hosts` would ask a name server for an IPv6 address first.
  found=$(getent ahostsv4 "$1")
  found=${found%%[[:blank:]]*}
  [ -n "$found" ] && [ "$found" = "$(address_of "$1")" ]
}

# is_among HOST HOSTS: HOST is one of them, or the name of an address that is.
is_among() {
  local found
  case " $2 " in *" $1 "*) return 0 ;; esac
  found=$(getent ahostsv4 "$1") || return 1
  case " $2 " in *" ${found%%[[:blank:]]*} "*) return 0 ;; esac
  return 1
}

# port_open HOST PORT: true when HOST accepts a TCP connection within 3 s.
# shellcheck disable=SC2016 # expanded by the inner bash
port_open() {
  local address
  address=$(address_of "$1")
  timeout 3 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "${address:-$1}" "$2" 2>/dev/null
}

# mounted PATH [TYPE]: true when PATH is a mount point (of that type).
mounted() {
  awk -v at="$1" -v type="${2:-}" '
    $2 == at && (type == "" || $3 == type) { found = 1 }
    END { exit !found }
  ' "$ROOT/proc/mounts"
}

# shellcheck disable=SC2086 # NODES is a list
need_names() {
  need_each "the name % to resolve (/etc/hosts)" resolves $NODES
}
