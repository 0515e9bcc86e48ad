# shellcheck shell=bash
# What a ready node does: every half minute it checks the steps that start
# something, and repeats those that no longer hold. A service that died before
# its database was up, the pid file of a dead one, or a lost mount is repaired
# by the step that made it. The server's errands come first and in between,
# because a repair may take hours.

HEALTH_PAUSE=${RACKSTART_HEALTH_PAUSE:-30}

# is_watched STEP: true for a step with a line `watched=yes`.
is_watched() {
  grep -qx 'watched=yes' "$PAYLOAD/steps/$1.sh"
}

# watched_steps: prints all of them, in their order.
watched_steps() {
  local step
  for step in $(list_steps); do
    ! is_watched "$step" || printf '%s\n' "$step"
  done
}

# look_beside STEPS: what an update does while it waits, as often as this node
# checks otherwise: one try to repair what its STEPS do not change. It must not wait
# here in turn.
LOOKED_AT=0
look_beside() {
  local healed=''
  [ "$HEALTH_PAUSE" != 0 ] || return 0
  clock
  [ $((CLOCK - LOOKED_AT)) -ge "${HEALTH_PAUSE%.*}" ] || return 0
  LOOKED_AT=$CLOCK
  for STEP in $(watched_steps); do
    case " $1 " in *" $STEP "*) continue ;; esac
    [ "$(entry "$STEP" state)" = "done" ] || continue
    errands_if_due
    phase check && continue
    if ! phase needs || ! attempt apply || ! attempt verify; then continue; fi
    record "$STEP" "done" repaired
    say "step $STEP, repaired while an update waits"
    healed="$healed $STEP"
  done
  [ -n "$healed" ] || return 0
  STEP=${healed##* }
  report updating "healed:$healed"
  # The node reports once more what it waits for.
  UPDATING=
}

# look_after_node: runs until it is told to end. Between two checks a person may
# run a step, so only the check itself takes the runner's lock.
look_after_node() {
  [ "$HEALTH_PAUSE" != 0 ] || return 0
  exec 8>"$STATE/watch.lock"
  flock -n 8 || return 0
  printf '%s\n' "$$" >"$STATE/watch.pid"
  while :; do
    trap 'exit 0' TERM INT
    sleep "$HEALTH_PAUSE" 8>&- &
    # The sleep runs in the background, because only then does bash react to a signal.
    wait "$!"
    exec 9>"$STATE/lock"
    if flock -n 9 && [ "$(sed -n 's/^state=//p' "$STATE/doing")" = ready ]; then
      printf '%s\n' "$$" >"$STATE/runner.pid"
      trap 'stop TERM' TERM
      trap 'stop INT' INT
      run_errands
      look_once
    fi
    exec 9>&-
  done
}

look_once() {
  local healed=''
  TOTAL=$(list_steps | wc -l)
  for STEP in $(watched_steps); do
    [ "$(entry "$STEP" state)" = "done" ] || continue
    errands_if_due
    phase check && continue
    NUMBER=$(list_steps | grep -nFx -- "$STEP" | cut -d : -f 1)
    repair && healed="$healed $STEP"
  done
  [ -n "$healed" ] || return 0
  doing ready
  report ready "healed:$healed"
  say "healed:$healed"
}
