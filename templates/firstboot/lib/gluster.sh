# shellcheck shell=bash
# Questions to the local glusterd. Written against the output of GlusterFS 3.3
# and 10.3; an answer is judged by its state text, because several commands
# return 0 for a peer that was rejected.

# Bricks of 3.4 and later. The range that GlusterFS would choose starts at 49152
# like libvirt's migration ports (49152-49215), so ours starts above those.
BRICK_PORT_MIN=49252
BRICK_PORT_MAX=49351

# The CLI gives up by itself after 120 s; this is for the day that it does not.
gluster_do() {
  timeout 150 gluster --mode=script "$@"
}

# peers: prints one line `NAME<tab>STATE` for every name of every peer.
peers() {
  gluster_do peer status | awk '
    function flush(i) { for (i = 1; i <= n; i++) print names[i] "\t" state; n = 0; state = "" }
    /^Hostname: /   { flush(); other = 0; names[++n] = $2; next }
    /^State: /      { state = substr($0, 8); next }
    /^Other names:/ { other = 1; next }
    /^[ \t]*$/      { other = 0; next }
    other           { names[++n] = $1 }
    END             { flush() }'
}

# peer_state NAME: prints the state of a peer, by its name or its address.
peer_state() {
  peers | awk -F '\t' -v name="$1" -v address="$(address_of "$1")" '
    $1 == name || $1 == address { print $2; exit }'
}

# in_pool NAME: NAME belongs to the trusted pool, reachable or not.
in_pool() {
  case $(peer_state "$1") in "Peer in Cluster ("*) return 0 ;; esac
  return 1
}

peer_connected() {
  [ "$(peer_state "$1")" = "Peer in Cluster (Connected)" ]
}

# volume_field VOLUME NAME: prints a line `NAME: value` of the volume's
# description, which is also the form of its options.
volume_field() {
  gluster_do volume info "$1" 2>/dev/null | awk -F ': ' -v name="$2" '
    $1 == name { sub(/^[^:]*: /, ""); sub(/[ \t\r]+$/, ""); print; exit }'
}

volume_exists() {
  [ -n "$(volume_field "$1" Status)" ]
}

volume_started() {
  [ "$(volume_field "$1" Status)" = Started ]
}

# bricks_online VOLUME: prints how many bricks have a running process. The
# `detail` form is asked because the table wraps long names over two lines.
bricks_online() {
  gluster_do volume status "$1" detail | grep -c '^Online *: Y' || :
}
