# shellcheck shell=bash
# What the server asks of a node whose steps are done: `leave` before the node is
# wiped (check whether it can be spared), `disable` and `enable` on a keeper (the
# service of another node). The node asks for these errands, because nobody can reach
# into it. Its answer is a report: VERB ID yes|no WORDS. The step sets know what to
# check, and which service is meant: functions leave_NAME and keep_NAME in their lib.

# The number of rounds that are left out after the server said that this node is
# unknown: it is armed, or its address is another node's. There are no more,
# because the server waits 90 s for a question, and an arming may be taken back.
ERRANDS_REST=1
REST=0
# The server counts a node that has not asked for 90 s as out of reach.
ERRANDS_PAUSE=${RACKSTART_ERRANDS_PAUSE:-30}
ERRANDS_AT=0

# errands_if_due: asks when the last question is half a minute old, so that a
# long check or repair does not make the node look dead.
errands_if_due() {
  [ "$HEALTH_PAUSE" != 0 ] || return 0
  clock
  [ $((CLOCK - ERRANDS_AT)) -lt "$ERRANDS_PAUSE" ] || run_errands
}

# run_errands: asks for errands, runs them, and reports the answers.
run_errands() {
  local answer verb id about
  clock
  ERRANDS_AT=$CLOCK
  if [ "$REST" -gt 0 ]; then
    REST=$((REST - 1))
    return 0
  fi
  answer=$(ask_errands '')
  case ${answer##*$'\n'} in
    200) ;;
    4??) REST=$ERRANDS_REST && return 0 ;;
    *) return 0 ;;
  esac
  while read -r verb id about; do
    case $verb/$id/$about in
      */*[!0-9a-f]*/* | */*/*[!0-9A-Za-z.-]*) ;;
      leave/?*/?* | disable/?*/?* | enable/?*/?*) run_errand "$verb" "$id" "$about" ;;
    esac
  done < <(printf '%s\n' "$answer" | sed '$d')
  hear "$answer"
  [ -z "$NEWEST" ] || renew "$NEWEST" || :
}

# ask_errands ONLY: prints what the server answers, and the HTTP status on the last line.
# The question says which payload this node has; with ONLY `renew` it asks for nothing
# else.
ask_errands() {
  local digest
  digest=$(own_digest)
  printf 'url = "%s/errands/%s%s%s"\n' "$SERVER" "$TOKEN" "${digest:+?payload=$digest}" "${digest:+${1:+&only=$1}}" |
    curl --config - --silent --write-out '\n%{http_code}' --noproxy '*' --connect-timeout 5 --max-time 20 \
      2>/dev/null 8>&- 9>&- || :
}

# run_errand VERB ID NODE: runs in a process group of its own, like the phase of
# a step, so that stopping the runner ends it too.
run_errand() {
  local rc=0 yes=yes
  setsid "$PAYLOAD/rackstart-firstboot" _errand "$1" "$3" </dev/null >"$STATE/errand" 2>&1 8>&- 9>&- &
  CHILD=$!
  wait "$CHILD" || rc=$?
  CHILD=
  [ "$rc" -eq 0 ] || yes=no
  say "errand $1 $3: $yes, $(tail -n 1 "$STATE/errand")"
  report errand "$1 $2 $yes $(tail -n 3 "$STATE/errand" | tr '\n' ' ')"
}

# errand VERB NODE: the inside of run_errand. Ends with 0 for yes, and prints the
# reason.
errand() {
  case $1 in
    leave) everybody leave_ || return 1 ;;
    disable | enable) everybody keep_ "$1" "$2" || return 1 ;;
  esac
}

# everybody PREFIX WORD...: asks every step set that has such a function; a single no
# decides.
everybody() {
  local part asked=
  local prefix=$1
  shift
  for part in $(functions_of_sets "$prefix"); do
    asked=yes
    "$part" "$@" || return 1
  done
  [ -n "$asked" ] || echo "nothing on $NODE is asked about it"
}
