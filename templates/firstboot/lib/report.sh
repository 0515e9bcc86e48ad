# shellcheck shell=bash
# Reports to the server. A report is first a file in the queue; a process of its
# own then sends the files in order, so that no step ever waits for the server.

# More reports than this mean that something runs in circles.
QUEUE_LIMIT=500
# The server takes 4000 bytes of detail.
DETAIL_LIMIT=3900
# 404 says that this token is not for this address, which somebody may still
# fix. With the pauses between them, this many answers take about two minutes.
NOT_FOUND_LIMIT=${RACKSTART_NOT_FOUND_LIMIT:-12}

# redacted: copies standard input without the node's secrets, in any of the
# spellings that a step may have given them. The longest are removed first,
# because one secret may be part of another.
redacted() {
  local text value held=
  text=$(</dev/stdin)
  know_spellings
  # Nearly every text holds none of them.
  while IFS= read -r value; do
    case $text in *"${value:-$text.}"*) held=yes ;; esac
  done <<<"$SPELLINGS"
  [ -n "$held" ] || { printf '%s\n' "$text" && return 0; }
  while IFS= read -r value; do
    text=${text//"$value"/[redacted]}
  done < <(awk '$0 != "" && !seen[$0]++ { print length($0) "\t" $0 }' <<<"$SPELLINGS" | sort -rn | cut -f 2-)
  printf '%s\n' "$text"
}

# know_spellings: sets SPELLINGS, once in the life of a process, because it costs more than the rest
# of a report.
SPELLINGS=
know_spellings() {
  [ -n "$SPELLINGS" ] || SPELLINGS=$(spellings)
}

# spellings: prints every secret as it is and as configuration files have it.
spellings() {
  local name value text
  for name in $(secret_names); do
    # The value of the variable, because the text of the line is quoted.
    value=${!name:-}
    [ -n "$value" ] || continue
    printf '%s\n' "$value"
    # Nothing else changes a generated secret.
    case $value in
      *[!A-Za-z0-9]*)
        text=$(url_part "$value") && printf '%s\n%s\n' "$text" "${text//%/%%}"
        text=${value//'$'/'$$'} && printf '%s\n%s\n' "$text" "${text//%/%%}"
        backslashed "$value" && echo
        text=$(sql_string "$value") && text=${text#?} && printf '%s\n' "${text%?}"
        text=$(python_string "$value") && text=${text#?} && printf '%s\n' "${text%?}"
        ;;
    esac
  done
}

# secret_names: prints the names in `secrets`, all of them, and those of secrets
# in `env`.
secret_names() {
  local name value
  while IFS='=' read -r name value; do
    case $name in
      *TOKEN* | *PASSWORD* | *SECRET* | *_KEY) printf '%s\n' "$name" ;;
    esac
  done <"$PAYLOAD/env"
  [ -f "$PAYLOAD/secrets" ] || return 0
  while IFS='=' read -r name value; do
    case $name in
      '' | [0-9]* | *[!A-Za-z0-9_]*) ;;
      *) printf '%s\n' "$name" ;;
    esac
  done <"$PAYLOAD/secrets"
}

# plain: prints the end of standard input, redacted, in ASCII, short enough to
# send.
plain() {
  redacted | tr -c '\11\12\40-\176' '?' | tail -c "$DETAIL_LIMIT"
}

# next_sequence NEWEST: prints a number above all that were used. The server ignores a
# number that it has seen, so a lost file must not start them again: the clock is far
# ahead of one report per millisecond. If the clock was set back, the stored number or
# NEWEST of the queue is higher and wins.
next_sequence() {
  local next stored=
  next=$(($(date +%s) * 1000))
  { read -r stored <"$QUEUE/.sequence"; } 2>/dev/null || :
  for stored in "$stored" "${1%%.*}"; do
    case $stored in
      '' | *[!0-9]*) continue ;;
    esac
    # Nothing longer was ever written, and it would not fit.
    [ "${#stored}" -le 16 ] || continue
    [ "$((10#$stored))" -lt "$next" ] || next=$((10#$stored + 1))
  done
  printf '%s' "$next"
}

# report EVENT [DETAIL]: queues one report and makes sure that a process sends
# it.
report() {
  local event=$1 detail
  detail=${2:-}
  if [ -n "$detail" ]; then
    # This is set here, because a pipe would forget it.
    know_spellings
    detail=$(printf '%s' "$detail" | plain)
    case $detail in
      # A form may hold these bytes as they are, and most details have no
      # others.
      *[!A-Za-z0-9\ ._~,:/\(\)-]*) detail=$(printf '%s' "$detail" | urlencoded) ;;
      *) detail=${detail// /+} ;;
    esac
  fi
  # The only byte of a step's name that needs encoding is its `/`.
  local step=${STEP//\//%2F}
  # `skip` may report while the runner does, so one at a time takes a number.
  (
    flock 7
    list_queue
    sequence=$(next_sequence "$NEWEST")
    printf '%s\n' "$sequence" | write_file "$QUEUE/.sequence" 0600
    make_room "$event"
    {
      printf 'event=%s&seq=%s' "$event" "$sequence"
      case $event in
        step-* | waiting | updating) printf '&step=%s&number=%s&total=%s' "$step" "$NUMBER" "$TOTAL" ;;
      esac
      case $event in
        step-done | ready) told_keepsakes ;;
      esac
      printf '&detail=%s' "$detail"
    } | write_file "$QUEUE/$(printf '%016d' "$sequence").$event" 0600
  ) 7>"$QUEUE/.lock"
  start_sender
}

