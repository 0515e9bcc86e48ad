# shellcheck shell=bash
# Checks whether every service of the cloud is alive, then boots the small
# image. It uses m1.tiny, where the paper has m1.small, whose 2 GB are half of a
# compute node.
verify_seconds=600
packages="openssh-clients"

# shellcheck disable=SC2086 # COMPUTES is a list
needs() {
  if wanted services || wanted boot; then
    need_each "nova-compute on %" compute_alive $COMPUTES
    if [ -n "$MULTI_HOST" ]; then
      need_each "nova-network on %" network_alive $COMPUTES
    else
      [ -z "$GATEWAY" ] || need "nova-network on $GATEWAY" nova_alive nova-network "$GATEWAY"
    fi
  fi
  if wanted boot && [ -n "$GATEWAY" ]; then
    need "the consoles of $GATEWAY (tcp 6080)" port_open "$GATEWAY" 6080
  fi
  ! wanted boot || need "the network $VM_NETWORK of virtual machines" network_there
}

compute_alive() {
  nova_alive nova-compute "$1"
}

network_alive() {
  nova_alive nova-network "$1"
}

# network_there: looks for the last network, which is made last.
network_there() {
  nova-manage network list 2>/dev/null | grep -qwF "$(vm_networks | awk 'END { print $2 }')"
}

check() {
  if wanted services || wanted boot; then return 1; fi
}

# A key of an earlier, killed try is replaced, since its private half is lost, and
# so is the machine that has it.
apply() {
  wanted boot || return 0
  install_packages
  if ! nova_cli keypair-list | grep -qF " $MACHINE " || ! [ -s "$MACHINE_KEY" ]; then
    nova_cli keypair-delete "$MACHINE" || echo "there was no such key"
    nova_cli keypair-add "$MACHINE" | write_file "$MACHINE_KEY" 0600
    rm -f "$MACHINE_ID"
  fi
  machine_is ACTIVE || boot_another
}

# boot_another: removes what an earlier try has left, even a machine in BUILD:
# when a message was lost on the way, it stays in that state. Nova deletes later
# than it says.
boot_another() {
  local id table
  for id in $(machine_ids); do
    nova_cli delete "$id"
  done
  retry 120 no_machine
  rm -f "$STATE/acceptance-host"
  table=$(nova_cli boot --image "$CIRROS_IMAGE" --flavor m1.tiny --key_name "$MACHINE" "$MACHINE")
  id=$(printf '%s\n' "$table" | shown id)
  [ -n "$id" ]
  printf '%s\n' "$id" | write_file "$MACHINE_ID" 0600
}

# console_answers: true when Nova hands out an address with a token, and the proxy
# answers.
console_answers() {
  local table url
  table=$(nova_cli get-vnc-console "$(cat "$MACHINE_ID")" novnc) || return 1
  url=$(printf '%s\n' "$table" | shown novnc)
  case $url in
    "http://$(public_address):6080/"*token=?*) ;;
    *)
      echo "nova get-vnc-console shows no address of the proxy with a token; see /var/log/nova/consoleauth.log"
      return 1
      ;;
  esac
  if ! port_open "$GATEWAY" 6080; then
    echo "the proxy of consoles on $GATEWAY (tcp 6080) does not answer"
    return 1
  fi
  # A caller with the token is admitted.
  saw "console: ${url%%token=*}token=..., answered by $GATEWAY"
}

verify() {
  local list
  if wanted services; then
    list=$(nova-manage service list 2>/dev/null)
    if printf '%s\n' "$list" | grep XXX; then
      echo "these services of Nova are not alive"
      return 1
    fi
    saw "$list"
  fi
  wanted boot || return 0
  local state host address
  state=$(machine status) || state=gone
  host=$(machine OS-EXT-SRV-ATTR:host) || host=
  if [ "$state" != ACTIVE ]; then
    echo "the machine $MACHINE is $state; see nova show $MACHINE, and /var/log/nova${host:+ on $host}"
    # A machine in this state never leaves it.
    [ "$state" != ERROR ] || boot_another
    return 1
  fi
  address=$(machine_address)
  [ -n "$address" ]
  saw "image $CIRROS_IMAGE: machine ACTIVE on $host, $address"
  [ -z "$GATEWAY" ] || console_answers
}
