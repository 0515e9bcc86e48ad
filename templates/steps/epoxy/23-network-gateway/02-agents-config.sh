# shellcheck shell=bash
# Installs and configures the agents that give machines their addresses and their metadata.
packages="openstack-neutron"
verify_seconds=30

dhcp=/etc/neutron/dhcp_agent.ini
metadata=/etc/neutron/metadata_agent.ini

settings() {
  setting "$dhcp" DEFAULT interface_driver openvswitch
  setting "$dhcp" DEFAULT dhcp_driver neutron.agent.linux.dhcp.Dnsmasq
  setting "$dhcp" DEFAULT enable_isolated_metadata true
  setting "$dhcp" DEFAULT force_metadata true
  setting "$metadata" DEFAULT nova_metadata_host "$CONTROLLER"
  setting "$metadata" DEFAULT metadata_proxy_shared_secret "$METADATA_SECRET"
  setting "$metadata" DEFAULT metadata_workers "${API_PROCESSES:-2}"
}

check() {
  has_secrets METADATA_SECRET
  installed_agents
  settings_hold
  owned "$metadata" root:neutron 640
}

installed_agents() {
  rpm -q neutron-dhcp-metadata-agents
}

apply() {
  installed_agents >/dev/null || yum -y install neutron-dhcp-metadata-agents
  write_settings
  readable_by neutron "$metadata"
}

verify() {
  check
}
