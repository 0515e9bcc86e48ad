# shellcheck shell=bash
# One set of steps on two distributions. Steps use the names of EL9: `yum`, `rpm`, `service`, `chkconfig` and the
# names of its packages. On Debian the functions of those names below do the same by what is there, and a table says
# what Debian calls a thing. Where systemd does not run, a service is its init script, or the command line that the
# table has for it.

is_debian() {
  [ -e "$ROOT/etc/debian_version" ]
}

systemd_runs() {
  [ -d "$ROOT/run/systemd/system" ]
}

# name_rows: prints the tables of the step sets, a line KIND NAME EL9 DEBIAN for each:
#   package NAME EL9 DEBIAN   NAME is that of EL9, because `check` of rackstart reads it in the steps
#   service NAME EL9 DEBIAN   NAME is what the steps say
#   account, file             the same
#   daemon NAME PIDFILE COMMAND...   what starts it where neither systemd nor an init script does
# `=` is NAME itself, `-` is nothing; commas are between several.
name_rows() {
  local table
  for table in $(functions_of_sets names_); do "$table"; done
}

# own_names KIND NAME: prints what this distribution calls it, on one line; NAME itself where no row has it.
own_names() {
  local column=3
  ! is_debian || column=4
  name_rows | awk -v kind="$1" -v name="$2" -v column="$column" '
    $1 == kind && $2 == name { found = $column }
    END {
      if (found == "" || found == "=") found = name
      if (found == "-") exit
      gsub(/,/, " ", found); print found
    }'
}

# file_of NAME: prints the path of a file that has another place on each distribution.
file_of() {
  own_names file "$1"
}

# rpm -q NAME...: packages by their names of EL9.
rpm() {
  local name own rc=0
  is_debian || { command rpm "$@" && return 0 || return 1; }
  shift
  for name; do
    for own in $(own_names package "$name"); do
      [ "$(dpkg-query -W -f '${db:Status-Status}' "$own" 2>/dev/null)" = installed ] || { echo "package $own is not installed" && rc=1; }
    done
  done
  return "$rc"
}

# yum -y install NAME...: the same.
yum() {
  local name own=''
  is_debian || { command yum "$@" && return 0 || return 1; }
  [ "$1 $2" = "-y install" ] || { echo "no such way to call yum on Debian: $*" >&2 && return 1; }
  shift 2
  for name; do own="$own $(own_names package "$name")"; done
  apt_installs "$own"
}

# apt_installs PACKAGES: without starting what they bring, which no step has configured yet.
# shellcheck disable=SC2086 # a list
apt_installs() {
  local policy=$ROOT/usr/sbin/policy-rc.d mine='' rc=0
  if [ ! -e "$policy" ]; then
    mine=yes
    printf '#!/bin/sh\nexit 101\n' | write_file "$policy" 0755
  fi
  DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold install $1 || rc=1
  [ -z "$mine" ] || rm -f "$policy"
  return "$rc"
}

# service NAME VERB: start, stop, restart, status.
service() {
  local own rc=0
  for own in $(own_names service "$1"); do
    service_verb "$own" "$2" || rc=$?
  done
  return "$rc"
}

# service_verb OWN VERB: by whatever starts services here.
service_verb() {
  local command
  if systemd_runs; then
    case $2 in
      status) systemctl -q is-active "$1" ;;
      *) systemctl "$2" "$1" ;;
    esac
    return
  fi
  command=$(daemon_row "$1")
  if [ -n "$command" ]; then
    # shellcheck disable=SC2086 # words
    daemon "$2" $command
  elif is_debian; then
    [ "$2" != status ] || ! noted_process "$1" || return 0
    "$ROOT/etc/init.d/$1" "$2" </dev/null
  else
    command service "$1" "$2"
  fi
}

