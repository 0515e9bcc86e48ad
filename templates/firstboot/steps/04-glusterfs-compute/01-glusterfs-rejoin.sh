# shellcheck shell=bash
# Brings a node back into the pool and its brick back into the volume: one that
# was installed anew while the cloud ran, and one that its peers reject. On a
# node that never was part of the volume there is nothing to do.
verify_seconds=120
watched=yes

state=$ROOT/var/lib/glusterd
place=$BRICK_MOUNT/brick
brick=$ROOT$place

needs() {
  # Who has been in a pool asks its controller before anything is decided.
  [ -z "$CONTROLLER" ] || [ -z "$GLUSTER_UUID" ] || volume_exists "$VOLUME" ||
    need "glusterd on $CONTROLLER (tcp 24007)" port_open "$CONTROLLER" 24007
}

# The controller made the volume, so its word counts. But when others are still
# one with this node, it is the controller that is wrong.
rejected() {
  case $(peer_state "$CONTROLLER") in "Peer Rejected ("*) ;; *) return 1 ;; esac
  ! peers | grep -q '	Peer in Cluster (Connected)$'
}

# The controller's description of the volume has this node's brick.
has_a_place() {
  gluster_on "$CONTROLLER" volume info "$VOLUME" 2>/dev/null | grep -qE "^Brick[0-9]+: $NODE:$place\$"
}

check() {
  [ -n "$CONTROLLER" ] || return 0
  if rejected; then return 1; fi
  if volume_started "$VOLUME"; then
    brick_runs "$place"
  else
    volume_exists "$VOLUME" || ! has_a_place
  fi
}

# The known cure. The identity stays, and what the package brought; all else
# comes from the others again. It is put aside, not deleted.
forget_the_pool() {
  local path aside
  aside=$STATE/glusterd-$(date -u +%Y%m%dT%H%M%SZ)
  echo "the pool rejects this node: its peers and volumes go to $aside"
  service glusterd stop
  # 3.3 knows a brick that runs only by what goes away here, and would start a second one.
  for path in "$state"/vols/*/run/*.pid; do
    [ ! -e "$path" ] || kill "$(cat "$path")" || :
  done
  mkdir -p "$aside"
  for path in "$state"/*; do
    case ${path##*/} in
      glusterd.info | groups | hooks | '*') ;;
      *) mv -f "$path" "$aside/" ;;
    esac
  done
  service glusterd start
  retry 30 port_open "$NODE" 24007
}

# who_it_was: prints the UUID that the controller has for this node.
who_it_was() {
  gluster_on "$CONTROLLER" peer status | awk -v name="$NODE" -v address="$ADDRESS" '
    /^Hostname: / { uuid = ""; found = ($2 == name || $2 == address); next }
    /^Uuid: / { uuid = $2 }
    NF == 1 && ($1 == name || $1 == address) { found = 1 } # below `Other names:`
    found && uuid { print uuid; exit }'
}

join() {
  local known
  known=$(who_it_was)
  if [ -n "$known" ] && [ "$known" != "$(own_identity)" ]; then
    become "$known"
    service glusterd start
    retry 30 port_open "$NODE" 24007
  fi
  retry 30 gluster_do peer probe "$CONTROLLER"
  # Without a handshake from the start the controller stays at "accepted".
  service glusterd restart
  retry 60 volume_exists "$VOLUME"
}

# An empty brick in place of the one that was wiped. The others must know that it
# is empty, or whoever reads from it would find the volume empty.
replace_brick() {
  if gluster_do volume help | grep -q reset-brick; then
    retry 60 gluster_do volume reset-brick "$VOLUME" "$NODE:$place" start
    # A volume that came from a peer has its bricks' real paths only from the next start on; without, the brick is taken for a new one.
    service glusterd restart
    retry 60 volume_started "$VOLUME"
    retry 60 gluster_do volume reset-brick "$VOLUME" "$NODE:$place" "$NODE:$place" commit force
  else
    mark_missing
    claim_brick
  fi
}

# Before 3.9: what changes while the brick is away is noted against it on the
# others, for the root directory's entries and for its attributes.
mark_missing() {
  local at=$STATE/volume mark
  mark=$at/.rackstart-back-$NODE
  mkdir -p "$at"
  mounted "$STATE/volume" || retry 45 mount -t glusterfs "localhost:/$VOLUME" "$at"
  mkdir -p "$mark"
  rmdir "$mark"
  touch "$at"
  umount "$at"
}

# A brick runs only where the volume's id is written on its directory.
claim_brick() {
  local id
  id=$(volume_field "$VOLUME" "Volume ID" | tr -d -)
  have getfattr setfattr || yum -y install attr || :
  if have getfattr setfattr && ! getfattr -n trusted.glusterfs.volume-id "$brick" >/dev/null 2>&1; then
    setfattr -n trusted.glusterfs.volume-id -v "0x$id" "$brick"
  fi
  retry 60 gluster_do volume start "$VOLUME" force
}

apply() {
  local how=kept
  ! rejected || forget_the_pool
  volume_exists "$VOLUME" || join
  volume_started "$VOLUME" || return 0
  mkdir -p "$brick"
  if brick_runs "$place"; then
    how=running
  elif [ -z "$(ls -A "$brick")" ]; then
    how=replaced
    replace_brick
  else
    claim_brick
  fi
  [ "$REPLICA" -lt 2 ] || [ "$how" = running ] || retry 60 gluster_do volume heal "$VOLUME" full
  printf '%s\n' "$how" | write_file "$STATE/rejoined" 0600
}

verify() {
  if ! check; then
    gluster_do peer status
    brick_runs "$place" || echo "no glusterfsd runs for $place; its log is in /var/log/glusterfs/bricks"
    return 1
  fi
  [ -s "$STATE/rejoined" ] || return 0
  in_pool "$CONTROLLER"
  echo "back in the pool, brick $(cat "$STATE/rejoined")" >"$STATE/saw"
}
