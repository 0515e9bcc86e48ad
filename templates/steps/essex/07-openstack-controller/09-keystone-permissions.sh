# shellcheck shell=bash
# Only Keystone may read its configuration; its logs are its own, also the one
# that db_sync has made as root.

check() {
  owned /etc/keystone/keystone.conf root:keystone 640
  owned_below /var/log/keystone keystone:keystone
  owned /var/lib/keystone keystone:keystone
}

apply() {
  own /etc/keystone/keystone.conf root:keystone 640
  chown -R keystone:keystone "$ROOT/var/log/keystone" "$ROOT/var/lib/keystone"
}

verify() {
  check
}
