# shellcheck shell=bash
# What controller, compute nodes and gateway share about Nova (the paper's
# lib/nova-config.sh).

# The name that steps of earlier releases use.
VM_CIDR=$VM_NETWORK

# nova_account: the user of Nova with the same number on every node, because the volume's
# files belong to it. It is made before the packages, which would take any number (and put a
# user that they make into the group nobody).
nova_account() {
  getent group nova >/dev/null || groupadd -r -g "$NOVA_UID" nova
  getent passwd nova >/dev/null ||
    useradd -r -u "$NOVA_UID" -g nova -G nobody -d /var/lib/nova -s /sbin/nologin -c "OpenStack Nova" nova
}

nova_account_is_right() {
  if [ "$(getent passwd nova | cut -d : -f 3)" != "$NOVA_UID" ]; then
    echo "the user nova of this node does not have the id $NOVA_UID: the volume's files would not be its own"
    return 1
  fi
}

# initiator_name: prints the name of this node for iSCSI targets. Every node has its own:
# copies of one disk would share one name, and then a target takes two nodes for one.
initiator_name() {
  printf 'InitiatorName=iqn.1994-05.com.redhat:%s-%s\n' "$NODE" "${LAN_MAC//:/}"
}

# instances_are_there: where machines lie is mounted: the volume of a blueprint that has
# one, or what fstab names for it.
instances_are_there() {
  if [ -n "${VOLUME:-}" ]; then
    mounted "$INSTANCES" fuse.glusterfs
  else
    [ -z "$(fstab_lines "$INSTANCES")" ] || mounted "$INSTANCES"
  fi
}

# hypervisor: kvm where the processor can, else qemu, which is slow but works.
hypervisor() {
  if grep -qE '^flags.*(vmx|svm)' "$ROOT/proc/cpuinfo"; then echo kvm; else echo qemu; fi
}

# public_address: prints the address at which people reach the VNC proxies.
public_address() {
  printf '%s' "${PUBLIC_ADDRESS:-$(address_of "$GATEWAY")}"
}

# source_setting: the address that virtual machines have on the outside.
# nova-network puts its own translation before any other and uses `my_ip`, which
# nobody outside can answer to. The address may come by DHCP, late or changed:
# while there is none, the last one stays.
source_setting() {
  local address
  is_target gateway && [ -n "$PUBLIC_NIC" ] || return 0
  address=$(address_on "$PUBLIC_NIC")
  [ -z "$address" ] || setting /etc/nova/nova.conf DEFAULT routing_source_ip "$address"
}

# vm_nic: prints the card that carries the networks of the virtual machines.
vm_nic() {
  printf '%s' "${VM_INTERFACE:-$LAN_NIC}"
}

# machines_router: prints the address of their router, the first of their network.
machines_router() {
  local first
  first=$(part_of "$VM_NETWORK" 1 1)
  printf '%s/%s' "${first%/*}" "${VM_NETWORK##*/}"
}

# part_of NETWORK SIZE N: prints address and prefix of the network's Nth part of SIZE
# addresses.
part_of() {
  local a b c d size=$2 bits=32 first
  IFS=. read -r a b c d <<<"${1%/*}"
  first=$(((a << 24) + (b << 16) + (c << 8) + d + size * $3))
  while [ "$size" -gt 1 ]; do size=$((size / 2)) bits=$((bits - 1)); done
  printf '%d.%d.%d.%d/%d' $((first >> 24)) $((first >> 16 & 255)) $((first >> 8 & 255)) $((first & 255)) "$bits"
}

