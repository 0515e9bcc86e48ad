# shellcheck shell=bash
# Starts Glance, and verifies it by its list of images.
verify_seconds=120
watched=yes

files="/etc/glance/glance-api.conf $(file_of glance-uwsgi)"

# shellcheck disable=SC2086 # a list
check() {
  served glance-api $files
  port_open "$NODE" 9292
}

# shellcheck disable=SC2086 # a list
apply() {
  serve glance-api $files
}

verify() {
  check
  admin GET "http://$CONTROLLER:9292/v2/images" </dev/null >/dev/null
}
