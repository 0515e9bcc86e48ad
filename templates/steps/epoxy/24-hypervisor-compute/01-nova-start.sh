# shellcheck shell=bash
# Starts nova-compute, over the mounted volume. It is verified by what Nova says: the service is up, and Nova has
# heard of it since it was started here. Nova calls a service up for a minute after its power is gone.
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

# heard: prints when Nova last heard of this node's service, and its state.
heard() {
  ADMIN_TOKEN=$(token_of nova "$NOVA_SERVICE_PASSWORD" service) || return 1
  admin GET "http://$CONTROLLER:8774/v2.1/os-services?binary=nova-compute&host=$NODE" </dev/null |
    json_rows services updated_at state
}

verify() {
  local row since
  check
  [ -n "$(keepsake_COMPUTE_ID)" ]
  row=$(heard)
  since=$(date -u -r "$STATE/served/nova-compute" +%Y-%m-%dT%H:%M:%S)
  case $row in *'	up') ;; *) echo "Nova says of nova-compute on $NODE: ${row:-nothing}" && return 1 ;; esac
  if [[ $row < $since ]]; then
    echo "Nova has heard nothing of nova-compute on $NODE since $since: $row"
    return 1
  fi
}
