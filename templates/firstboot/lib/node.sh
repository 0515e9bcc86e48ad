# shellcheck shell=bash
# Where things are on this node, and its rendered values (`env`). A script that
# needs no more than these need not read all of lib/, which costs a small
# machine half a second. Written for bash 4.1 and the tools of an EL6 @core
# installation.

# Every path on the node starts with ROOT. It is empty on a real node; the
# tests put a directory there.
ROOT=${RACKSTART_ROOT:-}
# A link to the payload that is in use. In image mode /usr is read-only.
PAYLOAD_LINK=$ROOT/usr/lib/rackstart
[ -e "$PAYLOAD_LINK" ] || PAYLOAD_LINK=$ROOT/var/lib/rackstart/firstboot
PAYLOAD=${PAYLOAD:-$PAYLOAD_LINK}
STATE=$ROOT/var/lib/rackstart
JOURNAL=$STATE/journal
QUEUE=$STATE/queue
LOGS=$ROOT/var/log/rackstart

export LC_ALL=C
# An init script of EL6 starts with a short PATH; the directories that it has
# come first.
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022

. "$PAYLOAD/env"
# The secrets of this node's roles; a site without secrets has no such file.
[ ! -f "$PAYLOAD/secrets" ] || . "$PAYLOAD/secrets"

# site_is CONDITION: evaluates the condition of a step's line only_if="..." or of a row
# of `ports`: NAME=VALUE for variables of the site file, several with `&` between them,
# NAME= for an empty value, NAME alone for any other.
site_is() {
  local word name words
  IFS='&' read -r -a words <<<"$1"
  for word in "${words[@]}"; do
    name=${word%%=*}
    name=${name^^}
    case $word in
      *=*) [ "${!name:-}" = "${word#*=}" ] || return 1 ;;
      *) [ -n "${!name:-}" ] || return 1 ;;
    esac
  done
}

# left_out: prints the scripts of steps that this site does not have, separated by
# newlines.
left_out() {
  local script condition
  printf '\n'
  { grep -sH '^only_if="' "$PAYLOAD"/steps/*/*.sh || :; } | while IFS= read -r condition; do
    script=${condition%%.sh:*}.sh
    condition=${condition#*:only_if=\"}
    site_is "${condition%%\"*}" || printf '%s\n' "$script"
  done
}

# functions_of_sets PREFIX: prints the names of the functions that the step sets
# define with that prefix, one on a line.
functions_of_sets() {
  declare -F | sed -n "s/^declare -f \\($1[A-Za-z0-9_]*\\)\$/\\1/p"
}
