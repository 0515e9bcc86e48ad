# shellcheck shell=bash
# Makes the network of virtual machines, `public`: the provider's network, its addresses, and what the default
# security group of the administrator lets in.
verify_seconds=60

# rows KIND FIELD...: prints these fields of each row of Neutron's list.
rows() {
  network_api GET "/$1?name=public" </dev/null | json_rows "$1" "${@:2}"
}

# range: prints the router, and the first and the last address that machines get.
range() {
  python3 -c 'import ipaddress, sys
n = ipaddress.ip_network(sys.argv[1])
print(n[1], n[2], n[-2])' "$VM_CIDR"
}

rules_of_default() {
  network_api GET "/security-group-rules?security_group_id=$1&direction=ingress&ethertype=IPv4" </dev/null |
    json_rows security_group_rules protocol
}

# default_group: prints the id of the default security group in the administrator's project.
default_group() {
  local project
  project=$(keystone GET "/projects?name=$(url_part "$ADMIN_PROJECT")" </dev/null | json_rows projects id)
  network_api GET "/security-groups?name=default&project_id=$project" </dev/null | json_rows security_groups id
}

made() {
  [ -n "$(rows networks id)" ] && [ "$(rows subnets cidr)" = "$VM_CIDR" ]
}

check() {
  [ -e "$STATE/network-made" ]
}

apply() {
  local id router first last protocol group
  be_admin
  id=$(rows networks id)
  if [ -z "$id" ]; then
    id=$(printf '{"network": {"name": "public", "shared": true, "provider:network_type": "flat", "provider:physical_network": "provider"}}' |
      network_api POST /networks | json_rows network id)
  fi
  if [ -z "$(rows subnets id)" ]; then
    read -r router first last < <(range)
    printf '{"subnet": {"network_id": "%s", "name": "public", "ip_version": 4, "cidr": "%s", "gateway_ip": "%s", "allocation_pools": [{"start": "%s", "end": "%s"}]}}' \
      "$id" "$VM_CIDR" "$router" "$first" "$last" | network_api POST /subnets >/dev/null
  fi
  group=$(default_group)
  for protocol in icmp tcp; do
    ! rules_of_default "$group" | grep -qx "$protocol" || continue
    printf '{"security_group_rule": {"security_group_id": "%s", "direction": "ingress", "ethertype": "IPv4", "protocol": "%s"}}' \
      "$group" "$protocol" | network_api POST /security-group-rules >/dev/null
  done
  made
  now | write_file "$STATE/network-made" 0600
}

verify() {
  be_admin
  made
}
