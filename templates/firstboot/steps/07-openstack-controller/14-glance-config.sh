# shellcheck shell=bash
# Gives Glance its account in Keystone and its database.

folder=/etc/glance

# account FILE SECTION SPELLING: the account, in the spelling of the file's reader.
account() {
  setting "$1" "$2" admin_tenant_name "$("$3" "$SERVICE_TENANT")" || return 1
  setting "$1" "$2" admin_user "$("$3" "$GLANCE_USER")" || return 1
  setting "$1" "$2" admin_password "$("$3" "$GLANCE_SERVICE_PASSWORD")"
}

settings() {
  local database
  database=$(database_url glance "$GLANCE_MYSQL_PASSWORD")
  setting $folder/glance-api.conf paste_deploy flavor keystone || return 1
  # Essex reads it in glance-registry.conf, Folsom here.
  setting $folder/glance-api.conf DEFAULT sql_connection "$database" || return 1
  account $folder/glance-api-paste.ini filter:authtoken paste_value || return 1
  account $folder/glance-cache.conf DEFAULT oslo_value || return 1
  setting $folder/glance-registry.conf paste_deploy flavor keystone || return 1
  setting $folder/glance-registry.conf DEFAULT sql_connection "$database" || return 1
  account $folder/glance-registry-paste.ini filter:authtoken paste_value
}

check() {
  has_secrets GLANCE_MYSQL_PASSWORD GLANCE_SERVICE_PASSWORD
  settings_hold
}

apply() {
  has_secrets GLANCE_MYSQL_PASSWORD GLANCE_SERVICE_PASSWORD
  # Refused before anything is written.
  paste_value "$GLANCE_SERVICE_PASSWORD" >/dev/null
  paste_value "$GLANCE_USER" >/dev/null
  write_settings
}

verify() {
  check
}
