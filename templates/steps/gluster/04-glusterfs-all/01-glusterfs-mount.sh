# shellcheck shell=bash
# Mounts the volume where Nova keeps its virtual machines, through the local
# glusterd, now and at every boot after the network is up.
verify_seconds=60
watched=yes

needs() {
  need "volume $VOLUME to be started (by $CONTROLLER)" volume_started "$VOLUME"
}

fstab_line() {
  local options=defaults,_netdev
  # systemd would mount before glusterd runs, and delay the boot for it. Not
  # `x-systemd.requires`: a restart of glusterd would then unmount the directory
  # under running virtual machines.
  [ ! -d "$ROOT/run/systemd/system" ] || options=$options,nofail,x-systemd.after=glusterd.service
  printf 'localhost:/%s %s glusterfs %s 0 0' "$VOLUME" "$INSTANCES" "$options"
}

# A dead client leaves a mount that answers "not connected".
alive() {
  mounted "$INSTANCES" fuse.glusterfs && timeout 10 stat -f "$ROOT$INSTANCES" >/dev/null
}

check() {
  [ "$(fstab_lines "$INSTANCES")" = "$(fstab_line)" ]
  alive
}

apply() {
  # With 3.3 the others know the controller by its address only, because it was
  # the controller that probed. One probe back gives it its name.
  if [ "$NODE" = "${COMPUTES%% *}" ] && [ -n "$CONTROLLER" ] && ! peers | grep -q "^$CONTROLLER	"; then
    retry 30 gluster_do peer probe "$CONTROLLER"
  fi
  set_fstab "$INSTANCES" "$(fstab_line)"
  if mounted "$INSTANCES" && ! alive; then
    umount -l "$INSTANCES"
  fi
  if ! mounted "$INSTANCES"; then
    if [ ! -d "$ROOT$INSTANCES" ]; then
      # Nova must not be able to write below the mount point when the mount is
      # missing.
      mkdir -p "$ROOT$INSTANCES"
      chmod 0555 "$ROOT$INSTANCES"
    fi
    # The bricks may still be connecting.
    retry 45 mount "$INSTANCES"
  fi
}

verify() {
  check
  local proof=$ROOT$INSTANCES/.rackstart-$NODE
  date >"$proof"
  [ -s "$proof" ]
  rm -f "$proof"
}
