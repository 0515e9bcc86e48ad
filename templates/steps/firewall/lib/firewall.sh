# shellcheck shell=bash
# The packet filter of a node, as one rule file. It is computed whole from the
# node's roles and written whole, so that no step can wipe what another one
# opened (the paper's step 4 flushed away the gateway's forwarding of step 1).
#
# hardened: whatever is not named in the table `ports`, or below, is dropped on
#           INPUT and FORWARD.
# paper:    everything is open, as in the paper; the gateway translates only
#           the addresses of the LAN and of the virtual machines.
#
# Each rule carries a comment `rackstart-...`: that is how a live rule is
# recognised whatever form iptables-save prints it in, and beside rules that
# nova-network adds. The first comment holds a hash of the whole file.

FIREWALL_FILE=$ROOT/etc/sysconfig/iptables
FIREWALL6_FILE=$ROOT/etc/sysconfig/ip6tables

# rule COMMENT WORD...: prints one rule.
rule() {
  local comment=rackstart-$1
  shift
  printf '%s -m comment --comment %s\n' "$*" "$comment"
}

# input_of_every_node: what is about no port.
input_of_every_node() {
  # A packet from outside that claims to come from the LAN is forged.
  [ -z "$PUBLIC_NIC" ] || rule forged -A INPUT -i "$PUBLIC_NIC" -s "$LAN_CIDR" -j DROP
  rule loopback -A INPUT -i lo -j ACCEPT
  rule established -A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
}

