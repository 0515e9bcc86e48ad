# shellcheck shell=bash
# Creates a volume of 1 GB in nova-volumes.
verify_seconds=120

check() {
  ! wanted volume
}

apply() {
  wanted volume || return 0
  local id
  # An earlier try may have left it.
  ! volume_is error || { nova_cli volume-delete "$(volume 1)" && retry 120 volume_is ''; }
  id=$(volume 1)
  [ -n "$id" ] || nova_cli volume-create --display_name "$MACHINE" 1
}

verify() {
  wanted volume || return 0
  if ! volume_is available && ! volume_is in-use; then
    echo "the volume $MACHINE is $(volume 2); see /var/log/nova/volume.log"
    return 1
  fi
  saw "volume created"
}
