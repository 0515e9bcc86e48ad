# shellcheck shell=bash
# Neutron's settings: what all nodes share, and what only the controller knows.

NEUTRON_CONF=/etc/neutron/neutron.conf
ML2_CONF=/etc/neutron/plugins/ml2/ml2_conf.ini
OVS_CONF=/etc/neutron/plugins/ml2/openvswitch_agent.ini

neutron_settings() {
  setting "$NEUTRON_CONF" DEFAULT core_plugin ml2
  setting "$NEUTRON_CONF" DEFAULT service_plugins "${TENANT_NETWORK:+router}"
  setting "$NEUTRON_CONF" DEFAULT auth_strategy keystone
  setting "$NEUTRON_CONF" DEFAULT transport_url "$(transport_url)"
  setting "$NEUTRON_CONF" DEFAULT state_path /var/lib/neutron
  setting "$NEUTRON_CONF" DEFAULT log_dir /var/log/neutron
  setting "$NEUTRON_CONF" oslo_concurrency lock_path /var/lib/neutron/lock
  setting "$NEUTRON_CONF" agent root_helper "sudo /usr/bin/neutron-rootwrap /etc/neutron/rootwrap.conf"
}

neutron_controller_settings() {
  setting "$NEUTRON_CONF" DEFAULT notify_nova_on_port_status_changes true
  setting "$NEUTRON_CONF" DEFAULT notify_nova_on_port_data_changes true
  setting "$NEUTRON_CONF" DEFAULT dhcp_agents_per_network 1
  setting "$NEUTRON_CONF" DEFAULT api_workers "${API_PROCESSES:-4}"
  setting "$NEUTRON_CONF" DEFAULT rpc_workers "${API_PROCESSES:-2}"
  setting "$NEUTRON_CONF" DEFAULT rpc_state_report_workers 0
  setting "$NEUTRON_CONF" database connection "$(database_url neutron neutron "$NEUTRON_DB_PASSWORD")"
  token_settings "$NEUTRON_CONF" neutron "$NEUTRON_SERVICE_PASSWORD"
  account_settings "$NEUTRON_CONF" nova nova "$NOVA_SERVICE_PASSWORD"
  setting "$NEUTRON_CONF" nova region_name "$REGION"
  account_settings "$NEUTRON_CONF" placement placement "$PLACEMENT_SERVICE_PASSWORD"
  setting "$NEUTRON_CONF" placement region_name "$REGION"
  uwsgi_settings neutron
  without_apparmor neutron
}

ml2_settings() {
  setting "$ML2_CONF" ml2 type_drivers flat,vxlan,geneve
  setting "$ML2_CONF" ml2 tenant_network_types "${TENANT_NETWORK:-flat}"
  setting "$ML2_CONF" ml2 mechanism_drivers openvswitch
  setting "$ML2_CONF" ml2 extension_drivers port_security
  setting "$ML2_CONF" ml2_type_flat flat_networks provider
  if [ -n "$TENANT_NETWORK" ]; then
    setting "$ML2_CONF" "ml2_type_$TENANT_NETWORK" vni_ranges 1:65535
  fi
  setting "$ML2_CONF" securitygroup enable_security_group true
}

switch_settings() {
  setting "$OVS_CONF" ovs integration_bridge br-int
  setting "$OVS_CONF" ovs bridge_mappings "provider:$VM_BRIDGE"
  setting "$OVS_CONF" ovs datapath_type "$DATAPATH"
  setting "$OVS_CONF" agent tunnel_types "$TENANT_NETWORK"
  [ -z "$TENANT_NETWORK" ] || setting "$OVS_CONF" ovs local_ip "$(tunnel_address)"
  setting "$OVS_CONF" securitygroup enable_security_group true
  setting "$OVS_CONF" securitygroup firewall_driver "$(switch_firewall)"
}

# switch_firewall: the flows of the switch drop what no security group admits. The datapath of Open vSwitch in user
# space was never tried with them, so there nothing is dropped.
switch_firewall() {
  if [ "$DATAPATH" = netdev ]; then echo noop; else echo openvswitch; fi
}

# tunnel_address: prints the address of this node in the network of tunnels, which has the same place there as its
# address in the LAN.
tunnel_address() {
  python3 -c 'import ipaddress, sys
lan, tunnels = (ipaddress.ip_network(text) for text in sys.argv[2:])
address = tunnels[0] + (int(ipaddress.ip_address(sys.argv[1])) - int(lan[0]))
sys.exit("%s has no place in the network of tunnels %s" % (sys.argv[1], tunnels)) if address not in tunnels else print(address)
' "$ADDRESS" "$LAN_CIDR" "$TUNNEL_CIDR"
}

# network_api METHOD PATH
network_api() {
  admin "$1" "http://$CONTROLLER:9696/v2.0$2"
}

# agent_alive NAME HOST: true when Neutron says that this agent of the host is alive.
agent_alive() {
  network_api GET "/agents?host=$2&binary=$1" </dev/null | json_rows agents alive | grep -qx True
}

# provider_card: prints the card that carries the network of virtual machines.
provider_card() {
  printf '%s' "${VM_INTERFACE:-$LAN_NIC}"
}
