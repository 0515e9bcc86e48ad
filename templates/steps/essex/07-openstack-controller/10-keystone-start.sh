# shellcheck shell=bash
# Starts Keystone.
verify_seconds=90
watched=yes

check() {
  served openstack-keystone /etc/keystone/keystone.conf
}

apply() {
  serve openstack-keystone /etc/keystone/keystone.conf
}

verify() {
  check
  keystone_answers
}