# input_of_ports: the table `ports`, as far as it is about this node.
input_of_ports() {
  local name target from proto ports peer match callers
  while read -r name target from proto ports _; do
    case $name in '' | \#*) continue ;; esac
    case $target in *'?'*) site_is "${target#*\?}" || continue ;; esac
    target=${target%%\?*}
    is_target "$target" || continue
    case $proto/$ports in
      icmp/*) match="-p icmp -m icmp --icmp-type $ports" ;;
      *'>'*) match="-p $proto -m $proto --sport ${ports%>*} --dport ${ports#*>}" ;;
      *[,:]*) match="-p $proto -m multiport --dports $ports" ;;
      *) match="-p $proto -m $proto --dport $ports" ;;
    esac
    case $from in
      nobody) ;;
      anywhere) rule "$name" -A INPUT "$match" -j ACCEPT ;;
      lan) rule "$name" -A INPUT -s "$LAN_CIDR" "$match" -j ACCEPT ;;
      ssh) for peer in $SSH_FROM; do rule "$name" -A INPUT -s "$peer" "$match" -j ACCEPT; done ;;
      machines) rule "$name" -A INPUT -s "$VM_CIDR" "$match" -j ACCEPT ;;
      vms | vlans) for peer in $(vm_bridges); do rule "$name" -A INPUT -i "$peer" "$match" -j ACCEPT; done ;;
      gateway) [ -z "$GATEWAY" ] || rule "$name" -A INPUT -s "$(address_of "$GATEWAY")" "$match" -j ACCEPT ;;
      computes) for peer in $COMPUTES; do rule "$name-$peer" -A INPUT -s "$(address_of "$peer")" "$match" -j ACCEPT; done ;;
      *)
        # A list of nodes of the blueprint, by its name in small letters.
        callers=${from^^}
        [ -n "${!callers+there}" ] || { echo "the table of ports names $from, which is nobody" >&2 && return 1; }
        for peer in ${!callers}; do rule "$name-$peer" -A INPUT -s "$(address_of "$peer")" "$match" -j ACCEPT; done
        ;;
    esac
  done <"$PAYLOAD/ports"
}

# The LAN is named by its addresses, not by its NIC: nova-network moves the
# NIC into the bridge and rules that name the NIC stop matching.
forward_of_gateway() {
  rule forward-lan -A FORWARD -s "$LAN_CIDR" -o "$PUBLIC_NIC" -j ACCEPT
  rule forward-vm -A FORWARD -s "$VM_CIDR" -o "$PUBLIC_NIC" -j ACCEPT
  rule forward-back -A FORWARD -m state --state ESTABLISHED,RELATED -j ACCEPT
}

# forward_of_bridge: what the bridge of virtual machines passes on, which the filter
# sees (06-bridge-filter). Nova's security groups come before; its own rule for the
# bridge goes each time nova-compute is started again.
forward_of_bridge() {
  local bridge
  for bridge in $(vm_bridges); do
    rule forward-bridge -A FORWARD -i "$bridge" -o "$bridge" -j ACCEPT
  done
}

# forward_of_machines: nova-network lets everything into and out of the bridges that
# it makes; of the manager `flat` it makes none, and has no rule.
forward_of_machines() {
  rule forward-lan-vm -A FORWARD -s "$LAN_CIDR" -d "$VM_CIDR" -j ACCEPT
  rule forward-vm-lan -A FORWARD -s "$VM_CIDR" -d "$LAN_CIDR" -j ACCEPT
}

# forward_of_host: of a node that is the router of its own machines.
forward_of_host() {
  rule forward-vm -A FORWARD -s "$VM_CIDR" -j ACCEPT
  rule forward-back -A FORWARD -m state --state ESTABLISHED,RELATED -j ACCEPT
}

filter_rules() {
  if [ "$SECURITY" = paper ]; then
    ! is_target gateway || forward_of_gateway
    return 0
  fi
  input_of_every_node
  input_of_ports
  ! is_target compute || forward_of_bridge
  if is_target gateway; then
    forward_of_gateway
    ! site_is network_manager=flat || forward_of_machines
  elif is_target compute && [ -n "$MULTI_HOST" ]; then
    forward_of_host
  fi
}

# mangle_rules: what may come in from outside to be forwarded. nova-network lets
# everything into and out of its bridge before any rule of `filter`; it writes
# none here. A floating address of a virtual machine is a translation.
mangle_rules() {
  rule outside-answers -A FORWARD -i "$PUBLIC_NIC" -m state --state ESTABLISHED,RELATED -j ACCEPT
  rule outside-floating -A FORWARD -i "$PUBLIC_NIC" -m conntrack --ctstate DNAT -j ACCEPT
  rule outside -A FORWARD -i "$PUBLIC_NIC" -j DROP
}

# What nova-network does not translate, the manager `flat` needs here: the address that
# machines ask for their metadata.
nat_rules() {
  ! site_is network_manager=flat ||
    rule metadata -A PREROUTING -s "$VM_CIDR" -d 169.254.169.254/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination "$(address_of "$CONTROLLER"):8775"
  rule masquerade-lan -A POSTROUTING -s "$LAN_CIDR" -o "$PUBLIC_NIC" -j MASQUERADE
  rule masquerade-vm -A POSTROUTING -s "$VM_CIDR" -o "$PUBLIC_NIC" -j MASQUERADE
}

# firewall_rules: prints the rule file in the format of iptables-restore. None
# at all when the card that rules must name is missing, or is that of the LAN:
# a rule against what claims to come from the LAN would lock the node out of it.
firewall_rules() {
  local policy=DROP rules
  [ -z "$PUBLIC_MAC" ] || card_is_there "$PUBLIC_MAC" public || return 1
  if [ -n "$PUBLIC_NIC" ] && [ "$PUBLIC_NIC" = "$LAN_NIC" ]; then
    echo "$PUBLIC_NIC is the card of the LAN and of the outside; rules for the one would cut off the other" >&2
    return 1
  fi
  [ "$SECURITY" != paper ] || policy=ACCEPT
  rules=$(
    printf '*filter\n:INPUT %s [0:0]\n:FORWARD %s [0:0]\n:OUTPUT ACCEPT [0:0]\n' "$policy" "$policy"
    filter_rules
    printf 'COMMIT\n'
    if is_target gateway && [ "$SECURITY" != paper ] && [ -n "$PUBLIC_NIC" ]; then
      printf '*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n'
      mangle_rules
      printf 'COMMIT\n'
    fi
    if is_target gateway; then
      printf '*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n'
      nat_rules
      printf 'COMMIT\n'
    fi
  )
  marked_with_hash "$rules"
}

firewall6_rules() {
  marked_with_hash "*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
$(rule loopback -A INPUT -i lo -j ACCEPT)
$(rule established -A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT)
$(rule icmp -A INPUT -p ipv6-icmp -j ACCEPT)
COMMIT"
}

# marked_with_hash TEXT: prints TEXT, its first rule renamed after its hash.
marked_with_hash() {
  local hash
  hash=$(printf '%s' "$1" | sha256sum)
  printf '# Written by rackstart-firstboot; a change made here does not last.\n'
  printf '%s\n' "$1" | awk -v mark="rackstart-rules-${hash:0:12}" '
    !done && /^-A / { sub(/rackstart-[a-z0-9-]*$/, mark); done = 1 }
    { print }'
}

# marks: prints the sorted comments of the rules on standard input.
marks() {
  grep '^-A ' | grep -o 'rackstart-[A-Za-z0-9-]*' | sort || :
}

# firewall_is_live: true when the file is right and the kernel has its rules.
firewall_is_live() {
  local rules
  rules=$(firewall_rules) || return 1
  printf '%s\n' "$rules" | file_is "$FIREWALL_FILE" || return 1
  service_enabled iptables || return 1
  [ "$(marks <"$FIREWALL_FILE")" = "$(iptables-save | marks)" ] || return 1
  if [ "$SECURITY" = paper ]; then
    # What the installer's own rules would still refuse.
    ! iptables -S INPUT | grep -qE -- '-j (DROP|REJECT)|^-P INPUT DROP' || return 1
    return 0
  fi
  iptables -S INPUT | grep -qx -- '-P INPUT DROP' || return 1
  if has_ip6tables; then
    firewall6_rules | file_is "$FIREWALL6_FILE" || return 1
    [ "$(marks <"$FIREWALL6_FILE")" = "$(ip6tables-save | marks)" ] || return 1
  fi
}

has_ip6tables() {
  [ -e "$ROOT/etc/init.d/ip6tables" ] || [ -e "$ROOT/usr/lib/systemd/system/ip6tables.service" ]
}

# tables_to_empty FILE: prints the tables in which rules of rackstart live and that FILE
# has no more, without a rule.
tables_to_empty() {
  awk '
    FNR == NR { if (/^\*/) kept[$0] = 1; next }
    /^\*/ { text = table = $0; ours = 0; next }
    /^:/ && $2 != "-" { text = text "\n" $1 " ACCEPT [0:0]" }
    /rackstart-/ { ours = 1 }
    /^COMMIT/ && ours && !(table in kept) { print text "\nCOMMIT" }' "$1" -
}

