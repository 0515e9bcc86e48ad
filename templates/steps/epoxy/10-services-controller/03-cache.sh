# shellcheck shell=bash
# Starts memcached, where the services keep tokens that they have looked at.
packages="memcached python3-memcached"
watched=yes

config=$(file_of memcached.conf)

is_set() {
  if is_debian; then
    grep -qx -- "-l $ADDRESS" "$ROOT$config" && [ "$(grep -c '^-l' "$ROOT$config")" = 1 ]
  else
    [ "$(key_of "$ROOT$config" OPTIONS)" = "\"-l $ADDRESS\"" ]
  fi
}

check() {
  packages_installed
  is_set
  served memcached "$config"
}

apply() {
  install_packages
  if ! is_set; then
    if is_debian; then
      { grep -v '^-l' "$ROOT$config" && echo "-l $ADDRESS"; } | write_file "$ROOT$config" keep
    else
      set_line "$ROOT$config" OPTIONS "OPTIONS=\"-l $ADDRESS\""
    fi
  fi
  serve memcached "$config"
}

# stats: prints the statistics that memcached shows to people.
# shellcheck disable=SC2016 # expanded by the inner bash
stats() {
  timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/11211" && printf "stats\r\nquit\r\n" >&3 && cat <&3' "$ADDRESS"
}

verify() {
  check
  stats | grep -q '^STAT pid '
}
