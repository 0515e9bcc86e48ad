# shellcheck shell=bash
# Nova and Glance 2011.3, where they differ from what the step set `nova` says of their successors. The name of this
# file comes after those of that set, whose functions it replaces.

# nova.conf is a flag file of python-gflags: a line `--NAME=VALUE` for each, without sections.
NOVA_CONF=/etc/nova/nova.conf

# The services of Nova that write rules into the packet filter, and the beginning of the names of their chains.
NOVA_RULES="openstack-nova-network:nova-network- openstack-nova-compute:nova-compute-"

# Its library adds an ending to the name of a lock that has one already.
NOVA_LOCK=$ROOT/var/lib/nova/tmp/nova-iptables.lock.lock

# glance_token: without Keystone, Glance knows no users, and reads no token.
glance_token() {
  printf none
}

# hypervisor: what the site says, else kvm where the processor can, else qemu, which is slow but works.
hypervisor() {
  if [ -n "$HYPERVISOR_TYPE" ]; then
    printf '%s' "$HYPERVISOR_TYPE"
  elif grep -qE '^flags.*(vmx|svm)' "$ROOT/proc/cpuinfo"; then
    echo kvm
  else
    echo qemu
  fi
}

# public_address: prints the address at which people reach the consoles.
public_address() {
  printf '%s' "${PUBLIC_ADDRESS:-$(address_of "$CONTROLLER")}"
}

# instances_are_there: where machines lie is mounted, the share where there is one.
instances_are_there() {
  if [ "$SHARED_INSTANCES" = nfs ]; then
    mounted "$INSTANCES" nfs4
  else
    [ -z "$(fstab_lines "$INSTANCES")" ] || mounted "$INSTANCES"
  fi
}

# source_address: prints the address that virtual machines have on the outside.
source_address() {
  local address=
  [ -z "$PUBLIC_NIC" ] || address=$(address_on "$PUBLIC_NIC")
  printf '%s' "${address:-$ADDRESS}"
}

nova_secrets() {
  has_secrets NOVA_MYSQL_PASSWORD RABBIT_PASSWORD
}

rabbit_user() {
  if [ "$SECURITY" = paper ]; then echo guest; else echo nova; fi
}

# flag NAME VALUE: prints one flag. Nova takes `$` for the name of another one.
flag() {
  local value
  value=$(nova_value "$2") || {
    echo "$NOVA_CONF: --$1 cannot be written" >&2
    return 1
  }
  printf -- '--%s=%s\n' "$1" "$value"
}

# network_flags: who gives addresses to virtual machines, and on which cards.
network_flags() {
  case $NETWORK_MANAGER in
    flatdhcp) flag network_manager nova.network.manager.FlatDHCPManager || return 1 ;;
    vlan) flag network_manager nova.network.manager.VlanManager || return 1 ;;
    flat) flag network_manager nova.network.manager.FlatManager || return 1 ;;
    *) echo "there is no manager of networks called $NETWORK_MANAGER" >&2 && return 1 ;;
  esac
  [ -z "$MULTI_HOST" ] || flag multi_host true || return 1
  flag network_host "$GATEWAY" || return 1
  flag fixed_range "$VM_NETWORK" || return 1
  flag network_size "$(vm_networks | awk 'NR == 1 { print $3 }')" || return 1
  if [ "$NETWORK_MANAGER" = vlan ]; then
    flag vlan_interface "$(vm_nic)" || return 1
    flag vlan_start "$VLAN_START" || return 1
  else
    flag flat_network_bridge "$VM_BRIDGE" || return 1
    [ "$NETWORK_MANAGER" = flat ] || flag flat_interface "$(vm_nic)" || return 1
  fi
  if [ "$NETWORK_MANAGER" = flat ]; then
    flag flat_injected true || return 1
    flag injected_network_template "$INJECTED" || return 1
  fi
  flag public_interface "${PUBLIC_NIC:-$LAN_NIC}" || return 1
  flag routing_source_ip "$(source_address)" || return 1
}

