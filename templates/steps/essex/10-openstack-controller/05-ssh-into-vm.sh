# shellcheck shell=bash
# Reaches the machine by ping and by ssh, with the key that Nova gave it, and checks
# from inside what users need: the metadata, a name, the outside. Then it does so
# once more by a floating address, where the cloud has any. The manager `flat` has
# no names and no floating addresses. With multi_host a floating address is on the
# public card of the node that the machine runs on, and only the gateway is known to
# have such a card.
verify_seconds=300

check() {
  ! wanted ssh
}

# floating_left: true when this cloud was given floating addresses (nova-manage
# floating create).
floating_left() {
  local list host
  ! site_is network_manager=flat || return 1
  if [ -n "$MULTI_HOST" ]; then
    host=$(machine OS-EXT-SRV-ATTR:host) && [ "$host" = "$GATEWAY" ] || return 1
  fi
  list=$(nova-manage floating list 2>/dev/null) || return 1
  printf '%s\n' "$list" | grep -qE '[0-9]+(\.[0-9]+){3}'
}

# One address is requested once, and noted before it is used.
apply() {
  wanted ssh || return 0
  floating_left || return 0
  local table
  if ! [ -s "$FLOATING" ]; then
    table=$(nova_cli floating-ip-create)
    printf '%s\n' "$table" | grep -oE '[0-9]+(\.[0-9]+){3}' | head -n 1 | write_file "$FLOATING" 0600
  fi
  # The machine may have it from an earlier try.
  machine_addresses | grep -qF "$(cat "$FLOATING")" ||
    nova_cli add-floating-ip "$(cat "$MACHINE_ID")" "$(cat "$FLOATING")"
}

# Names come from /etc/hosts of the machine's router, whose dnsmasq it uses.
name_is_found() {
  local found
  if site_is network_manager=flat; then
    saw "name: not asked, the manager flat has no dnsmasq"
    return 0
  fi
  found=$(in_machine "nslookup $CONTROLLER") || found=
  if ! printf '%s\n' "$found" | grep -qwF "$(address_of "$CONTROLLER")"; then
    echo "the machine does not find the name $CONTROLLER; see dnsmasq on $GATEWAY"
    return 1
  fi
  saw "name: $CONTROLLER is $(address_of "$CONTROLLER")"
}

# The result is compared with this node, which uses the same gateway: what this
# node cannot reach either is not a fault of the cloud.
outside_is_reached() {
  if ! ping -c 1 -W 5 "$OUTSIDE" >/dev/null; then
    saw "outside: not asked, this node does not reach $OUTSIDE either"
    return 0
  fi
  if ! in_machine "ping -c 1 $OUTSIDE" >/dev/null; then
    echo "this node reaches $OUTSIDE outside, the machine does not; see routing_source_ip in nova.conf of $GATEWAY, and iptables -t nat -S there"
    return 1
  fi
  saw "outside: $OUTSIDE answers"
}

floating_is_reached() {
  if ! [ -s "$FLOATING" ]; then
    case $NETWORK_MANAGER$MULTI_HOST in
      flat) saw "floating address: not asked, the manager flat has none" ;;
      *yes) saw "floating address: not asked, none in this cloud or the machine is not on $GATEWAY" ;;
      *) saw "floating address: none in this cloud (nova-manage floating create, on $GATEWAY)" ;;
    esac
    return 0
  fi
  ping -c 1 -W 5 "$(cat "$FLOATING")"
  told "floating address $(cat "$FLOATING")" 'uname -n' "$(cat "$FLOATING")"
}

verify() {
  wanted ssh || return 0
  local address
  address=$(machine_address)
  way_to_machine
  ping -c 1 -W 5 "$address"
  saw "ping to $address is answered"
  told ssh 'uname -sr'
  told metadata 'wget -q -O - http://169.254.169.254/latest/meta-data/instance-id'
  [ -z "$GATEWAY" ] || name_is_found
  [ -z "$GATEWAY" ] || outside_is_reached
  [ -z "$GATEWAY" ] || floating_is_reached
}
