# shellcheck shell=bash
# Names the nodes. The paper copies the file to root@compute2 and so on, using
# the names that this file is to define. Here every node got the file when it
# was installed, and the gateway only verifies that the names work.

check() {
  file_is "$ROOT/etc/hosts" <"$PAYLOAD/hosts"
}

apply() {
  write_file "$ROOT/etc/hosts" 0644 <"$PAYLOAD/hosts"
}

verify() {
  local name
  for name in $NODES; do
    if ! resolves "$name"; then
      echo "$name does not resolve to $(address_of "$name"); see /etc/hosts and /etc/nsswitch.conf"
      return 1
    fi
  done
}
