# shellcheck shell=bash
# Starts Glance: first the registry, which ends when MySQL is not up yet, then the API, which uses the registry.
verify_seconds=90
watched=yes

needs() {
  need "MySQL (tcp 3306)" port_open "$CONTROLLER" 3306
}

check() {
  served openstack-glance-registry /etc/glance/glance-registry.conf
  served openstack-glance-api /etc/glance/glance-api.conf
}

apply() {
  serve openstack-glance-registry /etc/glance/glance-registry.conf
  serve openstack-glance-api /etc/glance/glance-api.conf
}

verify() {
  check
  port_open "$NODE" 9191
  image_list
}
