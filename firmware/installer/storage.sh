# shellcheck shell=bash
# Disks: %pre has made the partitions, sector by sector. Here they get file systems, groups and volumes of the sizes that
# the plan has, and are mounted below $target.

declare -A member_of=() # pv.01 -> /dev/sda3
mounts=()               # MOUNT-POINT DEVICE FILE-SYSTEM OPTIONS, one line each; `swap` for swap

# must COMMAND...: runs it, and stops where it fails.
must() {
  say "$*"
  "$@" >>"$log" 2>&1 || stop "$1 failed: $(tail -n 3 "$log")"
}

# make_storage: everything, in the order in which one needs the other.
make_storage() {
  local line words
  for line in "${partitions[@]}"; do
    split "$line"
    make_partition
  done
  for line in "${groups[@]}"; do
    split "$line"
    make_group
  done
  udevadm settle
  for line in "${volumes[@]}"; do
    split "$line"
    make_volume
  done
  mount_all
}

# make_partition: from `words`, of a line part NAME --onpart=PARTITION.
make_partition() {
  local name=${words[1]} device kind
  device=/dev/$(value_of --onpart) || stop "this installer makes no partitions, and $name has no --onpart"
  [ -b "$device" ] || stop "there is no $device"
  kind=$(value_of --fstype)
  case $name in
    pv.*) member_of[$name]=$device ;;
    *) [ "$kind" = biosboot ] || make_file_system "$name" "$device" ;;
  esac
}

# make_group: from `words`, of a line volgroup NAME MEMBER...
make_group() {
  local name=${words[1]} member devices=()
  if given --useexisting; then
    must lvm vgchange -a y "$name"
    return
  fi
  for member in "${words[@]:2}"; do
    case $member in
      --*) ;;
      *) devices+=("${member_of[$member]:-}") ;;
    esac
  done
  must lvm pvcreate -y -ff --dataalignment 1m "${devices[@]}"
  must lvm vgcreate -y -s "$(value_of --pesize)k" "$name" "${devices[@]}"
}

# make_volume: from `words`, of a line logvol MOUNT-POINT --vgname=GROUP --name=NAME.
make_volume() {
  local mount=${words[1]} group name
  group=$(value_of --vgname) && name=$(value_of --name) || stop "a volume without a name"
  given --useexisting || given --noformat ||
    must lvm lvcreate -y -W y -Z y -L "$(value_of --size)m" -n "$name" "$group"
  make_file_system "$mount" "/dev/mapper/${group//-/--}-${name//-/--}"
}

# make_file_system MOUNT-POINT DEVICE: from `words`, unless they say --noformat; notes what is mounted where.
make_file_system() {
  local kind options made=()
  kind=$(value_of --fstype) || kind=
  options=$(value_of --fsoptions) || options=defaults
  read -r -a made <<<"$(value_of --mkfsoptions)"
  [ "$1" != swap ] || kind=swap
  if given --noformat; then
    kind=$(blkid -p -s TYPE -o value "$2") || stop "$2 is kept, and has no file system"
  else
    wipefs -qa "$2"
    case $kind in
      swap) must mkswap "$2" ;;
      efi) must mkfs.vfat -n "$(value_of --label || echo EFI)" "$2" ;;
      xfs) must mkfs.xfs -q -f "${made[@]}" "$2" ;;
      ext4) must mkfs.ext4 -q -F "${made[@]}" "$2" ;;
      *) stop "this installer makes no $kind" ;;
    esac
  fi
  [ "$kind" != efi ] || kind=vfat
  mounts+=("$1 $2 $kind $options")
}

# mount_all: the root first, and each file system before those below it.
mount_all() {
  local mount device kind options
  udevadm settle
  while read -r mount device kind options; do
    [ "$mount" != swap ] || continue
    mkdir -p "$target$mount"
    must mount -t "$kind" -o "$options" "$device" "$target${mount%/}"
  done <<<"$(printf '%s\n' "${mounts[@]}" | sort)"
}

# write_fstab: partitions by their UUID, volumes by their name.
write_fstab() {
  local mount device kind options pass name
  echo "# Written by rackstart's installer."
  while read -r mount device kind options; do
    pass=2
    [ "$mount" != / ] || pass=1
    case $kind in
      swap) mount=none options=sw pass=0 ;;
      xfs) pass=0 ;;
    esac
    name=$device
    case $device in
      /dev/mapper/*) ;;
      *) name=UUID=$(blkid -s UUID -o value "$device") ;;
    esac
    echo "$name $mount $kind $options 0 $pass"
  done <<<"$(printf '%s\n' "${mounts[@]}" | sort)"
}
