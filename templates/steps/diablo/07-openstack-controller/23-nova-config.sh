# shellcheck shell=bash
# Writes nova.conf (lib/release-2011.sh), and makes the API ask who somebody is: api-paste.ini comes with pipelines of
# `noauth`, by which everybody who reaches the port is an administrator, whatever nova.conf says.

paste=/etc/nova/api-paste.ini

needs() {
  nova_config_needs
}

settings() {
  paste_setting $paste pipeline:ec2cloud pipeline "logrequest authenticate cloudrequest authorizer ec2executor" || return 1
  paste_setting $paste pipeline:ec2admin pipeline "logrequest authenticate adminrequest authorizer ec2executor" || return 1
  paste_setting $paste pipeline:openstackapi10 pipeline "faultwrap auth ratelimit osapiapp10" || return 1
  paste_setting $paste pipeline:openstackapi11 pipeline "faultwrap auth ratelimit extensions osapiapp11" || return 1
}

check() {
  nova_secrets
  nova_conf_is_right
  settings_hold
}

apply() {
  nova_secrets
  write_nova_conf
  write_settings
}

verify() {
  check
}
