# shellcheck shell=bash
# Makes the store of the images on the LUN: a volume group, a volume of all of it, a file
# system. It does so only on an empty LUN, because anything else on it may be somebody's.
# The store that this machine made before it was reinstalled stays as it is.
only_if="glance_target"
apply_limit=3600

# The blocks of 512 bytes that `%pre` checks on a disk, too: 4 MiB at its beginning and 2
# MiB at its end.
begins=8192
ends=4096
# Names the disk that was empty when this step began to write.
noted=$STATE/glance-store

needs() {
  need "$(glance_lun)" glance_disk
}

check() {
  local disk
  disk=$(glance_disk)
  store_is_own "$disk"
  store_is_whole
}

blocks_of() {
  cat "$ROOT/sys/block/$1/size"
}

identity() {
  printf '%s %s\n' "$(glance_lun)" "$(blocks_of "$1")"
}

# zeros DISK FIRST COUNT: true when these blocks can be read and are zeros.
zeros() {
  [ "$(dd if="/dev/$1" bs=512 skip="$2" count="$3" 2>/dev/null | sha1sum)" = "$(dd if=/dev/zero bs=512 count="$3" 2>/dev/null | sha1sum)" ]
}

is_empty() {
  local blocks
  blocks=$(blocks_of "$1")
  [ "$blocks" -gt $((begins + ends)) ] && zeros "$1" 0 $begins && zeros "$1" $((blocks - ends)) $ends
}

# held DISK: prints what the disk holds, in words.
held() {
  local group names
  group=$(group_on "$1")
  if [ "$group" = "$GLANCE_GROUP" ]; then
    echo "the store of another machine (volume group $group, $(tags_of vg "$group" | grep '^rackstart-' || echo 'without a mark'))"
  elif [ -n "$group" ]; then
    echo "the volume group $group"
  else
    names=$(blkid -p -s TYPE -s PTTYPE -o value "/dev/$1" 2>/dev/null | tr '\n' ' ')
    echo "${names:-data without a known signature}"
  fi
}

# began DISK: true when a run of this step was cut short before the group
# existed.
began() {
  identity "$1" | file_is "$noted" && [ -z "$(group_on "$1")" ]
}

# was_used VOLUME: true when somebody has mounted the file system, which was
# complete then.
was_used() {
  local when
  when=$(dumpe2fs -h "$1" 2>/dev/null | sed -n 's/^Last mount time: *//p')
  [ -n "$when" ] && [ "$when" != n/a ]
}

apply() {
  local disk volume=/dev/$GLANCE_GROUP/$GLANCE_VOLUME
  disk=$(glance_disk)
  if ! store_is_own "$disk"; then
    if ! began "$disk" && ! is_empty "$disk"; then
      echo "$(glance_lun) (/dev/$disk, $(($(blocks_of "$disk") / 2048)) MiB) holds $(held "$disk"); nothing was written to it"
      if [ "$(group_on "$disk")" = "$GLANCE_GROUP" ]; then
        echo "if that machine is gone and this one is to take over its images: \`vgchange --addtag $GLANCE_MARK $GLANCE_GROUP\`, then \`rackstart-firstboot resume\`"
      else
        echo "name an empty LUN by \`glance_lun\`; or, if nobody needs what is there: \`dd if=/dev/zero of=/dev/$disk bs=1M\`, then \`rackstart-firstboot resume\`"
      fi
      return 1
    fi
    identity "$disk" | write_file "$noted" 0600
    vgcreate --addtag "$GLANCE_MARK" "$GLANCE_GROUP" "/dev/$disk"
  fi
  vgchange -a y "$GLANCE_GROUP"
  lvs "$GLANCE_GROUP/$GLANCE_VOLUME" >/dev/null 2>&1 || lvcreate -n "$GLANCE_VOLUME" -l 100%FREE "$GLANCE_GROUP"
  if ! store_is_whole; then
    if ! was_used "$volume"; then
      mkfs.ext4 -q "$volume"
    fi
    lvchange --addtag "$GLANCE_WHOLE" "$GLANCE_GROUP/$GLANCE_VOLUME"
  fi
}

verify() {
  check
}
