# shellcheck shell=bash
# Only Keystone may read its configuration. Its logs belong to it, including the
# one that db_sync has made as root.

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
