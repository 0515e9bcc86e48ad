# shellcheck shell=bash
# Looks whether every service of the cloud is alive, then boots the small image.
# m1.tiny, where the paper has m1.small: its 2 GB are half of a compute node.
verify_seconds=600
packages="openssh-clients"

# shellcheck disable=SC2086 # COMPUTES is a list
needs() {
  if wanted services || wanted boot; then
    need_each "nova-compute on %" compute_alive $COMPUTES
    [ -z "$GATEWAY" ] || need "nova-network on $GATEWAY" nova_alive nova-network "$GATEWAY"
  fi
  ! wanted boot || need "the network $VM_CIDR of virtual machines" network_there
}

compute_alive() {
  nova_alive nova-compute "$1"
}

network_there() {
  nova-manage network list 2>/dev/null | grep -qF "$VM_CIDR"
}

check() {
  if wanted services || wanted boot; then return 1; fi
}

# A key of an earlier, killed try is replaced: its private half is lost.
apply() {
  wanted boot || return 0
  install_packages
  if ! nova_cli keypair-list | grep -qF " $MACHINE " || ! [ -s "$MACHINE_KEY" ]; then
    nova_cli keypair-delete "$MACHINE" || echo "there was no such key"
    nova_cli keypair-add "$MACHINE" | write_file "$MACHINE_KEY" 0600
  fi
  ! machine_is ERROR || nova_cli delete "$MACHINE"
  nova_cli list | grep -qF " $MACHINE " ||
    nova_cli boot --image "$CIRROS_IMAGE" --flavor m1.tiny --key_name "$MACHINE" "$MACHINE"
}

verify() {
  local list
  if wanted services; then
    list=$(nova-manage service list 2>/dev/null)
    if printf '%s\n' "$list" | grep XXX; then
      echo "these services of Nova are not alive"
      return 1
    fi
    saw "$list"
  fi
  if wanted boot; then
    if ! machine_is ACTIVE; then
      echo "the machine $MACHINE is $(machine status); see nova show $MACHINE, and /var/log/nova on $(machine OS-EXT-SRV-ATTR:host)"
      return 1
    fi
    saw "image $CIRROS_IMAGE: machine ACTIVE on $(machine OS-EXT-SRV-ATTR:host), $(machine_address)"
  fi
}
