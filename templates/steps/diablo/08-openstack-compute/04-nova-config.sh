# shellcheck shell=bash
# Writes nova.conf of a compute node (lib/release-2011.sh).

needs() {
  nova_config_needs
}

check() {
  nova_secrets
  nova_conf_is_right
}

apply() {
  nova_secrets
  write_nova_conf
}

verify() {
  check
}
