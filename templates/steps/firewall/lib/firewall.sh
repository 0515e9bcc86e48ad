# shellcheck shell=bash
# The packet filter of a node, as one rule file. It is computed whole from the
# blueprint's table `ports` and written whole, so that no step can wipe what another
# one opened (the paper's step 4 flushed away the gateway's forwarding of step 1).
#
# hardened: whatever is not named in the table, or below, is dropped on INPUT and
#           FORWARD.
# paper:    everything is open, as in the paper; addresses are translated as the
#           table says.
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

# input_of_every_node: prints the rules that concern no port.
input_of_every_node() {
  local network
  # A packet from outside that claims to come from the LAN is forged.
  for network in ${PUBLIC_NIC:+${LAN_NETWORKS:-$LAN_CIDR}}; do
    rule forged -A INPUT -i "$PUBLIC_NIC" -s "$network" -j DROP
  done
  rule loopback -A INPUT -i lo -j ACCEPT
  rule established -A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
}

# rows PROTOCOL...: prints the rows of the table `ports` that are about this node and one
# of these protocols: name, from, protocol and ports.
rows() {
  local name target from proto ports
  while read -r name target from proto ports _; do
    case $name in '' | \#*) continue ;; esac
    case " $* " in *" $proto "*) ;; *) continue ;; esac
    case $target in *'?'*) site_is "${target#*\?}" || continue ;; esac
    target=${target%%\?*}
    is_target "${target%%!*}" || continue
    case $target in *!*) ! is_target "${target#*!}" || continue ;; esac
    printf '%s %s %s %s\n' "$name" "$from" "$proto" "$ports"
  done <"$PAYLOAD/ports"
}

# who WORD: prints whom a word of the table means, one on a line: a network, a card, or a
# node as ADDRESS,NAME.
who() {
  local nodes=${1^^} name
  local networks=FROM_$nodes
  # shellcheck disable=SC2086 # lists
  case $1 in
    nobody) ;;
    anywhere | answers) echo "$1" ;;
    lan) printf '%s\n' ${LAN_NETWORKS:-$LAN_CIDR} ;;
    ssh) printf '%s\n' $SSH_FROM ;;
    outside) [ -z "$PUBLIC_NIC" ] || echo "$PUBLIC_NIC" ;;
    *)
      if [ -n "${!networks+there}" ]; then
        printf '%s\n' ${!networks}
      elif [ -n "${!nodes+there}" ]; then
        for name in ${!nodes}; do echo "$(address_of "$name"),$name"; done
      else
        echo "the table of ports names $1, which is nobody" >&2
        return 1
      fi
      ;;
  esac
}