# noted_process OWN: the process that its init script has noted is there. Debian's scripts of OpenStack look for one
# by the path of its program instead, and find none that has given itself a title. /run is empty after each boot.
noted_process() {
  local file pid
  for file in "$ROOT/run/$1.pid" "$ROOT"/run/*/"$1.pid"; do
    { read -r pid <"$file"; } 2>/dev/null && kill -0 "$pid" 2>/dev/null && return 0
  done
  return 1
}

# daemon_row OWN: prints PIDFILE COMMAND... of a service, or nothing.
daemon_row() {
  name_rows | awk -v name="$1" '$1 == "daemon" && $2 == name { $1 = $2 = ""; print; exit }'
}

# daemon VERB PIDFILE COMMAND...: a program that goes into the background itself and notes its process.
daemon() {
  local verb=$1 file=$ROOT$2 pid='' try
  shift 2
  { read -r pid <"$file"; } 2>/dev/null || :
  # After a power cut its number may belong to another process.
  [ -n "$pid" ] && [ "$(readlink "/proc/$pid/exe" 2>/dev/null)" = "$(readlink -f "$1")" ] || pid=
  case $verb in
    status) [ -n "$pid" ] || return 3 ;;
    start) [ -n "$pid" ] || "$@" ;;
    stop | restart)
      if [ -n "$pid" ]; then
        kill "$pid"
        for try in {1..60}; do
          kill -0 "$pid" 2>/dev/null || break
          [ "$try" -lt 60 ] || kill -KILL "$pid"
          sleep 0.5
        done
      fi
      rm -f "$file"
      [ "$verb" = stop ] || "$@"
      ;;
  esac
}

# chkconfig NAME [on|off]: whether it starts at boot, or makes it so. `--add NAME` takes an init script up.
chkconfig() {
  local own rc=0
  if [ "$1" = --add ]; then
    is_debian || { command chkconfig "$@" && return 0 || return 1; }
    ln -sfn "../rc.d/init.d/$2" "$ROOT/etc/init.d/$2"
    set -- "$2" on
  fi
  for own in $(own_names service "$1"); do
    boot_verb "$own" "${2:-}" || rc=1
  done
  return "$rc"
}

# boot_verb OWN VERB: VERB is `on`, `off` or empty.
boot_verb() {
  if systemd_runs; then
    case $2 in
      on) systemctl -q enable "$1" ;;
      off) systemctl -q disable "$1" ;;
      *) systemctl -q is-enabled "$1" ;;
    esac
  elif [ -n "$(daemon_row "$1")" ]; then
    # Every step that calls `serve` for it checks this at every boot.
    [ "$2" != off ]
  elif is_debian; then
    case $2 in
      on) update-rc.d "$1" defaults && update-rc.d "$1" enable ;;
      off) update-rc.d "$1" disable ;;
      # Of the runlevel, or of what comes before any.
      *) compgen -G "$ROOT/etc/rc[2S].d/S[0-9][0-9]$1" >/dev/null ;;
    esac
  else
    command chkconfig "$1" ${2:+"$2"}
  fi
}

# shellcheck disable=SC2034 # read by lib/http.sh
PYTHON=python3

# Where Debian keeps the rules that lib/firewall.sh writes.
if is_debian; then
  # shellcheck disable=SC2034 # read by lib/firewall.sh
  FIREWALL_FILE=$ROOT/etc/iptables/rules.v4 FIREWALL6_FILE=$ROOT/etc/iptables/rules.v6
  has_ip6tables() { have ip6tables-restore; }
fi

# names_platform: what the sets firewall, router and gluster name.
names_platform() {
  cat <<'TABLE'
package  glusterfs           =  glusterfs-common
package  glusterfs-fuse      =  glusterfs-client
package  fuse                =  -
package  fuse-libs           =  -
package  iptables-services   =  iptables-persistent
service  iptables            =  netfilter-persistent
service  ip6tables           =  netfilter-persistent
daemon   glusterd  /run/glusterd.pid  /usr/sbin/glusterd -p /run/glusterd.pid
TABLE
}
