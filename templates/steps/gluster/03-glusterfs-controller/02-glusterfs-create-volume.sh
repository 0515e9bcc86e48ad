# shellcheck shell=bash
# Creates and starts the volume that holds the virtual machines. It never uses
# `force` on create: that would override the refusal of a brick on the root
# disk, or of one that belongs to another volume.
verify_seconds=120

# shellcheck disable=SC2086 # BRICKS is a list
needs() {
  need_names
  volume_exists "$VOLUME" || need_each "peer % to be connected" peer_connected $BRICKS
}

# The list holds addresses, because 3.3 accepts neither networks nor names here.
allowed() {
  local name list=127.0.0.1
  for name in $NODES; do
    list=$list,$(address_of "$name")
  done
  printf '%s' "$list"
}

# Sets of $REPLICA copies each, one after the other, and an arbiter after each where the site has them.
bricks() {
  local peer number=0
  for peer in $BRICKS; do
    brick_of "$peer"
    number=$((number + 1))
    [ -z "${ARBITER_MOUNT:-}" ] || [ $((number % REPLICA)) -ne 0 ] || arbiter_of $((number / REPLICA))
  done
}

# A reinstalled controller gets the volume from its peers. If it does not, the
# virtual machines are still on the bricks of the others.
nobody_has_it() {
  local peer
  for peer in $COMPUTES; do
    if gluster_on "$peer" volume info "$VOLUME" 2>/dev/null | grep -q '^Status: '; then
      echo "volume $VOLUME is there already, $peer says, but its peers did not tell this controller of it: it is not made a second time"
      echo "\`gluster peer status\` here and on $peer shows who rejects whom; docs/firstboot.md, \"A node that comes back\""
      return 1
    fi
  done
}

# option NAME VALUE: sets the option unless it has that value already.
option() {
  [ "$(volume_field "$VOLUME" "$1")" = "$2" ] || gluster_do volume set "$VOLUME" "$1" "$2"
}

# auth.allow is set last: where it is right, all the others were tried.
options_set() {
  [ "$(volume_field "$VOLUME" storage.owner-uid)" = "$NOVA_UID" ] &&
    [ "$(volume_field "$VOLUME" auth.allow)" = "$(allowed)" ]
}

set_options() {
  if [ "$SECURITY" != paper ] && [ -e "$ROOT/var/lib/glusterd/groups/virt" ]; then
    gluster_do volume set "$VOLUME" group virt
    # The group sends every read over the network; the paper's reason for a
    # replica on each node is that reads stay local.
    option cluster.choose-local on || echo "before 3.4 GlusterFS knows no cluster.choose-local, nor does the group"
  fi
  option nfs.disable on || echo "nfs.disable is not known to this GlusterFS; there is nothing to switch off"
  option storage.owner-uid "$NOVA_UID"
  option storage.owner-gid "$NOVA_UID"
  option auth.allow "$(allowed)"
}

check() {
  volume_started "$VOLUME"
  options_set
}

# shellcheck disable=SC2046,SC2086 # words and lists
apply() {
  local copies=
  if ! volume_exists "$VOLUME"; then
    # With one brick there is nothing to replicate, and 1 is refused.
    nobody_has_it
    [ "$REPLICA" -lt 2 ] || copies="replica $REPLICA"
    [ -z "${ARBITER_MOUNT:-}" ] || copies="replica $((REPLICA + 1)) arbiter 1"
    gluster_do volume create "$VOLUME" $copies $(bricks)
  fi
  options_set || set_options
  # `force` on start is harmless: it revives bricks of a volume that runs.
  gluster_do volume start "$VOLUME" force
}

verify() {
  volume_started "$VOLUME"
  local online expected
  # The brick of a node which has left may be up or down.
  expected=$(bricks_of_site)
  online=$(bricks_online "$VOLUME")
  if [ "$online" -lt "$expected" ]; then
    echo "$online of $expected bricks of $VOLUME are online"
    gluster_do volume status "$VOLUME"
    return 1
  fi
}
