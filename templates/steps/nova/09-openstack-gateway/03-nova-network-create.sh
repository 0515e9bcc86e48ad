# shellcheck shell=bash
# Creates the networks of the virtual machines, once for the cloud: a second one
# with the same addresses is an error, one with others a surprise. The manager
# `vlan` gets one for each project, one after the other, so that a killed run is
# resumed.

needs() {
  need "the database of Nova on $CONTROLLER" nova_schema_there
}

# networks CIDR: prints the VLAN of each network with these addresses.
networks() {
  nova-manage network list 2>/dev/null | awk -v cidr="$1" '
    { for (i = 1; i <= NF; i++) if ($i == cidr) { print $7; next } }'
}

check() {
  local n cidr size vlan label
  while read -r n cidr size vlan label; do
    [ "$(networks "$cidr")" = "$vlan" ] || return 1
  done < <(vm_networks)
}

# create NUMBER CIDR SIZE VLAN LABEL: the networks need different cloudpipe ports too,
# or Nova refuses the second one.
create() {
  if [ "$NETWORK_MANAGER" = vlan ]; then
    set -- "$@" --vlan="$4" --vpn=$((1000 + $1)) --bridge_interface="$(vm_nic)"
  else
    set -- "$@" --bridge="$VM_BRIDGE"
  fi
  [ -z "$MULTI_HOST" ] || set -- "$@" --multi_host=T
  nova-manage network create --label="$5" --fixed_range_v4="$2" --num_networks=1 --network_size="$3" "${@:6}"
}

apply() {
  local n cidr size vlan label
  # The list comes on another descriptor, because nova-manage may read standard
  # input.
  while read -r n cidr size vlan label <&4; do
    [ -n "$(networks "$cidr")" ] || create "$n" "$cidr" "$size" "$vlan" "$label"
  done 4< <(vm_networks)
}

verify() {
  local n cidr size vlan label found
  while read -r n cidr size vlan label; do
    found=$(networks "$cidr")
    [ "$found" != "$vlan" ] || continue
    case $found in
      '') echo "nova-manage network list shows 0 networks $cidr, expected one" ;;
      *$'\n'*) echo "nova-manage network list shows more than one network $cidr" ;;
      *) echo "the network $cidr has the VLAN $found, not $vlan: it was made for another manager; \`nova-manage network delete\` while no machine is in it" ;;
    esac
    nova-manage network list
    return 1
  done < <(vm_networks)
}
