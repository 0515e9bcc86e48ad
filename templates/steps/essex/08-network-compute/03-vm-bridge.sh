# shellcheck shell=bash
# Makes the bridge of the virtual machines (lib/bridge.sh): Nova's manager `flat`
# makes none. On the gateway it has the address that machines go out by. Gone after
# a boot, and made again.
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
