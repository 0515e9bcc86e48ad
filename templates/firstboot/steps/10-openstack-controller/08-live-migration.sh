# shellcheck shell=bash
# Moves the running machine to another compute node: what the shared store, the
# listening libvirtd and the same user everywhere are for. The paper never tries.
verify_seconds=300

before=$STATE/acceptance-host

needs() {
  ! wanted migration || need "the machine to be ACTIVE" machine_is ACTIVE
}

check() {
  ! wanted migration
}

# Noted first: after a kill nobody else knows where it was. A volume that is
# attached would have to move too, so it is taken off.
apply() {
  wanted migration || return 0
  local host
  [ -e "$before" ] || machine OS-EXT-SRV-ATTR:host | write_file "$before" 0600
  if volume_is in-use; then
    nova_cli volume-detach "$(machine id)" "$(volume 1)"
    retry 60 volume_is available
  fi
  [ "$(machine OS-EXT-SRV-ATTR:host)" = "$(cat "$before")" ] || return 0
  for host in $COMPUTES; do
    if [ "$host" != "$(cat "$before")" ]; then
      nova_cli live-migration "$MACHINE" "$host"
      return
    fi
  done
  echo "a single compute node has nowhere to move a machine to: leave \`migration\` out of \`acceptance\`"
  return 1
}

verify() {
  wanted migration || return 0
  local host
  host=$(machine OS-EXT-SRV-ATTR:host)
  if [ "$host" = "$(cat "$before")" ] || ! machine_is ACTIVE; then
    echo "the machine is $(machine status) on $host, as before; see /var/log/nova/compute.log there, and libvirtd's"
    return 1
  fi
  saw "live migration: from $(cat "$before") to $host, ACTIVE"
}