# nova_flags: prints nova.conf of this node. Nova 2011.3 ignores a flag that it does not know, so a wrong name is no
# error anywhere: every name here is one that its source defines.
nova_flags() {
  local controller metadata
  controller=$(address_of "$CONTROLLER")
  metadata=$(metadata_host)
  echo '# Written by rackstart-firstboot; a change made here does not last.'
  flag verbose true || return 1
  flag logdir /var/log/nova || return 1
  flag state_path /var/lib/nova || return 1
  flag lock_path /var/lib/nova/tmp || return 1
  flag dhcpbridge_flagfile "$NOVA_CONF" || return 1
  flag dhcpbridge /usr/bin/nova-dhcpbridge || return 1
  flag api_paste_config /etc/nova/api-paste.ini || return 1
  flag credentials_template /usr/share/nova/novarc.template || return 1
  flag host "$NODE" || return 1
  flag my_ip "$ADDRESS" || return 1
  flag sql_connection "$(database_url nova "$NOVA_MYSQL_PASSWORD")" || return 1
  flag rabbit_host "$controller" || return 1
  flag rabbit_userid "$(rabbit_user)" || return 1
  flag rabbit_password "$RABBIT_PASSWORD" || return 1
  # Nova's own users. Without the pipelines of api-paste.ini this flag changes what is in the credentials, and nothing
  # about who is admitted.
  flag use_deprecated_auth true || return 1
  # Addresses alone: Nova puts http:// before them itself.
  flag ec2_host "$controller" || return 1
  flag osapi_host "$controller" || return 1
  flag s3_host "$controller" || return 1
  flag s3_dmz "$controller" || return 1
  flag image_service nova.image.glance.GlanceImageService || return 1
  flag glance_api_servers "$controller:9292" || return 1
  # Where machines ask for their metadata; Nova tells them apart by their addresses, so it must not translate these.
  flag ec2_dmz_host "$metadata" || return 1
  flag dmz_cidr "$metadata/32" || return 1
  network_flags || return 1
  if is_target compute; then
    flag connection_type libvirt || return 1
    flag libvirt_type "$(hypervisor)" || return 1
    flag instances_path "$INSTANCES" || return 1
    flag live_migration_uri qemu+tcp://%s/system || return 1
    flag live_migration_flag VIR_MIGRATE_UNDEFINE_SOURCE,VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE || return 1
  fi
  flag vnc_enabled true || return 1
  flag vncserver_host 0.0.0.0 || return 1
  flag vncproxy_url "http://$(public_address):6080" || return 1
}

# nova_conf_is_right: true when the file holds just that.
nova_conf_is_right() {
  local flags
  flags=$(nova_flags) || return 1
  printf '%s\n' "$flags" | file_is "$ROOT$NOVA_CONF" && return 0
  echo "$NOVA_CONF is not what this node must have"
  return 1
}

# write_nova_conf: nobody but Nova may read it. A flag that cannot be written leaves the file as it was.
write_nova_conf() {
  local flags
  flags=$(nova_flags) || return 1
  printf '%s\n' "$flags" | write_file "$ROOT$NOVA_CONF" 0640
  own "$NOVA_CONF" root:nova 640
}

# paste_setting FILE SECTION KEY VALUE: like `setting`, for files that paste.deploy reads, whatever their name is.
paste_setting() {
  local value
  value=$(paste_value "$4") || {
    echo "$1: [$2] $3 cannot be written"
    return 1
  }
  case $SETTING_VERB in
    spell) ;;
    set) ini_set "$ROOT$1" "$2" "$3" "$value" ;;
    *)
      [ "$(ini_get "$ROOT$1" "$2" "$3")" = "$value" ] && return 0
      echo "$1: [$2] $3 is not what this node must have"
      return 1
      ;;
  esac
}

# need_queue: waits for the message queue, and until it admits this node with its present password.
need_queue() {
  need "the message queue on $CONTROLLER (tcp 5672)" port_open "$CONTROLLER" 5672 || return 0
  need "the message queue on $CONTROLLER to take the password of this node" queue_lets_in || :
}

# queue_lets_in: logs in as Nova does, with the library that it uses.
queue_lets_in() {
  printf '%s' "$RABBIT_PASSWORD" | timeout 20 python -c '
import sys
import amqplib.client_0_8
amqplib.client_0_8.Connection(host=sys.argv[1] + ":5672", userid=sys.argv[2], password=sys.stdin.read(), connect_timeout=5).close()
' "$(address_of "$CONTROLLER")" "$(rabbit_user)"
}

# The credentials of the administrator, as the manual unpacks them.
CREDENTIALS=/root/creds

# euca COMMAND WORD...: runs a command of euca2ools as the administrator. Its keys are in its environment, which only
# root can read.
euca() {
  (
    # shellcheck disable=SC1090
    . "$ROOT$CREDENTIALS/novarc" && timeout 120 "$@"
  )
}
