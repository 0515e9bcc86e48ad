# shellcheck shell=bash
# A newer payload, when the site file or a password has changed: asked for with
# the errands, fetched, proved, put beside the one that is in use, and swapped
# for it in one rename. What follows is the runner's: it begins again with the
# new files and looks at the steps whose inputs changed (lib/update.sh).
#
# The token of this node is in the address of all that it sends, so it is no
# secret. `renewal-key` came with the first payload and never travels again:
# it proves who asks, seals the answer, and proves who answers.

# The payload is a link to one of these, so that one rename is enough.
PAYLOADS=$PAYLOAD_LINK-payloads
# This file exists while some steps do not know the payload yet.
RENEWED=$STATE/renewed
# The payload that the server wants this node to have; empty when that is the one it has.
NEWEST=
# A payload that arrived whole but could not be used; it is not fetched a second time.
REFUSED=

# own_digest: prints the digest that distinguishes this payload from others; a
# node that an older rackstart installed has none, and stays as it is.
own_digest() {
  [ ! -s "$PAYLOAD/renewal-key" ] || cat "$PAYLOAD/digest" 2>/dev/null || :
}

# hmac: prints the HMAC-SHA256 of standard input by the renewal key, in
# hexadecimal digits. No program is used whose command line would hold the key.
# The key has 64 characters, which is one block of SHA-256.
# shellcheck disable=SC2059 # the escapes are the point
hmac() {
  local key i code byte inner='' outer=''
  read -r key <"$PAYLOAD/renewal-key"
  for ((i = 0; i < 64; i++)); do
    printf -v code %d "'${key:i:1}"
    printf -v byte '\\x%02x' $((code ^ 0x36)) && inner=$inner$byte
    printf -v byte '\\x%02x' $((code ^ 0x5c)) && outer=$outer$byte
  done
  inner=$({ printf "$inner" && cat; } | sha256sum | cut -c 1-64 | sed 's/../\\x&/g')
  printf "$outer$inner" | sha256sum | cut -c 1-64
}

# renew DIGEST: takes that payload and goes on as its runner. Returns only when
# nothing was changed.
renew() {
  # Sometimes another payload is wanted before this one is in use.
  [ "$1" != "$(own_digest)" ] && [ "$1" != "$REFUSED" ] || return 1
  if ! take_payload "$1"; then
    say "the newer payload ${1:0:12} was not taken; this node stays as it is"
    return 1
  fi
  say "takes the newer payload ${1:0:12}"
  swap_payload "$1" || { cannot_take "$1" "its \`install\` fails" && return 1; }
  # In this process, so that a supervisor does not see it end.
  RACKSTART_RENEWED=$1 exec "$PAYLOAD_LINK/rackstart-firstboot" "$command"
}

# take_payload DIGEST: stores it whole and verified below PAYLOADS.
take_payload() {
  local place=$PAYLOADS/$1
  [ ! -d "$place" ] || return 0
  command -v openssl >/dev/null || { cannot_take "$1" "there is no openssl on this node: install that package, then rackstart-firstboot resume" && return 1; }
  rm -rf "$STATE/renewal"
  mkdir -m 0700 "$STATE/renewal"
  fetch_payload "$1" "$STATE/renewal" || { rm -rf "$STATE/renewal" && return 1; }
  rm -rf "$STATE/renewal"
  sync
  mv -T "$place.new" "$place"
}

# fetch_payload DIGEST FOLDER: requests it, verifies it, and unpacks it beside
# its final place.
fetch_payload() {
  local digest=$1 folder=$2 place=$PAYLOADS/$1 nonce proof answer mac
  nonce=$(od -An -v -N16 -tx1 /dev/urandom | tr -d ' \n')
  proof=$(printf 'fetch %s %s' "$digest" "$nonce" | hmac)
  answer=$(printf 'url = "%s/renewal/%s?payload=%s&nonce=%s&proof=%s"\n' "$SERVER" "$TOKEN" "$digest" "$nonce" "$proof" |
    curl --config - --silent --output "$folder/answer" --write-out '%{http_code}' --noproxy '*' \
      --connect-timeout 5 --max-time 120 2>/dev/null 8>&- 9>&-) || :
  if [ "$answer" != 200 ]; then
    say "the server does not give the newer payload: HTTP $answer $(head -c 200 "$folder/answer" 2>/dev/null | tr -c '\40-\176' '?')"
    return 1
  fi
  mac=$(head -c 64 "$folder/answer")
  tail -c +66 "$folder/answer" >"$folder/sealed"
  if [ "$mac" != "$({ printf 'sent %s %s\n' "$digest" "$nonce" && cat "$folder/sealed"; } | hmac)" ]; then
    say "a newer payload came that this node's server did not make: thrown away"
    return 1
  fi
  openssl enc -d -aes-256-cbc -md sha256 -pass fd:4 -in "$folder/sealed" -out "$folder/tar" 2>/dev/null \
    4< <(printf 'seal %s %s' "$digest" "$nonce" | hmac) || { say "the newer payload does not open" && return 1; }
  rm -rf "$place.new"
  mkdir -p "$PAYLOADS"
  chmod 0700 "$PAYLOADS"
  mkdir -m 0700 "$place.new"
  tar -xpf "$folder/tar" -C "$place.new" && is_sound "$place.new" "$digest"
}

