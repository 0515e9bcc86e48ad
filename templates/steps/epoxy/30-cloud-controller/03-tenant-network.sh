# shellcheck shell=bash
# Makes a network in tunnels, `private`, and a router from there to `public`, where floating addresses come from.
only_if="tenant_network"
verify_seconds=600

needs() {
  need "Neutron's L3 agent on $GATEWAY" agent_alive neutron-l3-agent "$GATEWAY" || :
}

check() {
  [ -e "$STATE/tenant-network-made" ]
}

# id_of KIND NAME: prints the id of the one of that name in Neutron's list.
id_of() {
  network_api GET "/$1?name=$2" </dev/null | json_rows "$1" id
}

# interfaces ROUTER: prints the state of each port of the router in a network of projects.
interfaces() {
  network_api GET "/ports?device_id=$1&device_owner=network:router_interface" </dev/null | json_rows ports status
}

apply() {
  local public private subnet router
  be_admin
  public=$(id_of networks public)
  printf '{"network": {"router:external": true}}' | network_api PUT "/networks/$public" >/dev/null
  private=$(id_of networks private)
  [ -n "$private" ] || private=$(printf '{"network": {"name": "private", "shared": true, "provider:network_type": "%s"}}' "$TENANT_NETWORK" |
    network_api POST /networks | json_rows network id)
  subnet=$(id_of subnets private)
  [ -n "$subnet" ] || subnet=$(printf '{"subnet": {"network_id": "%s", "name": "private", "ip_version": 4, "cidr": "%s"}}' "$private" "$TENANT_CIDR" |
    network_api POST /subnets | json_rows subnet id)
  router=$(id_of routers router)
  [ -n "$router" ] || router=$(printf '{"router": {"name": "router", "external_gateway_info": {"network_id": "%s"}}}' "$public" |
    network_api POST /routers | json_rows router id)
  [ -n "$(interfaces "$router")" ] || printf '{"subnet_id": "%s"}' "$subnet" |
    network_api PUT "/routers/$router/add_router_interface" >/dev/null
  now | write_file "$STATE/tenant-network-made" 0600
}

# A port is active once the agent has plugged it in.
verify() {
  check
  be_admin
  [ "$(interfaces "$(id_of routers router)")" = ACTIVE ]
}
