# shellcheck shell=bash
# What Nova's manager `flat` writes into the image of each machine. EPEL's own
# template has the form of Red Hat's files under the name of Debian's, so no guest
# can read it.
only_if="network_manager=flat"

file=$ROOT$INJECTED

# In the language of Cheetah, with the fields that nova-compute fills in.
# shellcheck disable=SC2016 # not the shell's
template() {
  printf '%s\n' 'auto lo' 'iface lo inet loopback' '#for $card in $interfaces' 'auto ${card.name}' 'iface ${card.name} inet static' \
    '  address ${card.address}' '  netmask ${card.netmask}' '  broadcast ${card.broadcast}' '  gateway ${card.gateway}' \
    '#if $card.dns' '  dns-nameservers ${card.dns}' '#end if' '#end for'
}

check() {
  template | file_is "$file"
}

apply() {
  template | write_file "$file" 0644
}

verify() {
  check
}
