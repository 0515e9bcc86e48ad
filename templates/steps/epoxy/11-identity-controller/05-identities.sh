# shellcheck shell=bash
# Makes the accounts of the services, and the catalog of their APIs.
verify_seconds=60

identities() {
  has_secrets GLANCE_SERVICE_PASSWORD PLACEMENT_SERVICE_PASSWORD NOVA_SERVICE_PASSWORD NEUTRON_SERVICE_PASSWORD \
    CINDER_SERVICE_PASSWORD || return 1
  be_admin || return 1
  want_role service || return 1
  want_user glance "$GLANCE_SERVICE_PASSWORD" service admin service || return 1
  want_user placement "$PLACEMENT_SERVICE_PASSWORD" service admin service || return 1
  want_user nova "$NOVA_SERVICE_PASSWORD" service admin service || return 1
  want_user neutron "$NEUTRON_SERVICE_PASSWORD" service admin service || return 1
  want_user cinder "$CINDER_SERVICE_PASSWORD" service admin service || return 1
  want_service glance image "http://$CONTROLLER:9292" || return 1
  want_service placement placement "http://$CONTROLLER:8778" || return 1
  want_service nova compute "http://$CONTROLLER:8774/v2.1" || return 1
  want_service neutron network "http://$CONTROLLER:9696" || return 1
  want_service cinder volumev3 "http://$CONTROLLER:8776/v3/%(project_id)s"
}

needs() {
  need "Keystone on port 5000" answers "http://$CONTROLLER:5000/v3"
}

# Nothing here disappears by itself, so after a boot the journal's entry is enough; the services prove it each time.
check() {
  [ "$(cat "$STATE/identities" 2>/dev/null)" = "$(passwords_mark)" ] && port_open "$NODE" 5000
}

# passwords_mark: prints a mark that changes when one of the passwords does.
passwords_mark() {
  printf '%s\n' "$GLANCE_SERVICE_PASSWORD" "$PLACEMENT_SERVICE_PASSWORD" "$NOVA_SERVICE_PASSWORD" "$NEUTRON_SERVICE_PASSWORD" \
    "$CINDER_SERVICE_PASSWORD" |
    sha256sum | cut -c 1-16
}

apply() {
  IDENTITY="make"
  identities
  passwords_mark | write_file "$STATE/identities" 0600
}

verify() {
  IDENTITY=look
  identities
}
