# shellcheck shell=bash
# Asks every service that the cloud needs whether it is alive, once, by the manual's own ways of looking: the table of
# services, and the version.
verify_seconds=120
only_if="acceptance"

asked=$STATE/accepted-services

needs() {
  local node
  wanted services || return 0
  for node in $COMPUTES; do
    need "nova-compute on $node" nova_alive nova-compute "$node" || :
  done
  need "nova-network on $GATEWAY" nova_alive nova-network "$GATEWAY" || :
}

check() {
  ! wanted services || [ -e "$asked" ]
}

apply() {
  nova-manage version list | write_file "$asked" 0600
}

verify() {
  local list
  check
  wanted services || return 0
  list=$(nova-manage service list 2>/dev/null)
  if printf '%s\n' "$list" | grep XXX; then
    echo "these services of Nova are not alive"
    return 1
  fi
  saw "$(cat "$asked")"
  saw "$list"
}