# vm_networks: prints a line for each network of virtual machines: its number, its
# addresses, how many, its VLAN as nova-manage prints it, its label.
vm_networks() {
  local n vlan=$VLAN_START many=$NUM_NETWORKS
  if [ "$NETWORK_MANAGER" != vlan ]; then
    printf '0 %s %s None public\n' "$VM_NETWORK" $((1 << (32 - ${VM_NETWORK##*/})))
    return
  fi
  for ((n = 0; n < many; n++)); do
    printf '%s %s %s %s %s\n' "$n" "$(part_of "$VM_NETWORK" "$NETWORK_SIZE" "$n")" "$NETWORK_SIZE" $((vlan + n)) "vlan$((vlan + n))"
  done
}

# network_settings: who gives addresses to virtual machines, and on which cards. The
# gateway of a cloud with multi_host is one of several routers, and what its machines
# ask for their metadata is on the node that they run on.
network_settings() {
  case $NETWORK_MANAGER in
    flatdhcp) set_nova network_manager nova.network.manager.FlatDHCPManager || return 1 ;;
    vlan) set_nova network_manager nova.network.manager.VlanManager || return 1 ;;
    flat) set_nova network_manager nova.network.manager.FlatManager || return 1 ;;
    *) echo "there is no manager of networks called $NETWORK_MANAGER" && return 1 ;;
  esac
  [ -z "$MULTI_HOST" ] || set_nova multi_host True || return 1
  set_nova network_host "$GATEWAY" || return 1
  set_nova fixed_range "$VM_NETWORK" || return 1
  if [ "$NETWORK_MANAGER" = vlan ]; then
    set_nova vlan_interface "$(vm_nic)" || return 1
  else
    set_nova flat_interface "$(vm_nic)" || return 1
    set_nova flat_network_bridge "$VM_BRIDGE" || return 1
  fi
  if [ "$NETWORK_MANAGER" = flat ]; then
    set_nova flat_injected True || return 1
    set_nova injected_network_template "$INJECTED" || return 1
    # EPEL's template looks for an operating system that it knows, and finds none in a
    # small image.
    set_nova libvirt_inject_partition 1 || return 1
  fi
}

# The template of what is written into a machine's image, as its interfaces(5).
INJECTED=/etc/nova/rackstart-interfaces.template

# metadata_host: prints the address that answers the machines of this node.
metadata_host() {
  if [ -n "$MULTI_HOST" ] && is_target compute; then printf '%s' "$ADDRESS"; else address_of "$CONTROLLER"; fi
}

# nova_settings: the settings of nova.conf on this node. The paper has the same
# file on every node, but addresses and cards differ.
nova_settings() {
  local file=/etc/nova/nova.conf public
  public=$(public_address)
  set_nova() { setting "$file" DEFAULT "$1" "$2"; }
  set_nova verbose True || return 1
  set_nova sql_connection "$(database_url nova "$NOVA_MYSQL_PASSWORD")" || return 1
  set_nova auth_strategy keystone || return 1
  set_nova host "$NODE" || return 1
  set_nova my_ip "$ADDRESS" || return 1
  # The message queue.
  set_nova rpc_backend nova.rpc.impl_qpid || return 1
  set_nova qpid_hostname "$CONTROLLER" || return 1
  if [ "$SECURITY" != paper ]; then
    set_nova qpid_username nova || return 1
    set_nova qpid_password "$QPID_PASSWORD" || return 1
    set_nova qpid_sasl_mechanisms PLAIN || return 1
  fi
  # The network.
  network_settings || return 1
  set_nova public_interface "${PUBLIC_NIC:-$LAN_NIC}" || return 1
  source_setting || return 1
  set_nova force_dhcp_release False || return 1
  set_nova metadata_host "$(metadata_host)" || return 1
  # Images, volumes and machines.
  set_nova glance_host "$CONTROLLER" || return 1
  set_nova iscsi_helper tgtadm || return 1
  set_nova instances_path "$INSTANCES" || return 1
  if is_target compute; then
    set_nova connection_type libvirt || return 1
    set_nova libvirt_type "$(hypervisor)" || return 1
    set_nova live_migration_flag VIR_MIGRATE_UNDEFINE_SOURCE,VIR_MIGRATE_PEER2PEER,VIR_MIGRATE_LIVE || return 1
  fi
  # The consoles. A machine keeps the address that its console listens on when
  # it moves to another node, so that must be an address that every node has;
  # the packet filter admits only the gateway to it.
  set_nova vncserver_listen 0.0.0.0 || return 1
  set_nova vncserver_proxyclient_address "$ADDRESS" || return 1
  set_nova novncproxy_base_url "http://$public:6080/vnc_auto.html" || return 1
  set_nova xvpvncproxy_base_url "http://$public:6081/console" || return 1
}

# True when everything that nova.conf is made from is known. A card may come up
# late.
nova_config_needs() {
  need "the network card $LAN_MAC of the LAN" card_is_there "$LAN_MAC" LAN
  [ -z "$PUBLIC_MAC" ] || need "the network card $PUBLIC_MAC of the public network" card_is_there "$PUBLIC_MAC" public
  [ -z "$VM_INTERFACE" ] || ! is_target compute ||
    need "the network card $VM_INTERFACE of the virtual machines (\`vm_interface\`)" [ -e "$ROOT/sys/class/net/$VM_INTERFACE" ]
}

