# shellcheck shell=bash
# What the OpenStack steps have in common: where each service is, and its accounts.

# database_url NAME PASSWORD
database_url() {
  printf '%s' "mysql://$1:$(url_part "$2")@$CONTROLLER/$1"
}

# login USER PASSWORD TENANT: prints a token of Keystone.
login() {
  local answer
  answer=$(printf '{"auth": {"passwordCredentials": {"username": %s, "password": %s}, "tenantName": %s}}' \
    "$(quoted "$1")" "$(quoted "$2")" "$(quoted "$3")" |
    http POST "http://$(address_of "$CONTROLLER"):5000/v2.0/tokens") || return 1
  printf '%s' "$answer" | json_rows access token.id
}

# keystone_answers: true when both of its ports answer. It does not use /v2.0/,
# which answers 501 until the catalog has an endpoint of Keystone itself.
keystone_answers() {
  local port
  for port in 5000 35357; do
    http GET "http://$(address_of "$CONTROLLER"):$port/v2.0/extensions" </dev/null >/dev/null || return 1
  done
}

# admin_logs_in: the condition `identity.seeded`.
admin_logs_in() {
  [ -n "$(login "$ADMIN_USER" "$OS_PASSWORD" "$ADMIN_TENANT")" ]
}

# nova_cli WORD...: runs the nova command as the cloud's administrator; the
# password is in its environment, which only root can read.
nova_cli() {
  OS_USERNAME=$ADMIN_USER OS_PASSWORD=$OS_PASSWORD OS_TENANT_NAME=$ADMIN_TENANT \
    OS_AUTH_URL=http://$CONTROLLER:5000/v2.0/ OS_REGION_NAME=$REGION timeout 120 nova "$@"
}