# load_rules FILE COMMAND: each table at once, from the old rules to the new, and
# connections that exist go on. By EL6's init script everything is open for a moment,
# and the state of connections is forgotten.
load_rules() {
  { cat "$1" && "$2-save" | tables_to_empty "$1"; } | "$2-restore"
}

# firewall_apply: writes the file and loads it. The rules that Nova made in the same
# tables are lost, and its services make them again.
firewall_apply() {
  local rules pair
  rules=$(firewall_rules) || return 1
  if [ -e "$ROOT/usr/lib/systemd/system/firewalld.service" ]; then
    # From EL7 on a second owner of the rules would undo them.
    service firewalld stop
    chkconfig firewalld off
    # shellcheck disable=SC2086 # a list
    yum -y install $packages_el7
  fi
  printf '%s\n' "$rules" | write_file "$FIREWALL_FILE" 0600
  chkconfig iptables on
  for pair in ${NOVA_RULES:-}; do
    keeps_rules "${pair%%:*}" || :
  done
  load_rules "$FIREWALL_FILE" iptables
  for pair in ${NOVA_RULES:-}; do
    rules_back "${pair%%:*}"
  done
  if [ "$SECURITY" != paper ] && has_ip6tables; then
    rules=$(firewall6_rules)
    printf '%s\n' "$rules" | write_file "$FIREWALL6_FILE" 0600
    chkconfig ip6tables on
    load_rules "$FIREWALL6_FILE" ip6tables
  fi
}
