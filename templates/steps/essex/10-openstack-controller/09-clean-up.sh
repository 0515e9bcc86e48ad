# shellcheck shell=bash
# Removes the test machine, and records that this cloud was accepted. The paper
# leaves its machines there.
verify_seconds=120

check() {
  [ -e "$ACCEPTED" ]
}

# volume_gone: true also for a stuck volume, which waiting does not change.
volume_gone() {
  volume_is '' || volume_is error_deleting
}

# give_back: releases the floating address, where one was taken.
give_back() {
  [ -s "$FLOATING" ] || return 0
  nova_cli remove-floating-ip "$(cat "$MACHINE_ID")" "$(cat "$FLOATING")" || echo "the machine did not have it"
  nova_cli floating-ip-delete "$(cat "$FLOATING")" || echo "it was given back already"
  rm -f "$FLOATING"
}

# nova-volume overwrites a deleted volume with zeros, which takes a slow disk
# minutes.
apply() {
  local id
  if wanted boot; then
    ! volume_is in-use || { nova_cli volume-detach "$(machine id)" "$(volume 1)" && retry 60 volume_is available; }
    give_back
    no_way_to_machine
    for id in $(machine_ids); do
      nova_cli delete "$id"
    done
    retry 120 no_machine
    if ! volume_gone; then
      nova_cli volume-delete "$(volume 1)"
      retry 900 volume_gone || echo "the volume $MACHINE is $(volume 2) after 15 minutes; see /var/log/nova/volume.log"
    fi
    if ! volume_is ''; then
      echo "the volume $MACHINE is $(volume 2): \`nova-manage volume delete $(volume 1)\` tries once more, then \`rackstart-firstboot resume\`"
      return 1
    fi
    ! nova_cli keypair-list | grep -qF " $MACHINE " || nova_cli keypair-delete "$MACHINE"
    rm -f "$MACHINE_KEY" "$MACHINE_ID" "$STATE/acceptance-host"
  fi
  now | write_file "$ACCEPTED" 0600
}

verify() {
  check
  saw "accepted ${ACCEPTANCE:-without a test}, $(cat "$ACCEPTED")"
}
