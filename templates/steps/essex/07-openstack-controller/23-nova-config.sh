# shellcheck shell=bash
# Configures Nova here (lib/nova.sh), its account in Keystone, and who may use the
# message queue.

paste=/etc/nova/api-paste.ini
# The part of the user table that holds passwords only as the queue needs them.
users=/var/lib/qpidd/qpidd.sasldb

needs() {
  nova_config_needs
}

settings() {
  local section=filter:authtoken
  nova_settings || return 1
  # The metadata service is a process of its own; nova-api would take its port.
  setting /etc/nova/nova.conf DEFAULT enabled_apis ec2,osapi_compute,osapi_volume || return 1
  setting $paste $section admin_tenant_name "$SERVICE_TENANT" || return 1
  setting $paste $section admin_user "$NOVA_USER" || return 1
  setting $paste $section admin_password "$NOVA_SERVICE_PASSWORD" || return 1
  setting $paste $section auth_uri "http://$CONTROLLER:5000/" || return 1
  setting $paste $section auth_host "$CONTROLLER" || return 1
  setting $paste $section auth_port 35357 || return 1
  setting $paste $section auth_protocol http || return 1
}

queue_auth() {
  if [ "$SECURITY" = paper ]; then echo no; else echo yes; fi
}

# The queue's user file does not reveal its passwords, so a note says what it was
# made from.
queue_user() {
  printf '%s' "$QPID_PASSWORD" | sha256sum
}

# sasl: how users log in. The package's file names ANONYMOUS too, or nothing
# else, and then anybody is admitted.
sasl() {
  printf '%s\n' '# Written by rackstart-firstboot.' 'pwcheck_method: auxprop' 'auxprop_plugin: sasldb' "sasldb_path: $users" \
    'mech_list: PLAIN' 'sql_select: dummy select'
}

# acl: what users may do then, where this qpidd has the module for it.
acl() {
  printf '%s\n' '# Written by rackstart-firstboot.' 'acl allow nova@QPID all' 'acl deny all all'
}

has_acl() {
  local module
  for module in "$ROOT"/usr/lib*/qpid/daemon/acl.so; do
    [ ! -e "$module" ] || return 0
  done
  return 1
}

queue_is_right() {
  [ "$(key_of "$ROOT/etc/qpidd.conf" auth)" = "$(queue_auth)" ] || return 1
  [ "$SECURITY" != paper ] || return 0
  sasl | file_is "$ROOT/etc/sasl2/qpidd.conf" || return 1
  ! has_acl || { acl | file_is "$ROOT/etc/qpidd.acl" && [ "$(key_of "$ROOT/etc/qpidd.conf" acl-file)" = /etc/qpidd.acl ]; } || return 1
  [ -e "$ROOT$users" ] && [ "$(cat "$STATE/queue-user" 2>/dev/null)" = "$(queue_user)" ]
}

check() {
  nova_secrets
  has_secrets NOVA_SERVICE_PASSWORD
  settings_hold
  queue_is_right
}

apply() {
  nova_secrets
  has_secrets NOVA_SERVICE_PASSWORD
  write_settings
  # Not `auth = no`, because qpidd takes blanks as part of the name.
  set_line "$ROOT/etc/qpidd.conf" auth "auth=$(queue_auth)"
  if [ "$SECURITY" != paper ] && ! queue_is_right; then
    sasl | write_file "$ROOT/etc/sasl2/qpidd.conf" 0644
    if has_acl; then
      acl | write_file "$ROOT/etc/qpidd.acl" 0644
      set_line "$ROOT/etc/qpidd.conf" acl-file acl-file=/etc/qpidd.acl
    fi
    printf '%s' "$QPID_PASSWORD" | saslpasswd2 -p -c -f "$ROOT$users" -u QPID nova
    chown qpidd:qpidd "$ROOT$users"
    chmod 0600 "$ROOT$users"
    queue_user | write_file "$STATE/queue-user" 0600
  fi
}

verify() {
  check
}
