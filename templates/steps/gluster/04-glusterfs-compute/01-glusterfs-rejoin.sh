# shellcheck shell=bash
# Brings a node back into the pool and its brick back into the volume: a node
# that was reinstalled while the cloud ran, or one that its peers reject. On a
# node that never was part of the volume there is nothing to do.
verify_seconds=120
watched=yes

state=$ROOT/var/lib/glusterd
place=$BRICK_MOUNT/brick
brick=$ROOT$place

needs() {
  # A node that has been in a pool asks its controller before anything is
  # decided.
  [ -z "$CONTROLLER" ] || [ -z "$GLUSTER_UUID" ] || volume_exists "$VOLUME" ||
    need "glusterd on $CONTROLLER (tcp 24007)" port_open "$CONTROLLER" 24007
}

# The controller made the volume, so it decides. But when other peers still
# agree with this node, it is the controller that is wrong.
rejected() {
  case $(peer_state "$CONTROLLER") in "Peer Rejected ("*) ;; *) return 1 ;; esac
  ! peers | grep -q '	Peer in Cluster (Connected)$'
}

# True when the controller's description of the volume has this node's brick.
has_a_place() {
  gluster_on "$CONTROLLER" volume info "$VOLUME" 2>/dev/null | grep -qE "^Brick[0-9]+: $NODE:$place\$"
}

# in_volume: true when the volume, as this node knows it, has its brick.
in_volume() {
  volume_bricks | grep -qxF "$(brick_of "$NODE")"
}

check() {
  [ -n "$CONTROLLER" ] || return 0
  if rejected; then return 1; fi
  if volume_started "$VOLUME"; then
    # A brick that waits for a set is not part of anything yet.
    ! in_volume || { brick_runs "$place" && [ "$(how)" != replacing ]; }
  else
    volume_exists "$VOLUME" || ! has_a_place
  fi
}

# This is the known cure. The identity stays, and the files of the package;
# everything else is fetched from the others again. The old files are moved
# aside, not deleted.
forget_the_pool() {
  local path aside
  aside=$STATE/glusterd-$(date -u +%Y%m%dT%H%M%SZ)
  echo "the pool rejects this node: its peers and volumes go to $aside"
  service glusterd stop
  # 3.3 recognises a running brick only by files that are moved here, and would start a
  # second one.
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
  # Without a new handshake the controller stays at "accepted".
  shake_hands
  retry 60 volume_exists "$VOLUME"
}

# is_empty: true when this brick never held anything, or only what an unfinished
# replacement had created.
is_empty() {
  case $(ls -A "$brick") in
    '') return 0 ;;
    .glusterfs) [ "$(how)" = replacing ] ;;
    *) return 1 ;;
  esac
}

# An empty brick replaces the one that was wiped. The others must know that it is
# empty, or a client that reads from it would find the volume empty.
replace_brick() {
  echo replacing | write_file "$STATE/rejoined" 0600
  if gluster_do volume help | grep -q reset-brick; then
    # A volume that came from a peer has the real path of its bricks only from the
    # next start on; without it, this brick would be taken for a new one.
    service glusterd restart
    retry 60 volume_started "$VOLUME"
    retry 60 put_in_place
  else
    mark_missing
    claim_brick
  fi
}

# A failed try may leave the volume's id on the brick, which is then started as it
# is, empty. So each try stops it and begins with a new directory. The others make
# the try fail while they do not see this node yet.
put_in_place() {
  at_one && gluster_do volume reset-brick "$VOLUME" "$NODE:$place" start || return 1
  rm -rf "$brick"
  mkdir "$brick"
  gluster_do volume reset-brick "$VOLUME" "$NODE:$place" "$NODE:$place" commit force
}

# True when this node and each peer that is up see each other.
at_one() {
  local peer
  for peer in $COMPUTES $CONTROLLER; do
    [ "$peer" != "$NODE" ] || continue
    port_open "$peer" 24007 || continue
    peer_connected "$peer" || return 1
    [ "$(state_of "$NODE" < <(gluster_on "$peer" peer status))" = "Peer in Cluster (Connected)" ] || return 1
  done
}

# Before 3.9: what changes while the brick is away is recorded against it on the
# others, for the entries of the root directory and for its attributes.
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

# A brick runs only where its directory carries the volume's id.
claim_brick() {
  local id
  id=$(volume_field "$VOLUME" "Volume ID" | tr -d -)
  have getfattr setfattr || echo "there is no getfattr and no setfattr (package attr): the brick cannot be marked"
  if have getfattr setfattr && ! getfattr -n trusted.glusterfs.volume-id "$brick" >/dev/null 2>&1; then
    setfattr -n trusted.glusterfs.volume-id -v "0x$id" "$brick"
  fi
  retry 60 gluster_do volume start "$VOLUME" force
}

# how: prints what became of the brick: `kept`, `replaced`, `running` if it
# never stopped, or `replacing` until the heal is known to be complete.
how() {
  cat "$STATE/rejoined" 2>/dev/null || :
}

apply() {
  local as=running
  # Otherwise a brick would be created, or taken for a wiped one, on the system
  # disk.
  if ! mounted "$BRICK_MOUNT"; then
    echo "the file system of the brick is not mounted on $BRICK_MOUNT: nothing is changed"
    return 1
  fi
  ! rejected || forget_the_pool
  if ! volume_exists "$VOLUME"; then
    brick_runs "$place" || as=kept
    join
  fi
  volume_started "$VOLUME" && in_volume || return 0
  mkdir -p "$brick"
  if brick_runs "$place"; then
    [ "$(how)" = replacing ] || echo "$as" | write_file "$STATE/rejoined" 0600
  elif is_empty; then
    replace_brick
  else
    claim_brick
    echo kept | write_file "$STATE/rejoined" 0600
  fi
  # The heal is a full one, because the records hold only what changed meanwhile.
  [ "$REPLICA" -lt 2 ] || [ "$(how)" = running ] || retry 60 gluster_do volume heal "$VOLUME" full
  [ "$(how)" != replacing ] || echo replaced | write_file "$STATE/rejoined" 0600
}

verify() {
  if ! check; then
    gluster_do peer status
    brick_runs "$place" || echo "no glusterfsd runs for $place; its log is in /var/log/glusterfs/bricks"
    return 1
  fi
  [ -s "$STATE/rejoined" ] || return 0
  in_pool "$CONTROLLER"
  echo "back in the pool, brick $(how)" >"$STATE/saw"
}
