# shellcheck shell=bash
# Moves the running machine to another compute node: that is the purpose of the
# shared store, the listening libvirtd and the same user everywhere. The paper
# never tries it.
verify_seconds=300

before=$STATE/acceptance-host

needs() {
  ! wanted migration || need "the machine to be ACTIVE" machine_is ACTIVE
}

check() {
  ! wanted migration
}

# was_on: prints where the machine was, or nothing when the note is about another
# machine.
was_on() {
  local id host
  { read -r id host <"$before"; } 2>/dev/null || return 0
  [ "$id" != "$(cat "$MACHINE_ID")" ] || printf '%s' "$host"
}

# The note comes first, because after a kill nothing else knows where the
# machine was. An attached volume would have to move too, so it is detached.
apply() {
  wanted migration || return 0
  local host from
  host=$(machine OS-EXT-SRV-ATTR:host)
  [ -n "$host" ]
  [ -n "$(was_on)" ] || printf '%s %s\n' "$(cat "$MACHINE_ID")" "$host" | write_file "$before" 0600
  from=$(was_on)
  if volume_is in-use; then
    nova_cli volume-detach "$(machine id)" "$(volume 1)"
    retry 60 volume_is available
  fi
  [ "$host" = "$from" ] || return 0
  for host in $COMPUTES; do
    if [ "$host" != "$from" ]; then
      nova_cli live-migration "$(cat "$MACHINE_ID")" "$host"
      return
    fi
  done
  echo "a single compute node has nowhere to move a machine to: leave \`migration\` out of \`acceptance\`"
  return 1
}

verify() {
  wanted migration || return 0
  local host from
  host=$(machine OS-EXT-SRV-ATTR:host)
  from=$(was_on)
  [ -n "$from" ]
  if [ "$host" = "$from" ] || ! machine_is ACTIVE; then
    echo "the machine is $(machine status) on $host, after $from; see /var/log/nova/compute.log there, and libvirtd's"
    return 1
  fi
  saw "live migration: from $from to $host, ACTIVE"
  [ -n "$MULTI_HOST" ] || return 0
  # Its new node is its router from now on, once its lease is renewed.
  way_to_machine
  ping -c 1 -W 5 "$(cat "$WAY")"
  saw "ping to $(cat "$WAY") by $host is answered"
}
