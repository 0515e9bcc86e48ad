# shellcheck shell=bash
# Only Glance may read its configuration, and its images belong to it.

check() {
  owned /etc/glance/glance-api.conf root:glance 640
  owned /etc/glance/glance-registry.conf root:glance 640
  owned_below /var/log/glance glance:glance
  owned /var/lib/glance glance:glance
  owned /var/lib/glance/images glance:glance
}

apply() {
  own /etc/glance/glance-api.conf root:glance 640
  own /etc/glance/glance-registry.conf root:glance 640
  mkdir -p "$ROOT/var/lib/glance/images" "$ROOT/var/log/glance"
  chown -R glance:glance "$ROOT/var/log/glance" "$ROOT/var/lib/glance"
}

verify() {
  check
}
