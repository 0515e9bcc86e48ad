# shellcheck shell=bash
# Starts the web server with the dashboard, and verifies it by its form for logging in, and the way to the consoles by
# the page that shows one.
verify_seconds=120
watched=yes

files="/etc/openstack-dashboard/local_settings.d/_9999_rackstart.py $(file_of consoles-httpd)"

needs() {
  need "Keystone on $CONTROLLER (tcp 5000)" answers "http://$CONTROLLER:5000/v3"
  need "the consoles on $CONTROLLER (tcp 6080)" answers "http://$CONTROLLER:6080/"
}

# shellcheck disable=SC2086 # a list
check() {
  served httpd $files
  port_open "$NODE" 80
  port_open "$NODE" 6080
}

# shellcheck disable=SC2086 # a list
apply() {
  serve httpd $files
}

# dashboard_path: prints where the package of this distribution has it.
dashboard_path() {
  if is_debian; then echo /horizon; else echo /dashboard; fi
}

# page URL: prints what a browser gets there.
page() {
  curl --silent --show-error --fail --location --noproxy '*' --max-time 60 "$1"
}

verify() {
  check
  local url
  url=http://$(address_of "$NODE")$(dashboard_path)
  if ! page "$url/auth/login/" | grep -qi 'name="password"'; then
    echo "$url shows no form for logging in; see the log of the web server"
    return 1
  fi
  page "http://$(address_of "$NODE"):6080/$CONSOLE_PAGE" | grep -qi novnc
}
