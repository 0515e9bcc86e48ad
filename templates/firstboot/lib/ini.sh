# shellcheck shell=bash
# Settings in files with [sections], as openstack-config and crudini write them,
# but with tools of EL6 @core: comments, commented defaults and the order of
# lines stay, a missing section is added, and a setting that is already right
# leaves the file alone. These functions take and print values as the file has
# them; `setting` below takes the plain values.

# ini_set FILE SECTION KEY VALUE: leaves one such line in the section, where the
# first one was, else at the section's end.
ini_set() {
  case $4 in
    *[[:cntrl:]]* | ' '* | *' ')
      echo "$1: a value for $3 in [$2] has a control character or a blank at an end, which no such file can hold" >&2
      return 1
      ;;
  esac
  ini_edit set "$@"
}

# ini_delete FILE SECTION KEY: removes every such line. Comments stay.
ini_delete() {
  [ ! -e "$1" ] || ini_edit delete "$@" ''
}

# ini_get FILE SECTION KEY: prints the value that counts, the last one.
ini_get() {
  [ -e "$1" ] || return 0
  # The value goes through the environment, because `-v` would interpret
  # backslashes.
  INI_SECTION=$2 INI_KEY=$3 awk '
    /^\[/ { inside = (substr($0, 2, index($0, "]") - 2) == ENVIRON["INI_SECTION"]); next }
    !inside || /^[#; \t]/ { next }
    {
      name = $0; sub(/[ \t]*[=:].*/, "", name)
      if (name != ENVIRON["INI_KEY"]) next
      value = $0; sub(/^[^=:]*[=:][ \t]*/, "", value); sub(/[ \t]+$/, "", value)
    }
    END { print value }
  ' "$1"
}

# ini_edit VERB FILE SECTION KEY VALUE
# `at` is the line after which a new setting goes: the last one of the section
# that is not blank. A line that begins with a blank continues the one before.
ini_edit() {
  local file=$2 text
  [ -e "$file" ] || : | write_file "$file" keep
  text=$(INI_VERB=$1 INI_SECTION=$3 INI_KEY=$4 INI_VALUE=$5 awk '
    BEGIN {
      section = ENVIRON["INI_SECTION"]; key = ENVIRON["INI_KEY"]
      wanted = ENVIRON["INI_VALUE"]; adds = (ENVIRON["INI_VERB"] == "set")
      line = key " = " wanted
    }
    { text[NR] = $0 }
    /^\[/ {
      inside = (substr($0, 2, index($0, "]") - 2) == section)
      first = (inside && !at); if (first) at = NR
      continues = 0; next
    }
    !inside || /^[ \t]*$/ { next }
    continues && /^[ \t]/ { gone[NR] = 1; next }
    { if (first) at = NR }
    /^[#; \t]/ { next }
    {
      name = $0; sub(/[ \t]*[=:].*/, "", name)
      continues = (name == key)
      if (!continues) next
      gone[NR] = 1
      if (found) next
      found = NR
      value = $0; sub(/^[^=:]*[=:][ \t]*/, "", value); sub(/[ \t]+$/, "", value)
      if (value == wanted) line = $0
    }
    END {
      for (i = 1; i <= NR; i++) {
        if (!gone[i]) print text[i]
        if (adds && (i == found || (i == at && !found))) print line
      }
      if (adds && !at) {
        if (NR && text[NR] !~ /^[ \t]*$/) print ""
        print "[" section "]"; print line
      }
    }
  ' "$file") || return 1
  [ "$text" = "$(cat "$file")" ] || printf '%s\n' "$text" | write_file "$file" keep
}

# The settings of a step are listed once and used twice: a step defines a
# function `settings` with one line `setting FILE SECTION KEY VALUE` for each,
# and calls `settings_hold` in check and verify, and `write_settings` in apply.
# lib/encode.sh knows the spelling of each file.
SETTING_VERB=

settings_hold() {
  SETTING_VERB=look
  settings
}

# A value that a file cannot hold is refused before anything is written.
write_settings() {
  SETTING_VERB=spell
  settings || return 1
  SETTING_VERB="set"
  settings
}

# setting FILE SECTION KEY VALUE: names a setting that is wrong without its
# value, which may be a secret.
setting() {
  local value
  value=$(spelled "$1" "$4") || {
    echo "$1: [$2] $3 cannot be written"
    return 1
  }
  case $SETTING_VERB in
    spell) ;;
    set) ini_set "$ROOT$1" "$2" "$3" "$value" ;;
    *)
      [ "$(ini_get "$ROOT$1" "$2" "$3")" = "$value" ] && return 0
      echo "$1: [$2] $3 is not what this node must have"
      return 1
      ;;
  esac
}
