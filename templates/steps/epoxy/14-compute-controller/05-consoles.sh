# shellcheck shell=bash
# Starts the proxy that shows the console of a machine in a browser. It is on the controller, because it looks tokens up
# in Nova's database; people reach it through the gateway.
packages="openstack-nova-novncproxy"
verify_seconds=90
watched=yes

# Debian's package brings proxies of three kinds, and this file says which of them is started.
kind=$(file_of nova-consoleproxy)

is_chosen() {
  [ -z "$kind" ] || [ "$(key_of "$ROOT$kind" NOVA_CONSOLE_PROXY_TYPE)" = novnc ]
}

# shellcheck disable=SC2086 # a list
check() {
  packages_installed
  is_chosen
  served nova-novncproxy "$NOVA_CONF" $kind
  port_open "$NODE" 6080
}

# shellcheck disable=SC2086 # a list
apply() {
  install_packages
  is_chosen || set_line "$ROOT$kind" NOVA_CONSOLE_PROXY_TYPE NOVA_CONSOLE_PROXY_TYPE=novnc
  serve nova-novncproxy "$NOVA_CONF" $kind
}

verify() {
  check
  curl --silent --show-error --fail --noproxy '*' --max-time 20 "http://$CONTROLLER:6080/$CONSOLE_PAGE" | grep -qi novnc
}
