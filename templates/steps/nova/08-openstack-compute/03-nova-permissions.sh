# shellcheck shell=bash
# Nova and the processes of the machines run as the same user, and may read what
# each other writes. Only the top of the directories is given to that user, but
# libvirt's whole: a volume below /var/lib/nova is not this node's alone, and
# has an owner of its own.

qemu=$ROOT/etc/libvirt/qemu.conf
folders="/var/cache/libvirt /var/run/libvirt /var/lib/libvirt"
[ -n "${VOLUME:-}" ] || folders="$folders $INSTANCES"

check() {
  local folder
  owned /etc/nova root:nova
  owned /etc/nova/nova.conf root:nova 640
  owned /var/lib/nova nova:nova
  for folder in $folders; do
    owned "$folder" nova:nova
  done
  [ "$(key_of "$qemu" user)" = '"nova"' ]
  [ "$(key_of "$qemu" group)" = '"nova"' ]
}

apply() {
  local folder
  own /etc/nova root:nova
  own /etc/nova/nova.conf root:nova 640
  own /var/lib/nova nova:nova
  for folder in $folders; do
    mkdir -p "$ROOT$folder"
    owned "$folder" nova:nova || chown -R nova:nova "$ROOT$folder"
  done
  set_key "$qemu" user '"nova"'
  set_key "$qemu" group '"nova"'
}

verify() {
  check
}
