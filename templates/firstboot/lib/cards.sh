# shellcheck shell=bash
# Finds the names that the cards, bonds and VLANs of the site file have today. Drivers
# name cards in the order in which they find them, and only the MAC stays. A bond has
# the name that the kickstart gave it, and a VLAN is named after its card or bond and
# its number: their MAC is that of a card, so it does not identify them.

# own_mac LINK: prints the MAC that the card was made with; in a bond the card shows
# another.
own_mac() {
  local mac=
  { read -r mac <"$1/bonding_slave/perm_hwaddr"; } 2>/dev/null ||
    { read -r mac <"$1/address"; } 2>/dev/null || return 1
  printf '%s' "$mac"
}

# bearers MAC: prints the names of the interfaces that have it, only the physical
# ones if there are any: a bridge (br100 of nova-network) takes the MAC of its
# port.
bearers() {
  local link address cards='' others=''
  for link in "$ROOT"/sys/class/net/*; do
    address=$(own_mac "$link") || continue
    [ "$address" = "$1" ] || continue
    if [ -e "$link/device" ]; then
      cards="$cards ${link##*/}"
    elif [ ! -e "$link/bridge" ]; then
      others="$others ${link##*/}"
    fi
  done
  printf '%s' "${cards:-$others}"
}

# card_of MAC: prints the name of the one card with this MAC.
card_of() {
  local names
  names=$(bearers "$1")
  # shellcheck disable=SC2086 # a list
  set -- "$1" $names
  [ $# -eq 2 ] && printf '%s' "$2"
}

# link_of MAC KIND WORD...: prints the name of the interface that the kickstart made:
# `card`, `bond NAME`, `vlan ID card` over the card with the MAC, or `vlan ID bond
# NAME`.
link_of() {
  local mac=$1 name
  shift
  case "$*" in
    bond' '*) name=$2 ;;
    vlan' '*' bond '*) name=$4.$2 ;;
    vlan' '*) name=$(card_of "$mac").$2 || return 1 ;;
    *) name=$(card_of "$mac") || return 1 ;;
  esac
  [ -e "$ROOT/sys/class/net/$name" ] && printf '%s' "$name"
}

# card_is_there MAC NETWORK: true when the interface of that network exists; prints
# the reason when it does not.
card_is_there() {
  local names link=$LAN_LINK
  [ "$2" != public ] || link=$PUBLIC_LINK
  # shellcheck disable=SC2086 # words
  link_of "$1" $link >/dev/null && return 0
  names=$(bearers "$1")
  case "$link" in
    bond' '* | vlan' '*)
      echo "the $2 network has no interface here: $link, over the card with the MAC $1; see the site file, and /sys/class/net here" >&2
      return 1
      ;;
  esac
  if [ -n "$names" ]; then
    echo "more than one network card has the MAC $1 of the $2 network:$names" >&2
  else
    echo "no network card has the MAC $1 of the $2 network; see the site file, and /sys/class/net here" >&2
  fi
  return 1
}

# address_on CARD: prints its IPv4 address, or nothing when it has none. It may
# also have floating addresses of virtual machines, each a network of its own.
address_on() {
  ip -4 -o addr show dev "$1" scope global 2>/dev/null | awk '
    { address = $4; sub(/\/.*/, "", address) }
    $4 !~ /\/32$/ && !found { found = address }
    !first { first = address }
    END { print found ? found : first }'
}

# The interfaces of this node, empty where there is none. Every step looks them up
# again.
# shellcheck disable=SC2086 # words
LAN_NIC=$(link_of "$LAN_MAC" $LAN_LINK || :)
PUBLIC_NIC=
# shellcheck disable=SC2086 # words
[ -z "$PUBLIC_MAC" ] || PUBLIC_NIC=$(link_of "$PUBLIC_MAC" $PUBLIC_LINK || :)
