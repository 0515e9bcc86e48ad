# shellcheck shell=bash
# Configures Nova on a compute node (lib/nova.sh). It has no account in Keystone,
# because no API runs here that would need one.

needs() {
  nova_config_needs
}

settings() {
  nova_settings
}

check() {
  nova_secrets
  settings_hold
}

apply() {
  nova_secrets
  write_settings
}

verify() {
  check
}
