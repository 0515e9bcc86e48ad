# shellcheck shell=bash
# Who came to a cloud that runs and who left it: what the site file says against what
# GlusterFS knows.

# late_peers: prints the compute nodes whose glusterd is there and that no pool has yet.
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

# former_peers: prints the rows of the peers that are in no site file any more.
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
# has. Fails where GlusterFS does not tell.
strange_bricks() {
  local info host ours
  info=$(gluster_do volume info) || return 1
  ours=$(hosts_of_site)
  printf '%s\n' "$info" | sed -n 's/^Brick[0-9][0-9]*: \([^ ]*\):\/.*/\1/p' | sort -u | while read -r host; do
    is_among "$host" "$ours" || printf '%s\n' "$host"
  done
}

# holds_brick NAME...: the peer of these names, or nobody knows whose it is. Up to 3.5
# GlusterFS does not look itself, when a peer is put out by force.
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

# leaving: the rows of the former peers that hold no brick and can be put out today.
# One that is up goes without force, which takes that all the others are up.
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

# copies_of_volume: prints the number it was made with, as in `2 x 4 = 8`.
copies_of_volume() {
  volume_field "$VOLUME" "Number of Bricks" | awk '{ print ($2 == "x") ? $3 : 1 }'
}

# brick_of NAME: as the volume calls it.
brick_of() {
  printf '%s:%s/brick\n' "$1" "$BRICK_MOUNT"
}

# late_sets: prints one line of bricks for each whole set of those that the volume
# lacks, in the order of the site file, whose nodes are all connected. Its own sets stay
# as they are, whoever has left since, and a volume keeps its number of copies.
late_sets() {
  local present name late=''
  [ "$(copies_of_volume)" = "$REPLICA" ] || return 0
  present=$'\n'$(volume_bricks)$'\n'
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
    [ "$(printf '%s' "$late" | wc -w)" -lt "$REPLICA" ] || printf '%s\n' "$late"
  done
}
