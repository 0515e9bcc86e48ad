# shellcheck shell=bash
# Nova's configuration is readable by Nova alone. Its directory is given to it at
# the top only: below is the volume, where five nodes would change the owner of
# every file at once; the volume itself belongs to Nova by an option of its own.

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
