# shellcheck shell=bash
# Changes files so that a crash leaves the old one or the new one, never half of
# either, and so that a second run changes nothing.

# write_file FILE MODE: replaces FILE with standard input. MODE `keep` leaves
# owner and permissions as they are; a new file gets 0644.
# The temporary name is fixed: the next try overwrites and renames what a crash
# left behind, so nothing piles up beside the file.
write_file() {
  local file=$1 new
  # Writes to the target of a link; otherwise the file would replace the link.
  [ ! -L "$file" ] || file=$(readlink -f "$file")
  new=$file.rackstart-new
  [ -d "${file%/*}" ] || mkdir -p "${file%/*}"
  if [ "$2" = keep ] && [ -e "$file" ]; then
    cp -p "$file" "$new"
  elif [ -e "$new" ] || [ -L "$new" ]; then
    rm -f "$new"
  fi
  # dd is the only tool of EL6 that syncs a single file. What it writes may be a
  # secret, so nobody else can read it before it has its mode.
  if ! (umask 077 && dd of="$new" conv=fsync 2>/dev/null); then
    echo "cannot write $new" >&2
    return 1
  fi
  case $2/$file in
    keep/*) [ -e "$file" ] || chmod 0644 "$new" ;;
    0600/*) ;;
    *) chmod "$2" "$new" ;;
  esac
  mv -f "$new" "$file"
  # A file that was renamed into place keeps the SELinux type that it was
  # created with.
  if [ -z "$ROOT" ] && command -v restorecon >/dev/null 2>&1; then
    restorecon "$file" 2>/dev/null || :
  fi
}

# file_is FILE: true when FILE holds the lines of standard input.
file_is() {
  [ -f "$1" ] && [ "$(</dev/stdin)" = "$(<"$1")" ]
}

# set_key FILE KEY VALUE: leaves one line `KEY = VALUE`, where the first line of
# that key was, or at the end. Comments stay. It is for files without sections.
set_key() {
  set_line "$1" "$2" "$2 = $3"
}

# set_line FILE KEY LINE: leaves LINE as the only one that gives KEY a value.
set_line() {
  local text
  [ -e "$1" ] || : | write_file "$1" keep
  # The result is complete before it is written, because a pipe would also write
  # half of it. The value goes through the environment, because `-v` would
  # interpret backslashes.
  text=$(KEY=$2 LINE=$3 awk '
    { name = $0; sub(/=.*/, "", name); gsub(/[ \t]/, "", name) }
    name == ENVIRON["KEY"] { if (!done) print ENVIRON["LINE"]; done = 1; next }
    { print }
    END { if (!done) print ENVIRON["LINE"] }
  ' "$1") || return 1
  [ "$text" = "$(cat "$1")" ] || printf '%s\n' "$text" | write_file "$1" keep
}

# key_of FILE KEY: prints the value that counts, the last one in the file.
key_of() {
  [ -e "$1" ] || return 0
  awk -v key="$2" '
    /^[ \t]*[#;]/ { next }
    { name = $0; sub(/=.*/, "", name); gsub(/[ \t]/, "", name) }
    name == key { value = $0; sub(/^[^=]*=[ \t]*/, "", value); sub(/[ \t]+$/, "", value) }
    END { print value }
  ' "$1"
}

# fstab_lines MOUNTPOINT: prints the fstab lines that mount something there.
fstab_lines() {
  [ -e "$ROOT/etc/fstab" ] || return 0
  awk -v at="$1" '!/^[ \t]*#/ && $2 == at' "$ROOT/etc/fstab"
}

# set_fstab MOUNTPOINT LINE: leaves LINE as the only one for MOUNTPOINT.
set_fstab() {
  local text
  [ -e "$ROOT/etc/fstab" ] || : >"$ROOT/etc/fstab"
  text=$(awk -v at="$1" -v line="$2" '
    !/^[ \t]*#/ && $2 == at { if (!done) print line; done = 1; next }
    { print }
    END { if (!done) print line }
  ' "$ROOT/etc/fstab") || return 1
  printf '%s\n' "$text" | write_file "$ROOT/etc/fstab" 0644
}
