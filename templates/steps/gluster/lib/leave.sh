# shellcheck shell=bash
# Decides whether a node can be spared, as far as GlusterFS knows, before the node is
# wiped.

# leave_gluster: true when every brick of this node has copies elsewhere that
# are up, that are complete, and that are enough for the quorum of their volume.
leave_gluster() {
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

# bricks: prints `gluster volume info` as lines VOLUME SET SIZE HOST BRICK
# QUORUM with tabs. SET counts the replica sets, and SIZE is the number of
# bricks in one; it is 1 where nothing is a copy of anything.
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

# can_spare VOLUME ROWS: asks which bricks are up, then what is not healed.
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

# keeps_quorum VOLUME ROWS UP: true when, in each set that a brick of this node
# belongs to, enough others are up. With `auto` these are more than half of the
# set, or half of it with its first brick; GlusterFS uses that by default for odd
# sets.
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
