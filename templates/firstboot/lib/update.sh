# shellcheck shell=bash
# What a ready node does with a newer payload. It processes every step whose
# inputs changed, in order, and every later step that keeps a service running:
# that step restarts the service when a file has changed that the service read at
# its start, before the next step uses it. The node stays ready meanwhile. A step
# that waits or fails delays what comes after it in its own group, and no other
# group: a password must not wait for a node that is not there yet.

# changed_steps STEPS: prints those that were not done with their present
# inputs, and the services after the first of them.
changed_steps() {
  local step found=''
  for step in $1; do
    ! is_skipped "$step" || continue
    if ! is_finished "$step"; then
      found=yes
    elif [ -z "$found" ] || ! is_watched "$step"; then
      continue
    fi
    printf '%s\n' "$step"
  done
}

# update STEPS: runs until every one of them holds.
update() {
  local all=$1 left later held number=0 total pause=$PAUSE_MIN updated='' began told=''
  left=$(changed_steps "$all")
  total=$(printf '%s' "$left" | grep -c . || :)
  clock
  began=$CLOCK
  while [ -n "$left" ]; do
    later='' held=' '
    for STEP in $left; do
      case $held in *" ${STEP%%/*} "*) later="$later $STEP" && continue ;; esac
      errands_if_due
      NUMBER=$((number + 1)) TOTAL=$total
      if update_step; then
        number=$((number + 1))
        updated="$updated $STEP"
        pause=$PAUSE_MIN
      else
        later="$later $STEP" held="$held${STEP%%/*} "
      fi
    done
    left=$later
    [ -n "$left" ] || break
    look_beside "$left"
    nap "$pause"
    pause=$(longer "$pause")
  done
  rm -f "$RENEWED"
  TOTAL=$(printf '%s\n' "$all" | wc -w) NUMBER=$TOTAL
  now | write_file "$STATE/ready" 0600
  doing ready
  report ready "$TOTAL steps verified; updated:${updated:- nothing}"
  say "ready: $TOTAL steps verified; updated:${updated:- nothing}"
}

# update_step: makes one try. UPDATING holds the last report, which is not
# repeated.
UPDATING=
update_step() {
  local rc=0 unmet=''
  ! is_skipped "$STEP" || return 0
  REASON=''
  tell_update ''
  if phase check && attempt verify; then
    record "$STEP" "done" "already true"
    return 0
  fi
  phase needs || rc=$?
  if [ "$rc" -eq "$NOT_YET" ]; then
    unmet=$(cat "$STATE/unmet")
    tell_update "$unmet"
    return 1
  fi
  if [ "$rc" -eq 0 ] && attempt apply && prove; then
    record "$STEP" "done" updated
    return 0
  fi
  REASON=$(printf '%s' "${REASON:-\`needs\` of $STEP ended with status $rc}" | redacted)
  clock
  if [ -z "$told" ] && [ $((CLOCK - began)) -ge "$REPAIR_GRACE" ]; then
    told=yes
    printf '%s\n' "$REASON" | plain >"$STATE/failure"
    doing failed
    report step-failed "$REASON"
    say "step $STEP cannot be updated yet; trying on: $(printf '%s\n' "$REASON" | tail -n 1)"
  fi
  return 1
}

# tell_update UNMET: reports which step is processed, and what it waits for.
tell_update() {
  doing updating "$1"
  [ "$UPDATING" != "$STEP $1" ] || return 0
  case $UPDATING/$1 in "$STEP "?*/) return 0 ;; esac
  UPDATING="$STEP $1"
  report updating "$1"
  say "updating, $NUMBER of $TOTAL: $STEP${1:+ waits for $1}"
}
