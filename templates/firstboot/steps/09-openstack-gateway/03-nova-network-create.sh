# shellcheck shell=bash
# Creates the network of the virtual machines, once for the cloud: a second one
# of the same addresses is an error, of others a surprise.

needs() {
  need "the database of Nova on $CONTROLLER" nova_schema_there
}

# networks: prints how many there are with these addresses.
networks() {
  nova-manage network list 2>/dev/null | awk -v cidr="$VM_CIDR" '
    { for (i = 1; i <= NF; i++) if ($i == cidr) { n++; next } }
    END { print n + 0 }'
}

# addresses: prints how many the network has, by the length of its prefix.
addresses() {
  printf '%s' $((1 << (32 - ${VM_CIDR##*/})))
}

check() {
  [ "$(networks)" = 1 ]
}

apply() {
  ! check || return 0
  nova-manage network create --label=public --fixed_range_v4="$VM_CIDR" --num_networks=1 \
    --network_size="$(addresses)" --bridge="$VM_BRIDGE"
}

verify() {
  local found
  found=$(networks)
  if [ "$found" != 1 ]; then
    echo "nova-manage network list shows $found networks $VM_CIDR, expected one"
    nova-manage network list
    return 1
  fi
}
