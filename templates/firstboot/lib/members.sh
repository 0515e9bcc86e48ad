# shellcheck shell=bash
# Who came to a cloud that runs and who left it: what the site file says against
# what GlusterFS and MySQL know.

# former_accounts NAME: prints the hosts of accounts of that name that no node of
# the site has any more.
former_accounts() {
  local host wanted
  wanted=$'\n'$(grants_for "$1")$'\n'
  users_of "$1" | cut -f 1 | while IFS= read -r host; do
    case $wanted in *$'\n'"$host"$'\n'*) ;; *) printf '%s\n' "$host" ;; esac
  done
}

# drop_former_accounts NAME: nobody from there comes in any more, and who is in
# goes out.
drop_former_accounts() {
  local host user
  user=$(sql_string "$1")
  former_accounts "$1" | while IFS= read -r host; do
    echo "the account of $1 from $host goes: no node has that address" >&2
    printf 'DROP USER %s@%s;\n' "$user" "$(sql_string "$host")"
    printf 'SELECT CONCAT("KILL ", ID, ";") FROM information_schema.PROCESSLIST WHERE USER = %s AND SUBSTRING_INDEX(HOST, ":", 1) = %s;\n' \
      "$user" "$(sql_string "$host")" | as_root
  done | as_root
}

# late_peers: prints the compute nodes whose glusterd is there and that no pool has yet.
late_peers() {
  local peer known
  known=$'\n'$(peers | cut -f 1)$'\n'
  for peer in $COMPUTES; do
    case $known in *$'\n'"$peer"$'\n'* | *$'\n'"$(address_of "$peer")"$'\n'*) continue ;; esac
    ! port_open "$peer" 24007 || printf '%s\n' "$peer"
  done
}

# former_peers: prints the peers that are in no site file any more. A peer may
# have several names.
former_peers() {
  local name known=
  for name in $NODES; do
    known="$known $name $(address_of "$name")"
  done
  gluster_do peer status | KNOWN=$known awk '
    BEGIN { n = split(ENVIRON["KNOWN"], names, " "); for (i = 1; i <= n; i++) is[names[i]] = 1 }
    function flush() { if (first != "" && !known) print first; first = ""; known = 0 }
    /^Hostname: /   { flush(); first = $2; other = 0; if ($2 in is) known = 1; next }
    /^Other names:/ { other = 1; next }
    /^[ \t]*$/      { other = 0; next }
    other && ($1 in is) { known = 1 }
    END { flush() }'
}

# volume_bricks: prints the bricks of the volume, HOST:PATH.
volume_bricks() {
  gluster_do volume info "$VOLUME" 2>/dev/null | sed -n 's/^Brick[0-9][0-9]*: \([^ ]*\).*/\1/p'
}

# bricks_of_site: prints how many of these belong to nodes of the site.
bricks_of_site() {
  volume_bricks | awk -F : -v nodes=" $NODES " 'index(nodes, " " $1 " ") { n++ } END { print n + 0 }'
}

# copies_of_volume: prints the number it was made with, as in `2 x 4 = 8`.
copies_of_volume() {
  volume_field "$VOLUME" "Number of Bricks" | awk '{ print ($2 == "x") ? $3 : 1 }'
}

# brick_of NAME: as the volume calls it.
brick_of() {
  printf '%s:%s/brick\n' "$1" "$BRICK_MOUNT"
}

# late_sets: prints one line of bricks for each whole set that the volume lacks
# and whose nodes are all connected. A volume keeps its number of copies.
late_sets() {
  local present members name bricks absent
  [ "$(copies_of_volume)" = "$REPLICA" ] || return 0
  present=$'\n'$(volume_bricks)$'\n'
  # shellcheck disable=SC2086 # a list
  set -- $BRICKS
  while [ $# -ge "$REPLICA" ]; do
    members=${*:1:REPLICA} bricks='' absent=0
    shift "$REPLICA"
    for name in $members; do
      case $present in *$'\n'"$(brick_of "$name")"$'\n'*) ;; *) absent=$((absent + 1)) ;; esac
      bricks="$bricks $(brick_of "$name")"
    done
    [ "$absent" -eq "$REPLICA" ] || continue
    for name in $members; do
      peer_connected "$name" || continue 2
    done
    printf '%s\n' "$bricks"
  done
}