# told_keepsakes: prints what the server keeps until this node is reinstalled: the
# value of each keepsake NAME, from the function keepsake_NAME of a set.
told_keepsakes() {
  local keepsake value
  for keepsake in $(functions_of_sets keepsake_); do
    value=$("$keepsake")
    [ -z "$value" ] || printf '&keep.%s=%s' "${keepsake#keepsake_}" "$(printf '%s' "$value" | urlencoded)"
  done
}

# list_queue: sets QUEUED to the names of the queued reports, oldest first, and
# OLDEST and NEWEST to its ends.
list_queue() {
  local file
  QUEUED=() OLDEST='' NEWEST=''
  for file in "$QUEUE"/[0-9]*; do
    case $file in
      *.rackstart-new | *'*') ;;
      *)
        NEWEST=${file##*/}
        QUEUED[${#QUEUED[@]}]=$NEWEST
        OLDEST=${OLDEST:-$NEWEST}
        ;;
    esac
  done
}

# make_room EVENT: a newer `waiting` replaces an unsent one; a full queue drops
# its oldest report and says so. Half-written files that a crash left are
# removed.
make_room() {
  local half
  for half in "$QUEUE"/[0-9]*.rackstart-new; do
    [ ! -e "$half" ] || rm -f "$half"
  done
  case $1/$NEWEST in
    waiting/*.waiting) rm -f "$QUEUE/$NEWEST" && list_queue ;;
  esac
  while [ "${#QUEUED[@]}" -ge "$QUEUE_LIMIT" ]; do
    say "dropped report ${OLDEST%%.*}: more than $QUEUE_LIMIT wait for the server"
    rm -f "$QUEUE/$OLDEST"
    list_queue
  done
}

# start_sender: starts a process in a session of its own, so that it outlives
# the person who typed `resume` and the runner that has nothing left to do.
start_sender() {
  setsid "$PAYLOAD/rackstart-firstboot" _send </dev/null >/dev/null 2>&1 8>&- 9>&- &
}

# send_queue: sends until the queue is empty. It checks the queue again after it
# has released the lock: a report that came in between found the lock taken and
# its own sender gone.
send_queue() {
  while list_queue && [ -n "$OLDEST" ]; do
    exec 6>"$QUEUE/.sender"
    flock -n 6 || return 0
    send_in_order
    exec 6>&-
  done
}

send_in_order() {
  local pause=1 name answer unknown=0
  while :; do
    list_queue
    name=$OLDEST
    [ -n "$name" ] || return 0
    answer=$(post "$QUEUE/$name")
    case $answer in
      2??) pause=1 unknown=0 ;;
      404) unknown=$((unknown + 1)) ;;
    esac
    case $answer/$((unknown >= NOT_FOUND_LIMIT)) in
      2??/?) ;;
      400/? | 410/? | 413/? | 422/? | 404/1)
        pause=1
        say "dropped report ${name%%.*} (${name#*.}): the server answered $answer" >/dev/null
        ;;
      *)
        : >"$STATE/away"
        sleep "$pause" 6>&-
        [ "$pause" -ge "${RACKSTART_SEND_PAUSE:-15}" ] || pause=$((pause * 2))
        continue
        ;;
    esac
    rm -f "$QUEUE/$name"
  done
}

# post FILE: prints the status of the answer, or 000 when there was none. curl
# reads the URL from its standard input: the URL holds the token, and everybody
# on the node can read a command line.
post() {
  printf 'url = "%s/report/%s"\n' "$SERVER" "$TOKEN" |
    curl --config - --silent --output /dev/null --write-out '%{http_code}' \
      --noproxy '*' --connect-timeout 5 --max-time 20 --data-binary "@$1" 2>/dev/null 6>&- || :
}

# server_answers: true when the server gives any answer at all.
server_answers() {
  local answer
  answer=$(curl --silent --output /dev/null --write-out '%{http_code}' --noproxy '*' \
    --connect-timeout 5 --max-time 10 "$SERVER/tree/$INSTALL_TREE/.treeinfo" 2>/dev/null)
  [ "$answer" != 000 ]
}
