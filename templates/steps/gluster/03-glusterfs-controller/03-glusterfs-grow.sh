# shellcheck shell=bash
# Admits compute nodes that came after the volume was made, adds bricks when a
# whole set of them is there, and removes peers that have left the site file. It
# never removes bricks: that moves data, and a person decides it
# (docs/operation.md, "Remove a node").
verify_seconds=120
watched=yes

needs() {
  need "the volume $VOLUME" volume_started "$VOLUME"
}

check() {
  [ -z "$(late_peers)" ]
  [ -z "$(leaving)" ]
  [ -z "$(late_sets)" ]
}

apply() {
  local peer state bricks
  for peer in $(late_peers); do
    gluster_do peer probe "$peer"
    retry 30 peer_connected "$peer"
  done
  leaving | while read -r state peer _; do
    if [ "$state" = down ]; then
      # No other peer has to be told. GlusterFS demands less then, so all conditions were checked
      # here.
      gluster_do peer detach "$peer" force
    else
      gluster_do peer detach "$peer"
    fi
  done
  late_sets | while read -r bricks; do
    # shellcheck disable=SC2086 # a list
    gluster_do volume add-brick "$VOLUME" $bricks
    # New files may go there. Existing files stay where they are: a running machine has its disk
    # open.
    gluster_do volume rebalance "$VOLUME" fix-layout start
  done
}

verify() {
  local peer
  check
  for peer in $(former_peers | cut -d ' ' -f 2); do
    echo "$peer is in no site file and still a peer: it has a brick, or another peer is down; see \"Remove a node\" in docs/operation.md" >>"$STATE/saw"
  done
  if [ "$(copies_of_volume)" != "$REPLICA" ]; then
    echo "$VOLUME was made with $(copies_of_volume) copies, and the site file means $REPLICA: no brick is added" >>"$STATE/saw"
  fi
}
