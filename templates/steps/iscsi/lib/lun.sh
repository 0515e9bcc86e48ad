# shellcheck shell=bash
# The LUN for the images: which session of the kernel it belongs to, and which disk it is
# here. The kernel is asked, because the records of iscsiadm only say what should be.

# glance_portal: prints ADDRESS:PORT of the target.
glance_portal() {
  case $GLANCE_TARGET in *:*) printf '%s' "$GLANCE_TARGET" ;; *) printf '%s:3260' "$GLANCE_TARGET" ;; esac
}

# glance_session: prints the place of the session with the target.
glance_session() {
  local session name
  for session in "$ROOT"/sys/class/iscsi_session/session*; do
    { read -r name <"$session/targetname"; } 2>/dev/null || continue
    [ "$name" = "$GLANCE_IQN" ] || continue
    printf '%s' "$session"
    return 0
  done
  return 1
}

# glance_disk: prints the kernel's name of the LUN, such as sdb.
glance_disk() {
  local session disk
  session=$(glance_session) || return 1
  for disk in "$session"/device/target*/*:"$GLANCE_LUN"/block/*; do
    [ -e "$disk" ] || continue
    printf '%s' "${disk##*/}"
    return 0
  done
  return 1
}

# glance_luns: prints the number of every LUN of the session.
glance_luns() {
  local lun
  for lun in "$(glance_session)"/device/target*/*:*; do
    [ ! -e "$lun" ] || printf '%s ' "${lun##*:}"
  done
}

# glance_lun: prints what it is, for people.
glance_lun() {
  printf 'the LUN %s of %s at %s' "$GLANCE_LUN" "$GLANCE_IQN" "$(glance_portal)"
}

GLANCE_GROUP=vg_glance
GLANCE_VOLUME=lv_glance
# This tag marks what belongs to this machine: a second machine that mounts the store
# would damage it. The name is derived from the card, so it is the same after a
# reimage.
GLANCE_MARK=rackstart-$HOST_UUID
# This tag marks a file system that was made completely.
GLANCE_WHOLE=rackstart-whole

# tags_of KIND NAME: prints the tags of a group (vg) or a volume (lv), one on a line.
tags_of() {
  "$1s" --noheadings -o "$1_tags" "$2" 2>/dev/null | tr -d ' ' | tr ',' '\n'
}

# group_on DISK: prints the name of the volume group that the disk belongs to.
group_on() {
  pvs --noheadings -o vg_name "/dev/$1" 2>/dev/null | tr -d ' '
}

# store_is_own DISK: true when the group on the disk is the one of this machine.
store_is_own() {
  [ "$(group_on "$1")" = "$GLANCE_GROUP" ] && tags_of vg "$GLANCE_GROUP" | grep -qxF "$GLANCE_MARK"
}

# store_is_whole: true when it has a complete file system.
store_is_whole() {
  tags_of lv "$GLANCE_GROUP/$GLANCE_VOLUME" | grep -qxF "$GLANCE_WHOLE"
}
