# shellcheck shell=bash
# Reaches the machine by ping and by ssh, with the key that Nova gave it.
verify_seconds=300

check() {
  ! wanted ssh
}

apply() {
  :
}

verify() {
  wanted ssh || return 0
  local address
  address=$(machine_address)
  ping -c 1 -W 5 "$address"
  saw "ping to $address is answered; ssh: $(in_machine 'uname -sr')"
}