# is_sound PLACE DIGEST: true when it is for this node and this attempt, and
# every script in it parses. A payload that does not parse would end the runner.
is_sound() {
  local script
  local mine=$NODE:$TOKEN what=$TARGETS:$RELEASE:$ADDRESS
  if [ "$(cat "$1/digest" 2>/dev/null)" != "$2" ] || [ "$(. "$1/env" && printf '%s' "$NODE:$TOKEN")" != "$mine" ]; then
    cannot_take "$2" "it is not for this node"
    return 1
  fi
  # The installed role counts: another role has other disks and leaves nothing of this
  # one.
  if [ "$(. "$1/env" && printf '%s' "$TARGETS:$RELEASE:$ADDRESS")" != "$what" ]; then
    cannot_take "$2" "the site file has another role, release or address for this node, which takes a new installation"
    return 1
  fi
  for script in "$1/rackstart-firstboot" "$1/install" "$1/lib.sh" "$1"/lib/*.sh "$1"/steps/*/*.sh "$1/env" "$1/secrets"; do
    # A payload may have no sets, no steps and no secrets.
    [ -e "$script" ] || continue
    bash -n "$script" 2>/dev/null || { cannot_take "$2" "it has a script that no shell reads: ${script#"$1/"}" && return 1; }
  done
}

# cannot_take DIGEST WHY: reports this once, to the server as well; the node
# stays as it is, and ready.
cannot_take() {
  REFUSED=$1
  say "the newer payload ${1:0:12} cannot be used: $2"
  STEP=payload NUMBER=0 TOTAL=0 report updating "one that can be used: $2"
}

# swap_payload DIGEST: makes it the one in use. A crash leaves the old one or the
# new one; `renewed` stays until every step knows it. The previous payload is
# kept, because running processes may still read it; older ones are removed.
swap_payload() {
  local place=$PAYLOADS/$1 old
  # Names and repositories come first, because every step may rely on them.
  "$place/install" >/dev/null || return 1
  printf '%s\n' "$1" | write_file "$RENEWED" 0600
  ln -sfn "${PAYLOADS##*/}/$1" "$PAYLOAD_LINK.new"
  mv -T "$PAYLOAD_LINK.new" "$PAYLOAD_LINK"
  sync
  for old in "$PAYLOADS"/*; do
    case $old in "$place" | "$PAYLOAD") ;; *) rm -rf "$old" ;; esac
  done
}

# renew_if_due [now]: for a node that does no errands yet, because it starts or
# waits.
renew_if_due() {
  [ "$HEALTH_PAUSE" != 0 ] && [ -n "$(own_digest)" ] || return 0
  # A person runs one step; starting again with a new payload would forget
  # which.
  case $command in start | resume) ;; *) return 0 ;; esac
  clock
  [ "${1:-}" = now ] || [ $((CLOCK - ERRANDS_AT)) -ge "$ERRANDS_PAUSE" ] || return 0
  ERRANDS_AT=$CLOCK
  hear "$(ask_errands renew)"
  [ -z "$NEWEST" ] || renew "$NEWEST" || :
}

# hear ANSWER: sets NEWEST to the payload that the server wants, if there is
# one.
hear() {
  local verb id about
  NEWEST=
  while read -r verb id about; do
    case $verb/$id/$about in
      renew/*[!0-9a-f]*/*) ;;
      renew/?*/"$NODE") [ "${#id}" -ne 64 ] || NEWEST=$id ;;
    esac
  done <<<"$1"
}
