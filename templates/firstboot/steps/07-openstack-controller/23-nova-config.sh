# shellcheck shell=bash
# Configures Nova here (lib/nova.sh), its account in Keystone, who may use the
# message queue, and where the iSCSI target finds the volumes.

paste=/etc/nova/api-paste.ini
targets=$ROOT/etc/tgt/targets.conf
# A part of the table of users, which holds passwords only as the queue wants them.
users=/var/lib/qpidd/qpidd.sasldb
include='include /etc/nova/volumes/*'

needs() {
  nova_config_needs
}

settings() {
  local section=filter:authtoken
  nova_settings || return 1
  # The metadata service is one of its own; nova-api would take its port.
  setting /etc/nova/nova.conf DEFAULT enabled_apis ec2,osapi_compute,osapi_volume || return 1
  setting $paste $section admin_tenant_name "$(paste_value "$SERVICE_TENANT")" || return 1
  setting $paste $section admin_user "$(paste_value "$NOVA_USER")" || return 1
  setting $paste $section admin_password "$(paste_value "$NOVA_SERVICE_PASSWORD")" || return 1
  setting $paste $section auth_uri "http://$CONTROLLER:5000/" || return 1
  setting $paste $section auth_host "$CONTROLLER" || return 1
  setting $paste $section auth_port 35357 || return 1
  setting $paste $section auth_protocol http || return 1
}

queue_auth() {
  if [ "$SECURITY" = paper ]; then echo no; else echo yes; fi
}

# The file of the queue's users tells no password: what it was made from is noted.
queue_user() {
  printf '%s' "$QPID_PASSWORD" | sha256sum
}

queue_is_right() {
  [ "$(key_of "$ROOT/etc/qpidd.conf" auth)" = "$(queue_auth)" ] || return 1
  [ "$SECURITY" != paper ] || return 0
  [ -e "$ROOT$users" ] && [ "$(cat "$STATE/queue-user" 2>/dev/null)" = "$(queue_user)" ]
}

check() {
  nova_secrets
  has_secrets NOVA_SERVICE_PASSWORD
  settings_hold
  queue_is_right
  grep -qxF "$include" "$targets"
}

apply() {
  nova_secrets
  has_secrets NOVA_SERVICE_PASSWORD
  # Refused before anything is written.
  paste_value "$NOVA_SERVICE_PASSWORD" >/dev/null
  paste_value "$NOVA_USER" >/dev/null
  write_settings
  # Not `auth = no`: qpidd takes blanks for a part of the name.
  set_line "$ROOT/etc/qpidd.conf" auth "auth=$(queue_auth)"
  if [ "$SECURITY" != paper ] && ! queue_is_right; then
    printf '%s' "$QPID_PASSWORD" | saslpasswd2 -p -c -f "$ROOT$users" -u QPID nova
    chown qpidd:qpidd "$ROOT$users"
    chmod 0600 "$ROOT$users"
    queue_user | write_file "$STATE/queue-user" 0600
  fi
  grep -qxF "$include" "$targets" || { cat "$targets" && printf '%s\n' "$include"; } | write_file "$targets" keep
}

verify() {
  check
}
