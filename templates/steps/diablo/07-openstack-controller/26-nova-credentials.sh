# shellcheck shell=bash
# Makes the administrator and his project, and unpacks their credentials to /root/creds, as in the manual. Nova makes
# the keys at random; nova-manage would take others only on its command line.
packages="euca2ools unzip"
verify_seconds=60

zip=$CREDENTIALS/novacreds.zip
novarc=$ROOT$CREDENTIALS/novarc

needs() {
  need "the tables of Nova" nova_schema_there
  # It makes the certificate authority of the cloud when it starts.
  need "the certificate authority of Nova (/var/lib/nova/CA)" [ -e "$ROOT/var/lib/nova/CA/cacert.pem" ]
}

# keys: prints the administrator's keys as Nova has them; of a user that it does not know it says something else.
keys() {
  nova-manage user exports "$ADMIN_USER" 2>/dev/null
}

has_project() {
  nova-manage project list "$ADMIN_USER" 2>/dev/null | grep -qxF "$ADMIN_PROJECT"
}

# value_of NAME: takes the value of an `export` from standard input.
value_of() {
  sed -n "s/^export $1=//p" | tr -d '"' | head -n 1
}

# credentials_are_right: true when the unpacked ones have today's keys.
credentials_are_right() {
  local text access secret
  [ -e "$novarc" ] || return 1
  text=$(keys) || return 1
  access=$(printf '%s\n' "$text" | value_of EC2_ACCESS_KEY)
  secret=$(printf '%s\n' "$text" | value_of EC2_SECRET_KEY)
  [ -n "$secret" ] || return 1
  [ "$(value_of EC2_ACCESS_KEY <"$novarc")" = "$access:$ADMIN_PROJECT" ] || return 1
  [ "$(value_of EC2_SECRET_KEY <"$novarc")" = "$secret" ]
}

check() {
  packages_installed
  has_project
  credentials_are_right
  owned_below /var/lib/nova/CA nova:nova
}

# What nova-manage prints has the secret key, so nobody gets to see it.
apply() {
  install_packages
  keys >/dev/null || nova-manage user admin "$ADMIN_USER" >/dev/null
  has_project || nova-manage project create "$ADMIN_PROJECT" "$ADMIN_USER"
  if ! credentials_are_right; then
    (
      umask 077
      mkdir -p "$ROOT$CREDENTIALS"
      nova-manage project zipfile "$ADMIN_PROJECT" "$ADMIN_USER" "$ROOT$zip" >/dev/null
      unzip -q -o "$ROOT$zip" -d "$ROOT$CREDENTIALS"
    )
  fi
  # Which were root's until now, and the API signs with them.
  chown -R nova:nova "$ROOT/var/lib/nova/CA" "$ROOT/var/log/nova"
}

verify() {
  check
  euca euca-describe-availability-zones
}
