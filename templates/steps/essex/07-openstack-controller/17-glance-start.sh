# shellcheck shell=bash
# Starts Glance: first the registry, which ends when MySQL is not up yet, then
# the API, which uses the registry.
verify_seconds=90
watched=yes

registry="/etc/glance/glance-registry.conf /etc/glance/glance-registry-paste.ini"
api="/etc/glance/glance-api.conf /etc/glance/glance-api-paste.ini /etc/glance/glance-cache.conf"

needs() {
  need "MySQL (tcp 3306)" port_open "$CONTROLLER" 3306
  need "the administrator to log in to Keystone" admin_logs_in
}

# shellcheck disable=SC2086 # lists
check() {
  served openstack-glance-registry $registry
  served openstack-glance-api $api
}

# shellcheck disable=SC2086 # lists
apply() {
  serve openstack-glance-registry $registry
  serve openstack-glance-api $api
}

verify() {
  check
  port_open "$NODE" 9191
  image_list
}
