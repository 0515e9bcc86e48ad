# shellcheck shell=bash
# Logs in to the iSCSI target for the images, now and at every boot, and only through this
# one portal: a discovery would record, and log in to, whatever else the target has.
only_if="glance_target"
packages="iscsi-initiator-utils"
watched=yes
verify_seconds=60

initiator=$ROOT/etc/iscsi/initiatorname.iscsi

needs() {
  need "the iSCSI target at $(glance_portal) to answer" port_open "${GLANCE_TARGET%%:*}" "$(glance_portal | cut -d : -f 2)"
}

# record: prints the file in which iscsiadm keeps the target. Releases keep it in two
# different places.
record() {
  local file portal
  portal=$(glance_portal)
  for file in "$ROOT"/{var/lib,etc}/iscsi/nodes/"$GLANCE_IQN/${portal/:/,}",*/default; do
    [ ! -f "$file" ] || { printf '%s' "$file" && return 0; }
  done
  return 1
}

# wanted: prints what the record has to say besides the target's name. A password never
# goes onto the command line of iscsiadm, which everybody here can read.
wanted() {
  echo 'node.startup automatic'
  if [ -n "$GLANCE_CHAP_USER" ]; then
    echo 'node.session.auth.authmethod CHAP'
    printf 'node.session.auth.username %s\n' "$GLANCE_CHAP_USER"
    printf 'node.session.auth.password %s\n' "$GLANCE_CHAP_PASSWORD"
  else
    echo 'node.session.auth.authmethod None'
  fi
}

record_is_right() {
  local file key value
  file=$(record) || return 1
  while read -r key value; do
    [ "$(key_of "$file" "$key")" = "$value" ] || return 1
  done < <(wanted)
}

# The services that log in at boot, and mount what needs the network, as far as a release
# has them.
at_boot() {
  local name
  for name in iscsid iscsi netfs; do
    [ ! -e "$ROOT/etc/init.d/$name" ] && [ ! -e "$ROOT/usr/lib/systemd/system/$name.service" ] || echo "$name"
  done
}

check() {
  local name
  packages_installed
  [ -z "$GLANCE_CHAP_USER" ] || has_secrets GLANCE_CHAP_PASSWORD
  initiator_name | file_is "$initiator"
  record_is_right
  for name in $(at_boot); do
    service_enabled "$name"
  done
  glance_disk
}

# offer: prints the portal with its group, as the target offers it to this initiator.
offer() {
  local portal all found
  portal=$(glance_portal)
  all=$(iscsiadm -m discovery -t sendtargets -p "$portal" -o nonpersistent) || all=
  found=$(printf '%s\n' "$all" | awk -v portal="$portal," -v name="$GLANCE_IQN" 'index($1, portal) == 1 && $2 == name { print $1; exit }')
  [ -n "$found" ] || {
    echo "the target at $portal does not offer $GLANCE_IQN to $(initiator_name | cut -d = -f 2); let that initiator in there, by this name. It offers: ${all:-nothing}" >&2
    return 1
  }
  printf '%s' "$found"
}

apply() {
  local file name key value portal
  [ -z "$GLANCE_CHAP_USER" ] || has_secrets GLANCE_CHAP_PASSWORD
  install_packages
  if ! initiator_name | file_is "$initiator"; then
    initiator_name | write_file "$initiator" 0644
    # The daemon has read the old name.
    ! service_running iscsid || service iscsid restart
  fi
  for name in $(at_boot); do
    chkconfig "$name" on
  done
  if ! record >/dev/null; then
    portal=$(offer)
    iscsiadm -m node -o new -T "$GLANCE_IQN" -p "$portal"
  fi
  file=$(record)
  wanted | while read -r key value; do
    [ "$(key_of "$file" "$key")" = "$value" ] || set_key "$file" "$key" "$value"
  done
  chmod 0600 "$file"
  if ! glance_session >/dev/null && ! iscsiadm -m node -T "$GLANCE_IQN" -p "$(glance_portal)" --login; then
    echo "the target at $(glance_portal) does not let $(initiator_name | cut -d = -f 2) in at $GLANCE_IQN${GLANCE_CHAP_USER:+ as $GLANCE_CHAP_USER with the secret GLANCE_CHAP_PASSWORD (\`rackstart secrets set\`)}; see its list of initiators and its accounts"
    return 1
  fi
}

verify() {
  packages_arrived
  if ! glance_disk; then
    echo "$(glance_lun) is not there; the session has other LUNs: $(glance_luns)"
    return 1
  fi
  check
}
