# shellcheck shell=bash
# Gives Glance its account in Keystone and its database.

folder=/etc/glance

# account FILE SECTION
account() {
  setting "$1" "$2" admin_tenant_name "$SERVICE_TENANT" || return 1
  setting "$1" "$2" admin_user "$GLANCE_USER" || return 1
  setting "$1" "$2" admin_password "$GLANCE_SERVICE_PASSWORD"
}

settings() {
  local database
  database=$(database_url glance "$GLANCE_MYSQL_PASSWORD")
  setting $folder/glance-api.conf paste_deploy flavor keystone || return 1
  # Essex reads it in glance-registry.conf, Folsom here.
  setting $folder/glance-api.conf DEFAULT sql_connection "$database" || return 1
  account $folder/glance-api-paste.ini filter:authtoken || return 1
  account $folder/glance-cache.conf DEFAULT || return 1
  setting $folder/glance-registry.conf paste_deploy flavor keystone || return 1
  setting $folder/glance-registry.conf DEFAULT sql_connection "$database" || return 1
  account $folder/glance-registry-paste.ini filter:authtoken
}

check() {
  has_secrets GLANCE_MYSQL_PASSWORD GLANCE_SERVICE_PASSWORD
  settings_hold
}

apply() {
  has_secrets GLANCE_MYSQL_PASSWORD GLANCE_SERVICE_PASSWORD
  write_settings
}

verify() {
  check
}
