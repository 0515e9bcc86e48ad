# shellcheck shell=bash
# Sets the clock, and keeps it right. The paper starts ntpdate alone, which sets
# it once at each boot and lets it drift from there.
verify_seconds=120
watched=yes

check() {
  service_enabled ntpdate
  served ntpd /etc/ntp.conf
}

apply() {
  chkconfig ntpdate on
  # It needs the port that ntpd has.
  ! service_running ntpd || service ntpd stop
  service ntpdate restart || echo "ntpdate found no time server"
  serve ntpd /etc/ntp.conf
}

# The first time server that answers tells how far off this clock is.
verify() {
  check
  local server servers offset asked=
  servers=$(awk '$1 == "server" && $2 != "127.127.1.0" { print $2 }' "$ROOT/etc/ntp.conf")
  for server in $servers; do
    asked="$asked $server"
    offset=$(ntpdate -q "$server" 2>/dev/null | awk '
      /offset/ { for (i = 1; i < NF; i++) if ($i == "offset") value = $(i + 1) }
      END { sub(/,$/, "", value); print value }')
    [ -n "$offset" ] || continue
    echo "$server says that this clock is off by $offset s"
    awk -v offset="$offset" 'BEGIN { exit !(offset < 0.5 && offset > -0.5) }'
    return
  done
  [ -z "$asked" ] || echo "no time server answers:$asked; tokens and service states go wrong without one"
  [ -z "$asked" ]
}
