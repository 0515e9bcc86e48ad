# shellcheck shell=bash
# Only Nova may read its configuration. Only the top of its directory is given to
# it: below lies the volume, where five nodes would change the owner of every
# file at once. An option of the volume itself makes it Nova's.

check() {
  owned /etc/nova root:nova
  owned /etc/nova/nova.conf root:nova 640
  owned /etc/nova/api-paste.ini root:nova 640
  owned /var/lib/nova nova:nova
}

apply() {
  own /etc/nova root:nova
  own /etc/nova/nova.conf root:nova 640
  own /etc/nova/api-paste.ini root:nova 640
  own /var/lib/nova nova:nova
}

verify() {
  check
}
