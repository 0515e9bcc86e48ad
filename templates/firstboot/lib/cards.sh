# shellcheck shell=bash
# Which name the network cards of the site file have today. Drivers hand out the
# names in the order in which they find the cards; only the MAC stays.

# bearers MAC: prints the names of the interfaces that have it, the physical ones
# if there are any: a bridge (br100 of nova-network) takes the MAC of its port.
bearers() {
  local link address cards='' others=''
  for link in "$ROOT"/sys/class/net/*; do
    { read -r address <"$link/address"; } 2>/dev/null || continue
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

# card_is_there MAC NETWORK: true when there is exactly one such card; says why not.
card_is_there() {
  local names
  card_of "$1" >/dev/null && return 0
  names=$(bearers "$1")
  if [ -n "$names" ]; then
    echo "more than one network card has the MAC $1 of the $2 network:$names" >&2
  else
    echo "no network card has the MAC $1 of the $2 network; see the site file, and /sys/class/net here" >&2
  fi
  return 1
}

# address_on CARD: prints its IPv4 address, nothing when it has none. Floating
# addresses of virtual machines are there too, each a network of its own.
address_on() {
  ip -4 -o addr show dev "$1" scope global 2>/dev/null | awk '
    { address = $4; sub(/\/.*/, "", address) }
    $4 !~ /\/32$/ && !found { found = address }
    !first { first = address }
    END { print found ? found : first }'
}

# The cards of this node, empty where there is none. Asked again in every step.
LAN_NIC=$(card_of "$LAN_MAC" || :)
PUBLIC_NIC=
[ -z "$PUBLIC_MAC" ] || PUBLIC_NIC=$(card_of "$PUBLIC_MAC" || :)
