# shellcheck shell=bash
# Makes Keystone's tables, the keys of its tokens, and the first administrator.
apply_limit=3600

check() {
  schema_is_there keystone alembic_version project local_user
  [ -s "$ROOT/etc/keystone/fernet-keys/0" ] && [ -s "$ROOT/etc/keystone/credential-keys/0" ]
  [ -e "$STATE/keystone-bootstrapped" ]
}

apply() {
  own /var/log/keystone keystone:keystone
  make_schema keystone as_account keystone keystone-manage db_sync
  keystone-manage fernet_setup --keystone-user keystone --keystone-group keystone
  keystone-manage credential_setup --keystone-user keystone --keystone-group keystone
  # The password is passed in the environment, which only root can read. The command keeps
  # what exists.
  OS_BOOTSTRAP_PASSWORD=$OS_PASSWORD OS_BOOTSTRAP_USERNAME=$ADMIN_USER OS_BOOTSTRAP_PROJECT_NAME=$ADMIN_PROJECT \
    keystone-manage bootstrap --bootstrap-region-id "$REGION" \
    --bootstrap-admin-url "http://$CONTROLLER:5000/v3/" \
    --bootstrap-internal-url "http://$CONTROLLER:5000/v3/" \
    --bootstrap-public-url "http://$CONTROLLER:5000/v3/"
  # Keystone ends when its log belongs to root.
  chown -R keystone:keystone "$ROOT/var/log/keystone"
  now | write_file "$STATE/keystone-bootstrapped" 0600
}

verify() {
  check
}