nova_secrets() {
  has_secrets NOVA_MYSQL_PASSWORD
  [ "$SECURITY" = paper ] || has_secrets QPID_PASSWORD
}

# nova_alive SERVICE [HOST]: true when a row of that service is enabled and
# alive, which needs its database, its message queue, and clocks that agree.
nova_alive() {
  nova-manage service list 2>/dev/null | awk -v service="$1" -v host="${2:-$NODE}" '
    $1 == service && $2 == host && / enabled / && / :-\)/ { found = 1 }
    END { exit !found }'
}

# need_nova_alive SERVICE...: for `verify`; names the service that is not alive.
all_alive() {
  local service
  for service; do
    if ! nova_alive "$service"; then
      echo "nova-manage service list does not show $service on $NODE as alive (:-)); is the clock right? see /var/log/nova"
      nova-manage service list 2>/dev/null
      return 1
    fi
  done
}

# need_queue: waits for the message queue, and until it admits this node with its
# present password. A controller that does not know a new password yet does not admit
# it, and a service that was started with it would be cut off until then.
need_queue() {
  need "the message queue on $CONTROLLER (tcp 5672)" port_open "$CONTROLLER" 5672 || return 0
  [ "$SECURITY" = paper ] || need "the message queue on $CONTROLLER to take the password of this node" queue_lets_in || :
}

# queue_lets_in: logs in as Nova does, with its library and its mechanism.
queue_lets_in() {
  printf '%s' "${QPID_PASSWORD:-}" | timeout 20 python -c '
import sys
import qpid.messaging
connection = qpid.messaging.Connection(sys.argv[1] + ":5672")
connection.username = "nova"
connection.password = sys.stdin.read()
connection.sasl_mechanisms = "PLAIN"
connection.open()
connection.close()
' "$(address_of "$CONTROLLER")"
}

# The services of Nova that write rules into the packet filter, and the
# beginning of the names of their chains.
NOVA_RULES="openstack-nova-network:nova-network- openstack-nova-compute:nova-compute- openstack-nova-metadata-api:nova-api-metada"

BOOT_ID=/proc/sys/kernel/random/boot_id

# noted_in_this_boot FILE: false for a note from before this boot, because a
# boot ends every rule.
noted_in_this_boot() {
  [ "$(cat "$1" 2>/dev/null)" = "$(cat "$BOOT_ID")" ]
}

# has_chains PREFIX: a service of Nova makes chains in both tables, and loading rules
# may remove those of one table.
has_chains() {
  iptables-save | awk -v prefix=":$1" '
    index($1, prefix) == 1 && $1 ~ /INPUT$/ { filter = 1 }
    index($1, prefix) == 1 && $1 ~ /POSTROUTING$/ { nat = 1 }
    END { exit !(filter && nat) }'
}

# keeps_rules SERVICE: false when the filter had rules of this service and has
# lost them, as after a reload. It notes when there are some; a service need not
# make any.
keeps_rules() {
  local note=$STATE/rules-of-$1 pair
  for pair in $NOVA_RULES; do
    [ "${pair%%:*}" = "$1" ] || continue
    if has_chains "${pair#*:}"; then
      noted_in_this_boot "$note" || cat "$BOOT_ID" >"$note"
    elif noted_in_this_boot "$note"; then
      echo "the packet filter has lost the rules of $1"
      return 1
    fi
  done
}

# rules_back SERVICE: has the service make its rules again, once: rules that stay
# away after that belonged to machines that are gone.
rules_back() {
  ! keeps_rules "$1" || return 0
  rm -f "$STATE/rules-of-$1"
  ! service_running "$1" || service "$1" restart
}

NOVA_LOCK=$ROOT/var/lib/nova/tmp/nova-iptables.lock

# lock_is_stale: true for a lock from before this boot, which nobody can hold.
lock_is_stale() {
  clock
  [ -e "$NOVA_LOCK" ] && [ "$(stat -c %Y "$NOVA_LOCK")" -lt $(($(date +%s) - CLOCK)) ]
}

# free_lock: removes a lock that no process holds, because Nova's services would
# wait for it for ever.
free_lock() {
  local pair
  [ -e "$NOVA_LOCK" ] || return 0
  if ! lock_is_stale; then
    for pair in $NOVA_RULES; do
      ! service_running "${pair%%:*}" || return 0
    done
  fi
  echo "removing $NOVA_LOCK, which a service that is gone has left"
  rm -rf "$NOVA_LOCK"
}
