# shellcheck shell=bash
# Runs steps: waits for what a step needs, checks whether it already holds,
# applies it, and verifies it. Stops at the first step that fails, and resumes
# there; never starts again from the first step of all.

STEP=
NUMBER=0
TOTAL=0
OVERRAN=
# The output of a failed phase.
REASON=
# Seconds between two reports of the same wait.
WAIT_REPORT=${RACKSTART_WAIT_REPORT:-60}
# A node that was ready may take this long to repair itself before it counts as
# failed.
REPAIR_GRACE=${RACKSTART_REPAIR_GRACE:-180}
# First and longest pause between two checks of a condition, in ms.
PAUSE_MIN=${RACKSTART_PAUSE_MIN:-2000}
PAUSE_MAX=${RACKSTART_PAUSE_MAX:-15000}

# nap MS: the lock must not live on in a `sleep` whose runner was killed. The
# sleep runs in the background, because only then does bash react to a signal.
nap() {
  sleep "$(($1 / 1000)).$(printf '%03d' $(($1 % 1000)))" 8>&- 9>&- &
  wait "$!"
}

longer() {
  local ms=$(($1 * 3 / 2))
  [ "$ms" -le "$PAUSE_MAX" ] || ms=$PAUSE_MAX
  printf '%s' "$ms"
}

# phase FUNCTION: runs one function of STEP as a process group of its own, with
# its output in the step's log. Its exit status is the result. OVERRAN holds the
# seconds after which it was killed, if it was.
phase() {
  OVERRAN=
  rm -f "$STATE/overran"
  setsid "$PAYLOAD/rackstart-firstboot" _phase "$STEP" "$1" "$$" </dev/null >>"$(log_of "$STEP")" 2>&1 8>&- 9>&- &
  CHILD=$!
  local rc=0
  wait "$CHILD" || rc=$?
  if [ "$rc" -ne 0 ] && [ -e "$STATE/overran" ]; then
    OVERRAN=$(cat "$STATE/overran")
    end_group "$CHILD"
    if [ "$1" = needs ]; then
      # A probe that hangs counts as a condition that does not hold.
      echo "its conditions to answer (they took longer than $OVERRAN s)" >"$STATE/unmet"
      rc=$NOT_YET
    fi
  fi
  CHILD=
  return "$rc"
}

# end_group GROUP: waits for the end of a process group that was told to end.
end_group() {
  local try
  for try in 1 2 3 4 5 6 7 8 9 10 11 12; do
    kill -0 -- "-$1" 2>/dev/null || return 0
    [ "$try" -ne 10 ] || kill -KILL -- "-$1" 2>/dev/null
    nap 1000
  done
  say "process group $1 of step $STEP does not end"
}

# attempt FUNCTION: like phase, but on failure REASON holds its last lines.
attempt() {
  local log size=0 rc=0
  log=$(log_of "$STEP")
  [ ! -f "$log" ] || size=$(stat -c %s "$log")
  phase "$1" || rc=$?
  [ "$rc" -ne 0 ] || return 0
  local how="ended with status $rc"
  [ -z "$OVERRAN" ] || how="took longer than $OVERRAN s and was ended"
  REASON="\`$1\` of $STEP $how
$(tail -c "+$((size + 1))" "$log" | tail -n 30)"
  return 1
}

# wait_for_needs: returns once the needs of STEP are met, or a person has
# skipped it. There is no deadline: a node that waits says for what and since
# when.
wait_for_needs() {
  local rc text='' since='' at='' reported=0 pause=$PAUSE_MIN unmet
  while :; do
    is_skipped "$STEP" && return 0
    rc=0
    phase needs || rc=$?
    if [ "$rc" -ne "$NOT_YET" ]; then
      [ "$rc" -eq 0 ] && return 0
      REASON="\`needs\` of $STEP ended with status $rc"
      return 1
    fi
    unmet=$(cat "$STATE/unmet")
    clock
    if [ "$unmet" != "$text" ]; then
      [ -n "$text" ] || { since=$CLOCK && at=$(now); }
      text=$unmet pause=$PAUSE_MIN reported=$((CLOCK - WAIT_REPORT))
      say "step $NUMBER of $TOTAL, $STEP, waits for $text"
    fi
    if [ $((CLOCK - reported)) -ge "$WAIT_REPORT" ]; then
      reported=$CLOCK
      doing waiting "$text (since $at)"
      report waiting "$text (since $at, $((CLOCK - since)) s)"
    fi
    nap "$pause"
    pause=$(longer "$pause")
    # The node that it waits for may have left the site file.
    renew_if_due
  done
}

