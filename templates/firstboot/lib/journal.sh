# shellcheck shell=bash
# What the runner remembers: one small file per step with `key=value` lines
# (state, hash, started, finished, result), and one file that says what it is
# doing now. An entry is only a hint where to begin: the `check` of a step
# decides what it has done, never its entry.

now() {
  date -u +%Y-%m-%dT%H:%M:%SZ
}

say() {
  local line
  line="$(now) $*"
  printf '%s\n' "$line" >>"$LOGS/runner.log"
  # Runs in a process of its own: `resume | head` must not end the runner.
  (printf 'rackstart: %s\n' "$*") 2>/dev/null || :
}

# list_steps: prints the steps of this node as NN-purpose-target/NN-name, in the
# order of steps/order; steps that it does not name come last, by number.
list_steps() {
  own_steps | ORDER=$PAYLOAD/steps/order awk '
    { steps[++n] = $0 }
    END {
      while ((getline line < ENVIRON["ORDER"]) > 0) {
        if (line == "" || line ~ /^#/) continue
        for (i = 1; i <= n; i++)
          if (!done[i] && (steps[i] == line || index(steps[i], line "/") == 1)) { print steps[i]; done[i] = 1 }
      }
      for (i = 1; i <= n; i++) if (!done[i]) print steps[i]
    }'
}

# own_steps: prints the steps of this node by number. A site may end with an
# early group: LAST_GROUP=04 gives the shared store alone.
own_steps() {
  local script step target others
  others=$(left_out)$'\n'
  for script in "$PAYLOAD"/steps/[0-9][0-9]-*/[0-9][0-9]-*.sh; do
    [ -e "$script" ] || continue
    step=${script#"$PAYLOAD/steps/"}
    case $others in *$'\n'"$script"$'\n'*) continue ;; esac
    [ "$((10#${step%%-*}))" -le "$((10#${LAST_GROUP:-99}))" ] || continue
    target=${step%%/*}
    target=${target#*-}
    target=${target#*-}
    ! is_target "$target" || printf '%s\n' "${step%.sh}"
  done
}

HASH=
HASH_STEP=

# hash_step STEP: sets HASH to a hash of everything that the step's outcome
# depends on (lib/inputs.sh).
hash_step() {
  [ "$HASH_STEP" != "$1" ] || return 0
  HASH=$(inputs_of "$1" | sha256sum)
  HASH=${HASH:0:16}
  HASH_STEP=$1
}

entry_file() {
  printf '%s/%s' "$JOURNAL" "${1//\//.}"
}

# entry STEP KEY: prints a value of the step's entry, or nothing.
entry() {
  local file key value
  file=$(entry_file "$1")
  [ -f "$file" ] || return 0
  while IFS='=' read -r key value; do
    [ "$key" != "$2" ] || printf '%s\n' "$value"
  done <"$file"
}

# record STEP STATE RESULT: writes the step's entry, after a `sync`: what the
# entry claims must be on the disk before the entry is. A lost entry costs one
# check of a finished step.
record() {
  local started finished=
  started=$(entry "$1" started)
  case $2 in
    started) started=$(now) ;;
    *) finished=$(now) ;;
  esac
  hash_step "$1"
  sync
  printf 'state=%s\nhash=%s\nstarted=%s\nfinished=%s\nresult=%s\n' \
    "$2" "$HASH" "$started" "$finished" "$3" | write_file "$(entry_file "$1")" 0600
}

# is_skipped STEP: true when a person skipped it, perhaps while the runner
# waited in it.
is_skipped() {
  [ "$(entry "$1" state)" = skipped ]
}

# is_finished STEP: true when it was done with its present inputs.
is_finished() {
  hash_step "$1"
  [ "$(entry "$1" state)" = "done" ] && [ "$(entry "$1" hash)" = "$HASH" ]
}

# doing STATE [DETAIL]: records what `status` shows. STEP, NUMBER and TOTAL
# belong to the runner. It is not synced, because it is worth nothing after a
# reboot.
doing() {
  local file=$STATE/doing
  printf 'state=%s\nstep=%s\nnumber=%s\ntotal=%s\nsince=%s\ndetail=%s\n' \
    "$1" "$STEP" "$NUMBER" "$TOTAL" "$(now)" "${2:-}" >"$file.new"
  mv -f "$file.new" "$file"
}

log_of() {
  printf '%s/%s.log' "$LOGS" "${1//\//.}"
}
