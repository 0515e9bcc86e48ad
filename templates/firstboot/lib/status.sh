# shellcheck shell=bash
# `rackstart-firstboot status`: a screen for somebody who logged in to see what
# this node is doing.

# doing_now KEY: prints one value of the runner's latest note.
doing_now() {
  [ ! -f "$STATE/doing" ] || sed -n "s/^$1=//p" "$STATE/doing"
}

runs() {
  ! ( flock -n 5 ) 5>>"$STATE/lock"
}

# headline STATE: prints one sentence.
headline() {
  local at
  at="step $(doing_now number) of $(doing_now total), $(doing_now step)"
  [ -n "$(doing_now step)" ] || at="the start"
  printf '%s (%s): ' "$NODE" "$ROLE"
  case $1 in
    ready) printf 'ready since %s\n' "$(cat "$STATE/ready")" ;;
    waiting) printf 'waits in %s\n  for %s\n' "$at" "$(doing_now detail)" ;;
    updating)
      printf 'ready, and updating, %s of %s: %s\n' "$(doing_now number)" "$(doing_now total)" "$(doing_now step)"
      [ -z "$(doing_now detail)" ] || printf '  waits for %s\n' "$(doing_now detail)"
      ;;
    failed) printf 'failed at %s, %s\n' "$at" "$(doing_now since)" ;;
    stopped) printf 'stopped at %s, %s\n' "$at" "$(doing_now since)" ;;
    '') printf 'firstboot has not begun\n' ;;
    *) printf '%s, %s since %s\n' "$at" "$1" "$(doing_now since)" ;;
  esac
}

show_status() {
  local state step number=0 rc=0
  state=$(doing_now state)
  if runs; then
    :
  elif [ "$state" = failed ]; then
    rc=1
  elif [ "$state" != ready ]; then
    # The runner was killed or lost its power, and no longer does what it noted.
    [ -z "$state" ] || state=stopped
    rc=3
  fi
  headline "$state"
  for step in $(list_steps); do
    number=$((number + 1))
    printf '%4d  %-8s %-44s %s\n' "$number" "$(entry "$step" state)" "$step" "$(entry "$step" result)"
  done
  if [ "$state" = failed ] && [ -f "$STATE/failure" ]; then
    sed 's/^/  | /' "$STATE/failure"
    echo "help: fix the cause, then \`rackstart-firstboot resume\`"
  elif [ "$rc" -eq 3 ]; then
    echo "help: \`rackstart-firstboot resume\` goes on at the first unfinished step"
  fi
  list_queue
  [ -z "$OLDEST" ] || printf 'reports that wait for %s: %s\n' "$SERVER" "${#QUEUED[@]}"
  return "$rc"
}