# prove: runs `verify` until it holds. A service needs seconds to come up; a
# step that needs more than 30 of them says so in a line verify_seconds=N.
prove() {
  local seconds until
  # The step is only read here; a process of its own runs it.
  seconds=$(sed -n 's/^verify_seconds=//p' "$PAYLOAD/steps/$STEP.sh")
  clock
  until=$((CLOCK + ${RACKSTART_VERIFY_SECONDS:-${seconds:-30}}))
  until attempt verify; do
    clock
    [ "$CLOCK" -lt "$until" ] || return 1
    nap 1000
    rm -f "$STATE/saw"
  done
}

# apply_it: runs `apply`, and again if the server was away meanwhile: what a step
# fetches from it could not arrive, nor could the failure be reported.
apply_it() {
  while :; do
    rm -f "$STATE/away"
    attempt apply && return 0
    # The sender has found the server away, or it is away now.
    [ -e "$STATE/away" ] || ! server_answers || return 1
    say "step $NUMBER of $TOTAL, $STEP, failed while $SERVER was away, and is done again when it answers"
    doing waiting "the server $SERVER to answer (since $(now))"
    until server_answers; do nap "$PAUSE_MIN"; done
    doing running
  done
}

# make_true HOW: needs, check, apply, verify; HOW `force` applies in any case. RESULT says what was
# necessary.
make_true() {
  wait_for_needs || return 1
  ! is_skipped "$STEP" || return 0
  if [ "$1" != force ] && phase check; then
    RESULT="already true"
  else
    apply_it || return 1
    RESULT=applied
  fi
  prove
}

# run_step HOW: runs STEP from start to end, with the journal and reports. What
# `verify` wrote into the file `saw` goes with the report.
run_step() {
  local began
  clock
  began=$CLOCK
  record "$STEP" started ''
  rm -f "$STATE/saw"
  doing running
  report step-started
  say "step $NUMBER of $TOTAL, $STEP"
  if make_true "$1"; then
    is_skipped "$STEP" && return 0
    clock
    RESULT="$RESULT, $((CLOCK - began)) s"
    # The report comes before the record: a crash between the two reports it
    # twice, while the other order might never report it.
    report step-done "$RESULT$(sed '1s/^/\n/' "$STATE/saw" 2>/dev/null)"
    record "$STEP" "done" "$RESULT"
    return 0
  fi
  fail
}

fail() {
  REASON=$(printf '%s' "$REASON" | redacted)
  report step-failed "$REASON"
  printf '%s\n' "$REASON" | plain >"$STATE/failure"
  doing failed
  record "$STEP" failed "$(printf '%s' "$REASON" | head -n 1)"
  say "step $NUMBER of $TOTAL, $STEP, failed: $(printf '%s\n' "$REASON" | tail -n 1)"
  say "log: $(log_of "$STEP"); after the cause is fixed: rackstart-firstboot resume"
  return 1
}

# still_true: a finished step whose check holds needs nothing more. When its
# inputs have changed since, it is verified once more.
still_true() {
  if is_skipped "$STEP"; then return 0; fi
  [ "$(entry "$STEP" state)" = "done" ] && phase check || return 1
  is_finished "$STEP" && return 0
  attempt verify && record "$STEP" "done" "already true"
}

