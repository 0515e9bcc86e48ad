# shellcheck shell=bash
# Names the time servers in ntp.conf. As in the paper, only those that CentOS came
# with are replaced (`...pool.ntp.org`): servers that somebody, or the
# installation, has named stay.

config=$ROOT/etc/ntp.conf

servers() {
  awk '$1 == "server" && $2 != "127.127.1.0" { print $2 }' "$config"
}

wanted() {
  # shellcheck disable=SC2086 # a list
  printf '%s\n' $NTP_SERVERS
}

# chosen: true when the servers are the site's, or somebody's own.
chosen() {
  local now
  now=$(servers)
  [ -n "$now" ] || return 1
  [ "$now" != "$(wanted)" ] || return 0
  ! printf '%s\n' "$now" | grep -q 'pool\.ntp\.org$'
}

check() {
  [ -z "$NTP_SERVERS" ] || chosen
}

apply() {
  ! check || return 0
  SERVERS=$NTP_SERVERS awk '
    function put(n, i, name) {
      if (done++) return
      n = split(ENVIRON["SERVERS"], name, " ")
      for (i = 1; i <= n; i++) print "server " name[i]
    }
    $1 == "server" && $2 != "127.127.1.0" { put(); next }
    { print }
    END { put() }
  ' "$config" | write_file "$config" keep
}

verify() {
  check
}
