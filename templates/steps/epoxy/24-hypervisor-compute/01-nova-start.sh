# shellcheck shell=bash
# Starts nova-compute, over the mounted volume. Proved by what it claims of this node when it starts: its identity.
verify_seconds=240
watched=yes

needs() {
  need "Nova on $CONTROLLER (tcp 8774)" answers "http://$CONTROLLER:8774/"
  need "$INSTANCES to be mounted" mounted "$INSTANCES" fuse.glusterfs
}

check() {
  served nova-compute "$NOVA_CONF"
  port_open "$NODE" 16509
}

apply() {
  serve nova-compute "$NOVA_CONF"
}

verify() {
  check
  [ -n "$(keepsake_COMPUTE_ID)" ]
}
