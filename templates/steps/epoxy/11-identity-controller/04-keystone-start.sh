# shellcheck shell=bash
# Starts Keystone, and verifies it by a login of the administrator.
verify_seconds=120
watched=yes

files="/etc/keystone/keystone.conf $(file_of keystone-uwsgi)"

# shellcheck disable=SC2086 # a list
check() {
  served keystone $files
  port_open "$NODE" 5000
}

# shellcheck disable=SC2086 # a list
apply() {
  serve keystone $files
}

verify() {
  check
  be_admin
}
