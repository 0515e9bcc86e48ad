# shellcheck shell=bash
# Starts the web server with the dashboard.
verify_seconds=60
watched=yes

config=/etc/openstack-dashboard/local_settings

needs() {
  need "Keystone on $CONTROLLER (tcp 5000)" port_open "$CONTROLLER" 5000
}

check() {
  served httpd $config
}

apply() {
  serve httpd $config
}

verify() {
  check
  local page
  page=$(curl --silent --show-error --fail --location --noproxy '*' --max-time 20 "http://$(address_of "$NODE")/dashboard")
  if ! printf '%s' "$page" | grep -qi 'name="password"'; then
    echo "http://$NODE/dashboard shows no login form; see /var/log/httpd"
    return 1
  fi
}
