# shellcheck shell=bash
# Tells the dashboard where Keystone is. In the paper every user that is created
# in the dashboard also gets the role `admin`, the name of a tenant: here that
# stays Member, which is not an administrator.

config=$ROOT/etc/openstack-dashboard/local_settings

check() {
  [ "$(key_of "$config" OPENSTACK_HOST)" = "$(python_string "$CONTROLLER")" ]
  [ "$(key_of "$config" OPENSTACK_KEYSTONE_DEFAULT_ROLE)" = "$(python_string Member)" ]
  [ -z "${DASHBOARD_SECRET_KEY:-}" ] || [ "$(key_of "$config" SECRET_KEY)" = "$(python_string "$DASHBOARD_SECRET_KEY")" ]
  owned /etc/openstack-dashboard/local_settings root:apache 640
}

apply() {
  set_key "$config" OPENSTACK_HOST "$(python_string "$CONTROLLER")"
  set_key "$config" OPENSTACK_KEYSTONE_DEFAULT_ROLE "$(python_string Member)"
  [ -z "${DASHBOARD_SECRET_KEY:-}" ] || set_key "$config" SECRET_KEY "$(python_string "$DASHBOARD_SECRET_KEY")"
  own /etc/openstack-dashboard/local_settings root:apache 640
}

# It is compiled from standard input, so nothing is left beside the file.
verify() {
  check
  python -c 'import sys; compile(sys.stdin.read(), "local_settings", "exec")' <"$config"
}
