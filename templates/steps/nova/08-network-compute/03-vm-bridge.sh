# shellcheck shell=bash
# Makes the bridge of the virtual machines (lib/bridge.sh), because Nova's manager
# `flat` makes none. On the gateway the bridge has the address that machines use as
# their router. It is gone after a reboot, and is made again.
watched=yes
only_if="network_manager=flat"

needs() {
  nova_config_needs
}

check() {
  bridge_is_whole
}

apply() {
  make_bridge
}

verify() {
  check
}