# seen -s|-d WHO: prints how a rule recognises packets that come from there (-s) or go there
# (-d).
seen() {
  case $2 in
    anywhere) ;;
    answers) printf -- '-m state --state ESTABLISHED,RELATED ' ;;
    */* | *.*.*.*) printf -- '%s %s ' "$1" "${2%,*}" ;;
    *) if [ "$1" = -s ]; then printf -- '-i %s ' "$2"; else printf -- '-o %s ' "$2"; fi ;;
  esac
}

# input_of_ports: what may be asked of this node.
input_of_ports() {
  local name from proto ports match all peer mark
  while read -r name from proto ports; do
    case $proto/$ports in
      icmp/*) match="-p icmp -m icmp --icmp-type $ports" ;;
      *'>'*) match="-p $proto -m $proto --sport ${ports%>*} --dport ${ports#*>}" ;;
      *[,:]*) match="-p $proto -m multiport --dports $ports" ;;
      *) match="-p $proto -m $proto --dport $ports" ;;
    esac
    all=$(who "$from") || return 1
    for peer in $all; do
      # Each of several nodes has a rule with a name of its own.
      case $all in *,*,*) mark=$name-${peer#*,} ;; *) mark=$name ;; esac
      rule "$mark" "-A INPUT $(seen -s "$peer")$match -j ACCEPT"
    done
  done < <(rows tcp udp icmp)
}

# passed TABLE: what goes through this node: rows of these protocols and the rules that
# they mean. From a bridge to itself is what that passes on, which the filter sees
# (06-bridge-filter). The LAN is named by its addresses, not by its card: nova-network
# moves the card into its bridge, and rules that name it stop matching.
passed() {
  local name from proto to ones others one other
  while read -r name from proto to; do
    ones=$(who "$from") || return 1
    if [ "$proto" = redirect ]; then
      other=${to#*>}
      others=$(who "${other%:*}") || return 1
      to=${to%>*}
      for one in $ones; do
        rule "$name" "-A PREROUTING $(seen -s "$one")-d ${to%:*}/32 -p tcp -m tcp --dport ${to#*:} -j DNAT --to-destination ${others%,*}:${other#*:}"
      done
      continue
    fi
    others=$(who "$to") || return 1
    for one in $ones; do
      for other in $others; do
        [ "$from" != "$to" ] || [ "$one" = "$other" ] || continue
        case $proto in
          forward) rule "$name" "-A FORWARD $(seen -s "$one")$(seen -d "$other")-j ACCEPT" ;;
          translate) rule "$name" "-A POSTROUTING $(seen -s "$one")$(seen -d "$other")-j MASQUERADE" ;;
        esac
      done
    done
  done < <(rows "$@")
}

# mangle_rules: what may come in from outside to be forwarded. nova-network lets
# everything into and out of its bridge before any rule of `filter`; it writes
# none here. A floating address of a virtual machine is a translation.
mangle_rules() {
  rule outside-answers -A FORWARD -i "$PUBLIC_NIC" -m state --state ESTABLISHED,RELATED -j ACCEPT
  rule outside-floating -A FORWARD -i "$PUBLIC_NIC" -m conntrack --ctstate DNAT -j ACCEPT
  rule outside -A FORWARD -i "$PUBLIC_NIC" -j DROP
}

# firewall_rules: prints the rule file in the format of iptables-restore. None
# at all when the card that rules must name is missing, or is that of the LAN:
# a rule against what claims to come from the LAN would lock the node out of it.
firewall_rules() {
  local policy=DROP rules translated
  [ -z "$PUBLIC_MAC" ] || card_is_there "$PUBLIC_MAC" public || return 1
  if [ -n "$PUBLIC_NIC" ] && [ "$PUBLIC_NIC" = "$LAN_NIC" ]; then
    echo "$PUBLIC_NIC is the card of the LAN and of the outside; rules for the one would cut off the other" >&2
    return 1
  fi
  [ "$SECURITY" != paper ] || policy=ACCEPT
  translated=$(passed translate redirect) || return 1
  rules=$(
    printf '*filter\n:INPUT %s [0:0]\n:FORWARD %s [0:0]\n:OUTPUT ACCEPT [0:0]\n' "$policy" "$policy"
    if [ "$SECURITY" != paper ]; then
      input_of_every_node
      input_of_ports || exit 1
    fi
    # Where nothing is dropped only a router says what it passes on, as in the paper.
    [ "$SECURITY" = paper ] && [ -z "$translated" ] || passed forward || exit 1
    printf 'COMMIT\n'
    # A node that translates addresses is the router of others.
    if [ -n "$translated" ] && [ "$SECURITY" != paper ]; then
      printf '*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n'
      mangle_rules
      printf 'COMMIT\n'
    fi
    if [ -n "$translated" ]; then
      printf '*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n%s\nCOMMIT\n' "$translated"
    fi
  ) || return 1
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

# tables_to_empty FILE: prints, without any rules, the tables that still hold rules of
# rackstart and that FILE no longer has.
tables_to_empty() {
  awk '
    FNR == NR { if (/^\*/) kept[$0] = 1; next }
    /^\*/ { text = table = $0; ours = 0; next }
    /^:/ && $2 != "-" { text = text "\n" $1 " ACCEPT [0:0]" }
    /rackstart-/ { ours = 1 }
    /^COMMIT/ && ours && !(table in kept) { print text "\nCOMMIT" }' "$1" -
}

# load_rules FILE COMMAND: replaces each table in one step, so that existing connections
# continue. EL6's init script would leave everything open for a moment and forget the state
# of connections.
load_rules() {
  { cat "$1" && "$2-save" | tables_to_empty "$1"; } | "$2-restore"
}

# firewall_apply: writes the file and loads it. The rules that Nova made in the same
# tables are lost, and its services make them again.
firewall_apply() {
  local rules pair
  rules=$(firewall_rules) || return 1
  if [ -e "$ROOT/usr/lib/systemd/system/firewalld.service" ]; then
    # From EL7 on, firewalld would undo the rules.
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
