# shellcheck shell=bash
# Queries of the local glusterd, written against the output of GlusterFS 3.3 and
# 10.3. The state text of an answer decides, because several commands return 0
# for a rejected peer.

# Brick ports of 3.4 and later. The range that GlusterFS would choose starts at
# 49152 like libvirt's migration ports (49152-49215), so ours starts above
# those.
BRICK_PORT_MIN=49252
BRICK_PORT_MAX=49351

# The CLI gives up by itself after 120 s; this limit is for a CLI that does not.
gluster_do() {
  timeout 150 gluster --mode=script "$@"
}

# peers: prints one line `NAME<tab>STATE` for every name of every peer.
peers() {
  gluster_do peer status | names_and_states
}

names_and_states() {
  awk '
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
  gluster_do peer status | state_of "$1"
}

# state_of NAME: prints the state of a peer from the answer on standard input.
state_of() {
  names_and_states | awk -F '\t' -v name="$1" -v address="$(address_of "$1")" '
    $1 == name || $1 == address { print $2; exit }'
}

# in_pool NAME: true when NAME belongs to the trusted pool, reachable or not.
in_pool() {
  case $(peer_state "$1") in "Peer in Cluster ("*) return 0 ;; esac
  return 1
}

peer_connected() {
  [ "$(peer_state "$1")" = "Peer in Cluster (Connected)" ]
}

# shake_hands: starts glusterd anew, sure of its peers. Those that have accepted it are written down as members: two
# that have only accepted each other and connect at the same moment each wait for the other's answer for ever ("Sent and
# Received peer request"), after every restart again; one that is sure answers. States: 3 in the cluster, 4 accepted,
# 5 sent and received (glusterd-sm.h).
shake_hands() {
  local file
  service glusterd stop
  for file in "$ROOT"/var/lib/glusterd/peers/*; do
    [ ! -f "$file" ] || sed -i 's/^state=[45]$/state=3/' "$file"
  done
  service glusterd start
}

# gluster_on NAME WORDS...: sends a query to the glusterd of another node, which
# answers read-only queries of anybody. It fails soon when that node is not
# there.
gluster_on() {
  local name=$1
  shift
  port_open "$name" 24007 && gluster_do "--remote-host=$name" "$@"
}

# keepsake_GLUSTER_UUID: prints what the server stores, and gives back after a
# reimage.
keepsake_GLUSTER_UUID() {
  own_identity
}

# own_identity: prints the UUID by which its peers know this node, or nothing.
own_identity() {
  key_of "$ROOT/var/lib/glusterd/glusterd.info" UUID
}

has_peers() {
  ls "$ROOT/var/lib/glusterd/peers/"* >/dev/null 2>&1
}

# become UUID: gives this node the identity that it had before it was
# reinstalled. glusterd writes its file itself first: from a file with nothing
# but a UUID, it would conclude that it is an upgraded 3.3, and keep to what
# that knew. Meanwhile no other node can reach it, because to them it would be a
# stranger.
become() {
  local info=$ROOT/var/lib/glusterd/glusterd.info config=$ROOT/etc/glusterfs/glusterd.vol
  ! service_running glusterd || service glusterd stop
  if [ -z "$(own_identity)" ]; then
    awk '/bind-address 127/ { next }
      /^end-volume/ { print "    option transport.socket.bind-address 127.0.0.1" }
      { print }' "$config" | write_file "$config" 0644
    service glusterd start
    retry 20 makes_identity
    service glusterd stop
    grep -v 'bind-address 127' "$config" | write_file "$config" 0644
  fi
  set_line "$info" UUID "UUID=$1"
  echo "this node is $1 to its GlusterFS peers, as it was before"
}

# 3.3 has an identity from its start and does not know the query.
makes_identity() {
  [ -n "$(own_identity)" ] || gluster_do system:: uuid get
}

# brick_runs PATH: true when the process of this node's brick exists. glusterd
# is not asked, because its answer locks the whole pool.
brick_runs() {
  cat "$ROOT"/proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' | awk -v path="$1" '
    last == "--brick-name" && $0 == path { found = 1 }
    { last = $0 }
    END { exit !found }'
}

# volume_field VOLUME NAME: prints the value of a line `NAME: value` in the
# volume's description, which is also the form of its options.
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

# bricks_online VOLUME: prints how many bricks have a running process. It uses
# the `detail` form, because the table wraps long names over two lines.
bricks_online() {
  gluster_do volume status "$1" detail | grep -c '^Online *: Y' || :
}
