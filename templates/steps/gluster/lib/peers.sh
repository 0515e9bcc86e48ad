# shellcheck shell=bash
# Which nodes came to a running cloud and which left it: what the site file says,
# compared with what GlusterFS knows.

# late_peers: prints the compute nodes whose glusterd answers and that are in no pool
# yet.
late_peers() {
  local peer known
  known=$'\n'$(peers | cut -f 1)$'\n'
  for peer in $COMPUTES; do
    case $known in *$'\n'"$peer"$'\n'* | *$'\n'"$(address_of "$peer")"$'\n'*) continue ;; esac
    ! port_open "$peer" 24007 || printf '%s\n' "$peer"
  done
}

# peer_rows: prints one line for each peer: `up` or `down`, and every name that it has.
peer_rows() {
  gluster_do peer status | awk '
    function flush() { if (names != "") print state names; names = ""; state = "down"; other = 0 }
    /^Hostname: /   { flush(); names = " " $2; next }
    /^State: /      { state = /\(Connected\)/ ? "up" : "down"; next }
    /^Other names:/ { other = 1; next }
    /^[ \t]*$/      { other = 0; next }
    other           { names = names " " $1 }
    END             { flush() }'
}

# hosts_of_site: prints every name and address of the site's nodes on one line.
hosts_of_site() {
  local node
  for node in $NODES; do
    printf ' %s %s' "$node" "$(address_of "$node")"
  done
}

# former_peers: prints the rows of the peers that are no longer in the site
# file.
former_peers() {
  local row name ours
  ours=$(hosts_of_site)
  peer_rows | while read -r row; do
    for name in ${row#* }; do
      ! is_among "$name" "$ours" || continue 2
    done
    printf '%s\n' "$row"
  done
}

# strange_bricks: prints the hosts of bricks of any volume that no node of the site
# has. It fails where GlusterFS does not answer.
strange_bricks() {
  local info host ours
  info=$(gluster_do volume info) || return 1
  ours=$(hosts_of_site)
  printf '%s\n' "$info" | sed -n 's/^Brick[0-9][0-9]*: \([^ ]*\):\/.*/\1/p' | sort -u | while read -r host; do
    is_among "$host" "$ours" || printf '%s\n' "$host"
  done
}

# holds_brick NAME...: true when the peer with these names holds a brick, or when
# nobody knows whose a brick is. Up to 3.5 GlusterFS itself does not check when a peer
# is removed by force.
holds_brick() {
  local hosts host known
  hosts=$(strange_bricks) || return 0
  known=" $(peer_rows | cut -d ' ' -f 2- | tr '\n' ' ') "
  for host in $hosts; do
    case " $* " in *" $host "*) return 0 ;; esac
    case $known in *" $host "*) ;; *) return 0 ;; esac
  done
  return 1
}

# leaving: prints the rows of the former peers that hold no brick and can be removed
# today. A peer that is up is removed without force, which needs all the others to
# be up.
leaving() {
  local state names others
  former_peers | while read -r state names; do
    # shellcheck disable=SC2086 # a list
    ! holds_brick $names || continue
    others=$(peer_rows | grep -vxF "$state $names" | grep -c '^down ' || :)
    [ "$state" = down ] || [ "$others" = 0 ] || continue
    printf '%s %s\n' "$state" "$names"
  done
}

# volume_bricks: prints the bricks of the volume, HOST:PATH.
volume_bricks() {
  gluster_do volume info "$VOLUME" 2>/dev/null | sed -n 's/^Brick[0-9][0-9]*: \([^ ]*\).*/\1/p'
}

# bricks_of_site: prints how many of these belong to nodes of the site.
bricks_of_site() {
  volume_bricks | awk -F : -v nodes=" $NODES " 'index(nodes, " " $1 " ") { n++ } END { print n + 0 }'
}

# copies_of_volume: prints the number that it was made with, as in `2 x 4 = 8`, or that of
# the whole copies, as in `1 x (2 + 1) = 3`.
copies_of_volume() {
  volume_field "$VOLUME" "Number of Bricks" | tr -d '()' | awk '{ print ($2 == "x") ? $3 : 1 }'
}

# brick_of NAME: prints the brick of the node as the volume names it.
brick_of() {
  printf '%s:%s/brick\n' "$1" "$BRICK_MOUNT"
}

# arbiter_of N: prints the brick of the Nth set that holds names and no data, so that
# two copies have a majority.
arbiter_of() {
  printf '%s:%s/set%s\n' "$CONTROLLER" "$ARBITER_MOUNT" "$1"
}

# late_sets: prints one line of bricks for each whole set of bricks that the volume
# lacks, in the order of the site file, whose nodes are all connected. The volume's own
# sets stay as they are, whichever node has left since, and it keeps its number of
# copies.
late_sets() {
  local present name late='' sets
  [ "$(copies_of_volume)" = "$REPLICA" ] || return 0
  present=$'\n'$(volume_bricks)$'\n'
  sets=$(printf '%s' "$present" | grep -cF ":${ARBITER_MOUNT:-/none}/" || :)
  for name in $COMPUTES; do
    case $present in *$'\n'"$(brick_of "$name")"$'\n'*) ;; *) late="$late $name" ;; esac
  done
  # shellcheck disable=SC2086 # a list
  set -- $late
  while [ $# -ge "$REPLICA" ]; do
    late=''
    for name in "${@:1:REPLICA}"; do
      ! peer_connected "$name" || late="$late $(brick_of "$name")"
    done
    shift "$REPLICA"
    [ "$(printf '%s' "$late" | wc -w)" -ge "$REPLICA" ] || continue
    sets=$((sets + 1))
    printf '%s\n' "$late${ARBITER_MOUNT:+ $(arbiter_of "$sets")}"
  done
}
