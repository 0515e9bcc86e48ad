# shellcheck shell=bash
# Attaches the volume to the machine. The device name is only a request: the
# machine chooses its own.
verify_seconds=180

check() {
  ! wanted volume
}

apply() {
  wanted volume || return 0
  ! volume_is available || nova_cli volume-attach "$(machine id)" "$(volume 1)" /dev/vdc
}

verify() {
  wanted volume || return 0
  local host
  host=$(machine OS-EXT-SRV-ATTR:host)
  if ! volume_is in-use; then
    echo "the volume $MACHINE is $(volume 2), not in-use; see /var/log/nova/compute.log on $host"
    return 1
  fi
  saw "volume in use by the machine on $host"
}
