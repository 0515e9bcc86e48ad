# shellcheck shell=bash
# Sets the clock, and keeps it right. The paper starts only ntpdate, which sets
# the clock once at each boot and lets it drift from there.
verify_seconds=120
watched=yes

time_servers() {
  awk '$1 == "server" && $2 != "127.127.1.0" { print $2 }' "$ROOT/etc/ntp.conf"
}

# offset_by SERVER: prints by how many seconds this clock is off. A silent server
# gets a line too, of stratum 0; one that does not know the time has stratum 16.
offset_by() {
  local answer
  answer=$(timeout 20 ntpdate -q "$1" 2>/dev/null) || return 1
  printf '%s\n' "$answer" | awk '
    /stratum/ { for (i = 1; i < NF; i++) {
      if ($i == "stratum") stratum = $(i + 1) + 0
      if ($i == "offset" && stratum > 0 && stratum < 16) value = $(i + 1)
    } }
    END { sub(/,$/, "", value); print value; exit value == "" }'
}

# answering: prints the first time server that answers, and by how much this clock
# is off.
answering() {
  local server offset
  for server in $(time_servers); do
    offset=$(offset_by "$server") || continue
    printf '%s %s\n' "$server" "$offset"
    return 0
  done
  return 1
}

# Most servers are behind the gateway, which may come minutes later.
needs() {
  local servers
  servers=$(time_servers | tr '\n' ' ')
  [ -z "$servers" ] || need "a time server to answer (${servers% })" answering
}

check() {
  service_enabled ntpdate
  served ntpd /etc/ntp.conf
}

apply() {
  chkconfig ntpdate on
  # ntpdate needs the port that ntpd holds.
  ! service_running ntpd || service ntpd stop
  service ntpdate restart || echo "ntpdate found no time server"
  serve ntpd /etc/ntp.conf
}

verify() {
  check
  local found offset
  [ -n "$(time_servers)" ] || return 0
  if ! found=$(answering); then
    echo "no time server answers any more; tokens and service states go wrong without one"
    return 1
  fi
  offset=${found#* }
  echo "${found% *} says that this clock is off by $offset s"
  awk -v offset="$offset" 'BEGIN { exit !(offset < 0.5 && offset > -0.5) }'
}
