# shellcheck shell=bash
# Mounts the store where Glance keeps its images, now and at every boot once the network
# and the session are up. Glance is installed over it by 12-glance-install.
only_if="glance_target"
watched=yes
verify_seconds=60

images=/var/lib/glance/images
line="/dev/$GLANCE_GROUP/$GLANCE_VOLUME $images ext4 defaults,_netdev,nofail 0 0"

needs() {
  need "$(glance_lun)" glance_disk
}

check() {
  [ "$(fstab_lines "$images")" = "$line" ]
  mounted "$images" ext4
}

apply() {
  local now
  now=$(fstab_lines "$images")
  case $now in
    '' | "$line") ;;
    *)
      echo "the layout gives $images a file system of its own ($now): take the layout \`iscsi\`, or leave \`glance_target\` out"
      return 1
      ;;
  esac
  if ! mounted "$images" && [ ! -d "$ROOT$images" ]; then
    # Glance must not be able to write below the mount point when the mount is
    # missing.
    mkdir -p "$ROOT$images"
    chmod 0555 "$ROOT$images"
  fi
  set_fstab "$images" "$line"
  # A volume that was made before a boot is not active yet.
  vgchange -a y "$GLANCE_GROUP"
  mounted "$images" || mount "$images"
}

verify() {
  check
}
