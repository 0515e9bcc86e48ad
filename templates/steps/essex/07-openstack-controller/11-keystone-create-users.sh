# shellcheck shell=bash
# Fills Keystone with tenants, users, roles, services and endpoints, and looks
# for each first (lib/identity.sh). The paper runs keystone-init, which no
# longer exists.
#
# The role Member is for the dashboard, which gives it to the users that it
# creates.
apply_limit=600

needs() {
  need "Keystone (tcp 5000 and 35357)" keystone_answers
}

content() {
  local url=http://$CONTROLLER
  want_user "$ADMIN_USER" "$OS_PASSWORD" "$ADMIN_TENANT" admin || return 1
  want_role Member || return 1
  want_user "$GLANCE_USER" "$GLANCE_SERVICE_PASSWORD" "$SERVICE_TENANT" admin || return 1
  want_user "$NOVA_USER" "$NOVA_SERVICE_PASSWORD" "$SERVICE_TENANT" admin || return 1
  want_service keystone identity "$url:5000/v2.0" "$url:35357/v2.0" || return 1
  want_service nova compute "$url:8774/v2/%(tenant_id)s" || return 1
  want_service volume volume "$url:8776/v1/%(tenant_id)s" || return 1
  want_service glance image "$url:9292/v1" || return 1
  want_service ec2 ec2 "$url:8773/services/Cloud" "$url:8773/services/Admin"
}

check() {
  has_secrets KEYSTONE_ADMIN_TOKEN OS_PASSWORD GLANCE_SERVICE_PASSWORD NOVA_SERVICE_PASSWORD
  content
}

apply() {
  has_secrets KEYSTONE_ADMIN_TOKEN OS_PASSWORD GLANCE_SERVICE_PASSWORD NOVA_SERVICE_PASSWORD
  IDENTITY="make"
  content
}

verify() {
  content
}
