# shellcheck shell=bash
# Lets machines of this node use volumes of the site's own Ceph: QEMU's driver, and the key, which libvirt keeps.
only_if="ceph_monitors"
packages="qemu-kvm-block-rbd"
watched=yes

# kept: prints the key as libvirt has it.
kept() {
  timeout 20 virsh -q -c qemu:///system secret-get-value "$CEPH_SECRET" 2>/dev/null
}

check() {
  has_secrets CEPH_KEY
  packages_installed
  [ "$(kept | tr -d '[:space:]')" = "$CEPH_KEY" ]
}

# libvirt reads the definition and the key from files, so that the key is on no command line.
apply() {
  local file=$STATE/ceph-key
  has_secrets CEPH_KEY
  install_packages
  cat <<XML | write_file "$STATE/ceph-secret.xml" 0600
<secret ephemeral='no' private='no'>
  <uuid>$CEPH_SECRET</uuid>
  <usage type='ceph'><name>client.$CEPH_USER of rackstart</name></usage>
</secret>
XML
  timeout 20 virsh -q -c qemu:///system secret-define "$STATE/ceph-secret.xml"
  printf '%s' "$CEPH_KEY" | write_file "$file" 0600
  timeout 20 virsh -q -c qemu:///system secret-set-value "$CEPH_SECRET" --file "$file"
  rm -f "$file"
}

verify() {
  check
}
