# shellcheck shell=bash
# Makes this node a client of the site's own Ceph, where volumes are images of a pool. It proves that by the list of
# what is in the pool.
only_if="ceph_monitors"
packages="ceph-common python3-rbd"
verify_seconds=60

check() {
  has_secrets CEPH_KEY
  packages_installed
  ceph_config | file_is "$ROOT$CEPH_CONF"
  ceph_keyring | file_is "$ROOT$CEPH_KEYRING"
  owned "$CEPH_KEYRING" root:root 600 || owned "$CEPH_KEYRING" root:cinder 640
}

apply() {
  has_secrets CEPH_KEY
  install_packages
  ceph_config | write_file "$ROOT$CEPH_CONF" 0644
  ceph_keyring | file_is "$ROOT$CEPH_KEYRING" || ceph_keyring | write_file "$ROOT$CEPH_KEYRING" 0600
}

verify() {
  check
  if ! timeout 40 rbd --id "$CEPH_USER" ls "$CEPH_POOL" >/dev/null; then
    echo "Ceph at $CEPH_MONITORS does not show its pool $CEPH_POOL to client.$CEPH_USER with the secret CEPH_KEY (\`rackstart secrets set CEPH_KEY\` gives it Ceph's key)"
    return 1
  fi
}
