# shellcheck shell=bash
# What a node whose steps were done is asked to do for the cloud: `leave` before it is
# wiped (look whether it can be missed), `disable` and `enable` on the controller
# (the compute service of another node). The node asks; nobody can come in. Its
# answer is a report: VERB ID yes|no WORDS.

# So many rounds without a question after the server said that this node is
# nobody's: it is armed, or its address is another's. No more, because the
# server waits 90 s for a question, and an arming may be taken back.
ERRANDS_REST=1
REST=0
# Whoever has not asked for 90 s is taken to be out of reach.
ERRANDS_PAUSE=${RACKSTART_ERRANDS_PAUSE:-30}
ERRANDS_AT=0

# errands_if_due: asks when the last question is half a minute old, so that a
# long look or a repair that goes on does not make the node look dead.
errands_if_due() {
  [ "$HEALTH_PAUSE" != 0 ] || return 0
  clock
  [ $((CLOCK - ERRANDS_AT)) -lt "$ERRANDS_PAUSE" ] || run_errands
}

# run_errands: asks, does what is wanted, answers.
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

# ask_errands ONLY: prints what the server answers, and its status on the last
# line. It hears which payload this node has; with ONLY `renew` nothing else is asked for.
ask_errands() {
  local digest
  digest=$(own_digest)
  printf 'url = "%s/errands/%s%s%s"\n' "$SERVER" "$TOKEN" "${digest:+?payload=$digest}" "${digest:+${1:+&only=$1}}" |
    curl --config - --silent --write-out '\n%{http_code}' --noproxy '*' --connect-timeout 5 --max-time 20 \
      2>/dev/null 8>&- 9>&- || :
}

# run_errand VERB ID NODE: in a process group of its own, as a step's phase, so
# that whoever stops the runner ends it.
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

# errand VERB NODE: the inside of it. Ends with 0 for yes and says why or why not.
errand() {
  case $1 in
    leave) can_be_missed ;;
    disable) set_service disable "$2" ;;
    enable) set_service enable "$2" ;;
  esac
}

