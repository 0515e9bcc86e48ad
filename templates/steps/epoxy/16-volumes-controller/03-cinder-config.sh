# shellcheck shell=bash
# Installs and configures Cinder, which gives machines volumes: of the group `nova-volumes` over iSCSI, or of the site's
# own Ceph.
packages="openstack-cinder"

settings() {
  cinder_settings
  uwsgi_settings cinder
  without_apparmor cinder
}

check() {
  packages_installed
  settings_hold
  owned "$CINDER_CONF" root:cinder 640
  [ -z "$CEPH_MONITORS" ] || owned "$CEPH_KEYRING" root:cinder 640
}

apply() {
  install_packages
  write_settings
  readable_by cinder "$CINDER_CONF"
  [ -z "$CEPH_MONITORS" ] || readable_by cinder "$CEPH_KEYRING"
}

verify() {
  check
}
