# shellcheck shell=bash
# Checks whether the repositories of this node have OpenStack, before anything
# is built on it. The paper adds EPEL here, whose content has changed since and
# is gone today: a site installs the release that its own repository holds.

packages=$(packages_of_steps | tr '\n' ' ')

check() {
  packages_installed
}

# missing: prints what is neither installed nor on offer.
missing() {
  local name
  for name in $packages; do
    rpm -q "$name" >/dev/null || yum -q list available "$name" >/dev/null || echo "$name"
  done
}

apply() {
  yum -q clean expire-cache
}

verify() {
  local none
  none=$(missing)
  [ -n "$none" ] || return 0
  echo "no repository of this node has: ${none//$'\n'/ }"
  case $none in
    *openstack-nova-*) echo "Nova comes in these parts from 2012.1.1-10 of EPEL on (27 July 2012); take 2012.1.1-11 or later" ;;
  esac
  say_where_packages_come_from
  return 1
}