# forget_kickstarts: from EL7 on Anaconda writes copies of the kickstart after
# its last script ran. They hold the token and the hash of root's password. This
# runs once, and removes only the copies of this installation.
forget_kickstarts() {
  local file
  [ ! -e "$STATE/kickstarts-gone" ] || return 0
  for file in "$ROOT/root/anaconda-ks.cfg" "$ROOT/root/original-ks.cfg"; do
    [ -f "$file" ] || continue
    if printf '%s\n' "$TOKEN" "$SERVER/" | grep -qF -f - "$file"; then
      rm -f "$file" && say "removed $file: a copy of the kickstart"
    fi
  done
  now | write_file "$STATE/kickstarts-gone" 0600
}

# run_all: runs the whole list. Returns 1 at the first step that fails.
run_all() {
  local steps
  forget_kickstarts
  steps=$(list_steps)
  TOTAL=$(printf '%s' "$steps" | grep -c . || :)
  NUMBER=0
  if was_ready "$steps"; then
    # Right after the swap the node is as it was; after a boot it may not be.
    [ -n "$RENEWED_NOW" ] || keep_ready "$steps"
    [ ! -e "$RENEWED" ] || update "$steps"
    return 0
  fi
  doing running
  report firstboot-started
  for STEP in $steps; do
    NUMBER=$((NUMBER + 1))
    still_true || run_step "" || return 1
  done
  now | write_file "$STATE/ready" 0600
  rm -f "$RENEWED"
  sync
  doing ready
  report ready "$TOTAL steps verified"
  say "ready: $TOTAL steps verified"
}

# was_ready STEPS: true when this node has been ready with these very steps, or
# with those of the previous payload.
was_ready() {
  [ -e "$STATE/ready" ] || return 1
  local step
  for step in $1; do
    case $(entry "$step" state) in
      done | skipped) ;;
      *) [ -e "$RENEWED" ] || return 1 ;;
    esac
  done
}

# keep_ready STEPS: handles a later boot. Steps that still hold cost one check
# each; the others are repaired silently, because a reboot must not take the
# node out of ready: only a repair that takes too long is reported.
keep_ready() {
  local repaired=''
  doing verifying
  for STEP in $1; do
    NUMBER=$((NUMBER + 1))
    # What a newer payload changed comes later, and not step by step.
    [ ! -e "$RENEWED" ] || is_finished "$STEP" || is_skipped "$STEP" || continue
    still_true || { repair && repaired="$repaired $STEP"; }
  done
  doing ready
  report ready "$TOTAL steps verified${repaired:+; repaired:$repaired}"
  say "ready: $TOTAL steps verified${repaired:+; repaired:$repaired}"
}

# repair: makes STEP hold again, however long it takes.
repair() {
  local began told='' pause=$PAUSE_MIN rc
  clock
  began=$CLOCK
  say "step $NUMBER of $TOTAL, $STEP, no longer holds: repairing"
  doing repairing
  while ! is_skipped "$STEP"; do
    rc=0
    phase needs || rc=$?
    if [ "$rc" -eq "$NOT_YET" ]; then
      REASON="repair of $STEP waits for $(cat "$STATE/unmet")"
    elif { phase check && attempt verify; } || { attempt apply && prove; }; then
      clock
      record "$STEP" "done" "repaired, $((CLOCK - began)) s"
      say "step $NUMBER of $TOTAL, $STEP, repaired"
      return 0
    fi
    clock
    if [ -z "$told" ] && [ $((CLOCK - began)) -ge "$REPAIR_GRACE" ]; then
      told=yes
      REASON=$(printf '%s' "$REASON" | redacted)
      printf '%s\n' "$REASON" | plain >"$STATE/failure"
      doing failed
      report step-failed "$REASON"
      say "step $NUMBER of $TOTAL, $STEP, cannot be repaired yet; trying on: $(printf '%s\n' "$REASON" | tail -n 1)"
    fi
    errands_if_due
    nap "$pause"
    pause=$(longer "$pause")
  done
}
