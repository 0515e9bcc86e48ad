# shellcheck shell=bash
# Installs and configures nova-compute. Nova's account has one number on every node, because it owns the volume that
# all share; it is made before the package would choose one.
packages="openstack-nova-compute"

numbered() {
  [ "$(id -u nova 2>/dev/null)" = "$NOVA_UID" ] && [ "$(id -g nova 2>/dev/null)" = "$NOVA_UID" ]
}

settings() {
  nova_settings
  nova_compute_settings
}

compute_id=$ROOT/var/lib/nova/compute_id

# A compute node that was reinstalled stays the same one to Nova.
identity_right() {
  [ -z "$COMPUTE_ID" ] || [ -e "$compute_id" ]
}

check() {
  packages_installed
  numbered
  settings_hold
  owned "$NOVA_CONF" root:nova 640
  identity_right
}

apply() {
  getent group nova >/dev/null || groupadd -r -g "$NOVA_UID" nova
  getent passwd nova >/dev/null || useradd -r -u "$NOVA_UID" -g nova -d /var/lib/nova -s /bin/sh nova
  if ! numbered; then
    echo "the account nova has the number $(id -u nova):$(id -g nova) here, and the volume belongs to $NOVA_UID:$NOVA_UID"
    return 1
  fi
  install_packages
  # Only members of libvirt's group may use its socket.
  ! getent group libvirt >/dev/null || usermod -a -G libvirt nova
  write_settings
  readable_by nova "$NOVA_CONF"
  if ! identity_right; then
    printf '%s\n' "$COMPUTE_ID" | write_file "$compute_id" 0644
    chown nova:nova "$compute_id"
  fi
}

verify() {
  check
}
