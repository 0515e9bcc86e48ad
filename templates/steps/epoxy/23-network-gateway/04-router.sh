# shellcheck shell=bash
# Starts the agent whose routers lead from the networks of projects to the network `public`, and translate floating
# addresses.
only_if="tenant_network"
verify_seconds=120
watched=yes

config=/etc/neutron/l3_agent.ini

settings() {
  setting "$config" DEFAULT interface_driver openvswitch
  setting "$config" DEFAULT agent_mode legacy
}

needs() {
  need "Neutron on $CONTROLLER (tcp 9696)" answers "http://$CONTROLLER:9696/"
}

installed_agents() {
  rpm -q neutron-l3-agent
}

check() {
  installed_agents
  settings_hold
  served neutron-l3-agent "$NEUTRON_CONF" "$config"
}

apply() {
  installed_agents >/dev/null || yum -y install neutron-l3-agent
  write_settings
  serve neutron-l3-agent "$NEUTRON_CONF" "$config"
}

# The socket is the agent's own work.
verify() {
  check
  [ -S "$ROOT/var/lib/neutron/keepalived-state-change" ]
}
