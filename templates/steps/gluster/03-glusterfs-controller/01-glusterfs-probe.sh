# shellcheck shell=bash
# Brings every compute node into the trusted pool. Only the state that the pool
# shows counts, because a probe returns 0 for a rejected peer too.
verify_seconds=120

# shellcheck disable=SC2086 # COMPUTES is a list
needs() {
  need_names
  # A running cloud does not wait for a node that is added to it.
  volume_exists "$VOLUME" || need_each "glusterd on % (tcp 24007)" glusterd_open $COMPUTES
}

glusterd_open() {
  port_open "$1" 24007
}

# awaited PEER: 03-glusterfs-grow admits nodes that come after the volume was
# made.
awaited() {
  ! volume_exists "$VOLUME" || glusterd_open "$1"
}

check() {
  local peer
  for peer in $COMPUTES; do
    in_pool "$peer" || ! awaited "$peer" || return 1
  done
}

apply() {
  local peer
  for peer in $COMPUTES; do
    in_pool "$peer" || ! awaited "$peer" || retry 30 gluster_do peer probe "$peer"
  done
  # A peer that knew this node already is admitted only by a new handshake.
  retry 5 check || shake_hands
}

verify() {
  local peer
  for peer in $COMPUTES; do
    if ! peer_connected "$peer" && awaited "$peer"; then
      echo "peer $peer: $(peer_state "$peer"), expected Peer in Cluster (Connected)"
      gluster_do peer status
      return 1
    fi
  done
}