# can_be_missed: every brick of this node has copies elsewhere that are up, that
# are whole, and that are enough for the quorum of their volume.
can_be_missed() {
  local rows volume volumes
  if ! command -v gluster >/dev/null; then
    echo "there is no GlusterFS on it"
    return 0
  fi
  if ! rows=$(gluster_do volume info); then
    echo "GlusterFS does not tell its volumes: ${rows:-no answer}"
    return 1
  fi
  rows=$(printf '%s\n' "$rows" | bricks)
  volumes=$(printf '%s\n' "$rows" | awk -F '\t' -v name="$NODE" -v address="$ADDRESS" '
    ($4 == name || $4 == address) && !seen[$1]++ { print $1 }')
  for volume in $volumes; do
    can_spare "$volume" "$(printf '%s\n' "$rows" | awk -F '\t' -v volume="$volume" '$1 == volume')" || return 1
  done
  [ -n "$volumes" ] || echo "it holds no brick"
}

# bricks: `gluster volume info` as lines VOLUME SET SIZE HOST BRICK QUORUM with
# tabs. SET counts the sets of copies, SIZE is how many belong to one; 1 where
# nothing is a copy of anything.
bricks() {
  awk '
    function flush(i) {
      for (i = 1; i <= n; i++)
        print volume "\t" int((i - 1) / size) "\t" size "\t" host[i] "\t" brick[i] "\t" (quorum == "" ? "none" : quorum)
      n = 0; size = 1; quorum = ""; count = ""
    }
    BEGIN { size = 1 }
    { sub(/[ \r]+$/, "") }
    /^Volume Name: /       { flush(); volume = $3 }
    /^Type: /              { copies = ($0 ~ /Replicate/) }
    /^Number of Bricks: /  {
      # 1 x 4 = 4, 2 x (2 + 1) = 6; a volume without copies has one number.
      line = $0
      if (copies && line ~ / x /) {
        sub(/^.* x /, "", line); sub(/ = .*$/, "", line); gsub(/[()]/, "", line)
        parts = split(line, part, / \+ /)
        for (size = 0; parts > 0; parts--) size += part[parts]
        if (size < 1) size = 1
      }
    }
    /^Brick[0-9]+: /       { n++; brick[n] = $2; host[n] = $2; sub(/:.*$/, "", host[n]) }
    /^cluster.quorum-type: /  { if ($2 != "none") quorum = (quorum == "" ? $2 : $2 quorum) }
    /^cluster.quorum-count: / { quorum = quorum ":" $2 }
    END { flush() }'
}

# can_spare VOLUME ROWS: asks who is up, then what is not healed.
can_spare() {
  local up heals
  if ! up=$(gluster_do volume status "$1" detail); then
    echo "the volume $1 does not tell which bricks are up: ${up:-no answer}"
    return 1
  fi
  up=$(printf '%s\n' "$up" | awk '
    /^Brick *: / { sub(/^Brick *: (Brick )?/, ""); sub(/[ \r]+$/, ""); brick = $0 }
    /^Online *: Y/ { print brick }')
  keeps_quorum "$1" "$2" "$up" || return 1
  if ! heals=$(gluster_do volume heal "$1" info); then
    echo "the volume $1 does not tell what is not healed: ${heals:-no answer}"
    return 1
  fi
  # A brick that is away has no number.
  printf '%s\n' "$heals" | awk -v volume="$1" '
    /^Number of entries: *[0-9]+/ { asked++; open += $4 }
    END {
      if (!asked) { print "the volume " volume " does not tell what is not healed"; exit 1 }
      if (open) { print open " entries of the volume " volume " are not healed yet"; exit 1 }
    }'
}

# keeps_quorum VOLUME ROWS UP: of each set that a brick of this node belongs to,
# enough others are up. By `auto` these are more than half of the set, or half of
# it with its first brick; GlusterFS takes that by itself for odd sets.
keeps_quorum() {
  printf '%s\n' "$2" | UP=$3 awk -F '\t' -v volume="$1" -v name="$NODE" -v address="$ADDRESS" '
    BEGIN { k = split(ENVIRON["UP"], lines, "\n"); for (i = 1; i <= k; i++) up[lines[i]] = 1 }
    {
      if (!($2 in size)) first[$2] = $5
      size[$2] = $3; quorum[$2] = $6
      if ($4 == name || $4 == address) mine[$2] = $5
      else if ($5 in up) { others[$2]++; if ($5 == first[$2]) first_stays[$2] = 1 }
    }
    END {
      for (set in mine) {
        all = size[set]; stay = others[set] + 0; rule = quorum[set]
        if (all < 2) { print mine[set] " is the only copy of its part of the volume " volume; exit bad = 1 }
        if (stay < 1) { print "no other copy of " mine[set] " of the volume " volume " is up"; exit bad = 1 }
        enough = 1
        if (rule ~ /^fixed:/) { sub(/^fixed:/, "", rule); enough = (stay >= rule + 0) }
        else if (rule == "auto" || rule == "fixed" || (rule == "none" && all % 2)) enough = (2 * stay > all || (2 * stay == all && first_stays[set]))
        if (!enough) { print "only " stay " other copies of " mine[set] " of the volume " volume " are up: too few for its quorum"; exit bad = 1 }
        print "its brick of the volume " volume " has " stay " other copies that are up"
      }
      exit bad
    }'
}

# set_service disable|enable NODE: the row of its compute service in Nova.
set_service() {
  local status
  if ! command -v nova-manage >/dev/null; then
    echo "there is no Nova on $NODE"
    return 0
  fi
  status=$(service_status "$2") || { echo "\`nova-manage service list\` fails on $NODE" && return 1; }
  if [ -z "$status" ]; then
    echo "Nova knows no nova-compute on $2"
    return 0
  fi
  if [ "$status" != "${1}d" ]; then
    timeout 120 nova-manage service "$1" "--host=$2" --service=nova-compute || return 1
    status=$(service_status "$2")
  fi
  echo "nova-compute on $2 is ${status:-gone}"
  [ "$status" = "${1}d" ]
}

# service_status NODE: prints `enabled` or `disabled`; nothing when Nova has no such service.
service_status() {
  local list
  list=$(timeout 120 nova-manage service list 2>/dev/null) || return 1
  printf '%s\n' "$list" | awk -v host="$1" '$1 == "nova-compute" && $2 == host { print $4; exit }'
}
