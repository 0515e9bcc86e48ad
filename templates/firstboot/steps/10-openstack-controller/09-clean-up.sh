# shellcheck shell=bash
# Takes the machine of the tests away, and notes that this cloud was accepted.
# Not in the paper, which leaves its machines there.
verify_seconds=120

check() {
  [ -e "$ACCEPTED" ]
}

machine_gone() {
  ! nova_cli list | grep -qF " $MACHINE "
}

volume_gone() {
  [ -z "$(volume 1)" ]
}

apply() {
  if wanted boot; then
    ! volume_is in-use || { nova_cli volume-detach "$(machine id)" "$(volume 1)" && retry 60 volume_is available; }
    machine_gone || nova_cli delete "$MACHINE"
    retry 120 machine_gone
    volume_gone || nova_cli volume-delete "$(volume 1)"
    retry 60 volume_gone
    ! nova_cli keypair-list | grep -qF " $MACHINE " || nova_cli keypair-delete "$MACHINE"
    rm -f "$MACHINE_KEY" "$STATE/acceptance-host"
  fi
  now | write_file "$ACCEPTED" 0600
}

verify() {
  check
  saw "accepted ${ACCEPTANCE:-without a test}, $(cat "$ACCEPTED")"
}
