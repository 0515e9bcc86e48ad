# shellcheck shell=bash
# Only Glance may read its configuration, and its images belong to it.

configs="glance-api.conf glance-cache.conf glance-registry.conf glance-api-paste.ini glance-registry-paste.ini"

check() {
  local name
  for name in $configs; do
    owned "/etc/glance/$name" root:glance 640
  done
  owned_below /var/log/glance glance:glance
  owned /var/lib/glance glance:glance
  owned /var/lib/glance/images glance:glance
}

apply() {
  local name
  for name in $configs; do
    own "/etc/glance/$name" root:glance 640
  done
  mkdir -p "$ROOT/var/lib/glance/images"
  chown -R glance:glance "$ROOT/var/log/glance" "$ROOT/var/lib/glance"
}

verify() {
  check
}
