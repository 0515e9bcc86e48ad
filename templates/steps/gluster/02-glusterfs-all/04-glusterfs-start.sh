# shellcheck shell=bash
# Starts glusterd, on a compute node only over the mounted brick file system, so
# that an open port 24007 tells the controller that the brick is there too.
verify_seconds=60
watched=yes

config=$ROOT/etc/glusterfs/glusterd.vol
brick=$ROOT$BRICK_MOUNT/brick

needs() {
  need_names
  ! is_target compute || need "$BRICK_MOUNT to be mounted" file_system_there "$BRICK_MOUNT"
  ! has_arbiter || need "$ARBITER_MOUNT to be mounted" file_system_there "$ARBITER_MOUNT"
}

# The boot may have skipped the mount; the installation wrote the line in fstab.
file_system_there() {
  mounted "$1" || mount "$1" || :
  mounted "$1"
}

has_arbiter() {
  [ -n "${ARBITER_MOUNT:-}" ] && [ "$NODE" = "$CONTROLLER" ]
}

# The file of 3.4 and later names the port range, if only in a comment.
ports_known() {
  grep -qE 'option (base|max)-port' "$config" 2>/dev/null
}

ports_set() {
  ! ports_known || {
    grep -qE "^ *option base-port +$BRICK_PORT_MIN\$" "$config" &&
      grep -qE "^ *option max-port +$BRICK_PORT_MAX\$" "$config"
  }
}

# Peers reject a reinstalled node unless it has its former UUID. A node that has
# peers has a UUID already.
identity_right() {
  [ -z "$GLUSTER_UUID" ] || [ "$(own_identity)" = "$GLUSTER_UUID" ] || has_peers
}

# This is left behind when the node died while its UUID was being restored.
heard() {
  ! grep -qs 'bind-address 127' "$config"
}

# The brick is a directory on the file system, not its root: when the file
# system is missing the brick stays down instead of filling the root disk.
brick_exists() {
  ! has_arbiter || mounted "$ARBITER_MOUNT" || return 1
  ! is_target compute || { mounted "$BRICK_MOUNT" && [ -d "$brick" ]; }
}

check() {
  ports_set
  heard
  identity_right
  brick_exists
  service_enabled glusterd
  service_running glusterd
  port_open "$NODE" 24007
}

apply() {
  ! is_target compute || mkdir -p "$brick"
  heard || grep -v 'bind-address 127' "$config" | write_file "$config" 0644
  if ! ports_set; then
    awk -v min="$BRICK_PORT_MIN" -v max="$BRICK_PORT_MAX" '
      /option (base|max)-port/ { next }
      /^end-volume/ { print "    option base-port " min; print "    option max-port " max }
      { print }
    ' "$config" | write_file "$config" 0644
  fi
  identity_right || become "$GLUSTER_UUID"
  chkconfig glusterd on
  service glusterd restart
}

verify() {
  check
  gluster_do peer status
}
