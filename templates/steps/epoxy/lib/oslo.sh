# shellcheck shell=bash
# Settings of OpenStack's services, as the parser of oslo.config reads them.

# The files of the services are written whole. What the packages have set in them is not the same on both distributions
# (Debian's name a region that nobody has), and nobody would see which of it counts.

# is_oslo FILE: oslo.config reads it, and the steps write it.
is_oslo() {
  case $1 in
    /etc/keystone/*.conf | /etc/glance/*.conf | /etc/placement/*.conf | /etc/nova/*.conf | /etc/cinder/*.conf) ;;
    /etc/neutron/*.conf | /etc/neutron/*_agent.ini | /etc/neutron/plugins/ml2/*.ini) ;;
    *) return 1 ;;
  esac
}

# spelled FILE VALUE: replaces the function of lib/encode.sh, whose services are of 2012 and read a `%` in their own
# way.
spelled() {
  if is_oslo "$1"; then oslo_value "$2"; else printf '%s' "$2"; fi
}

# setting FILE SECTION KEY VALUE: replaces the function of lib/ini.sh. SETTING_VERB `list` prints what whole files
# are made of.
setting() {
  local value
  if ! value=$(spelled "$1" "$4"); then
    echo "$1: [$2] $3 cannot be written" >&2
    [ "$SETTING_VERB" != list ] || echo !
    return 1
  fi
  case $SETTING_VERB in
    list) ! is_oslo "$1" || printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$value" ;;
    "set") is_oslo "$1" || ini_set "$ROOT$1" "$2" "$3" "$value" ;;
    *)
      is_oslo "$1" || [ "$(ini_get "$ROOT$1" "$2" "$3")" = "$value" ] || {
        echo "$1: [$2] $3 is not what this node must have"
        return 1
      }
      ;;
  esac
}

# listed: prints the settings of the step; fails when one cannot be written.
listed() {
  local lines
  SETTING_VERB=list
  lines=$(settings) || return 1
  case $'\n'$lines$'\n' in *$'\n!\n'*) return 1 ;; esac
  printf '%s\n' "$lines"
}

# whole FILE: prints it, made of the list on standard input; sections in their order.
whole() {
  FILE=$1 awk -F '\t' '
    $1 == ENVIRON["FILE"] {
      if (!($2 in text)) order[++n] = $2
      text[$2] = text[$2] $3 " = " $4 "\n"
    }
    END {
      print "# Written by rackstart-firstboot; a change made here does not last."
      for (i = 1; i <= n; i++) printf "\n[%s]\n%s", order[i], text[order[i]]
    }'
}

settings_hold() {
  local lines file
  lines=$(listed) || return 1
  for file in $(printf '%s\n' "$lines" | cut -f 1 | sort -u); do
    printf '%s\n' "$lines" | whole "$file" | file_is "$ROOT$file" || { echo "$file is not what this node must have" && return 1; }
  done
  SETTING_VERB=look
  settings
}

write_settings() {
  local lines file
  lines=$(listed) || return 1
  for file in $(printf '%s\n' "$lines" | cut -f 1 | sort -u); do
    printf '%s\n' "$lines" | whole "$file" | write_file "$ROOT$file" keep
  done
  SETTING_VERB="set"
  settings
}

# oslo_value VALUE: blanks and a pair of quotes at the ends are taken off by the parser; `$` would name another option.
oslo_value() {
  case $1 in
    ' '* | *' ') refused "has a blank at an end" || return 1 ;;
    '"'*'"' | "'"*"'") refused "is between quotes" || return 1 ;;
  esac
  printf '%s' "${1//'$'/'$$'}"
}

# database_url DATABASE ACCOUNT PASSWORD
database_url() {
  printf '%s' "mysql+pymysql://$2:$(url_part "$3")@$CONTROLLER/$1"
}

# transport_url: prints the URL of the message queue.
transport_url() {
  printf '%s' "rabbit://openstack:$(url_part "$RABBIT_PASSWORD")@$CONTROLLER:5672/"
}

# account_settings FILE SECTION USER PASSWORD: how a service proves itself to another one.
account_settings() {
  setting "$1" "$2" auth_url "http://$CONTROLLER:5000"
  setting "$1" "$2" auth_type password
  setting "$1" "$2" project_domain_name Default
  setting "$1" "$2" user_domain_name Default
  setting "$1" "$2" project_name service
  setting "$1" "$2" username "$3"
  setting "$1" "$2" password "$4"
}

# token_settings FILE USER PASSWORD: how a service proves who calls it.
token_settings() {
  setting "$1" keystone_authtoken www_authenticate_uri "http://$CONTROLLER:5000"
  setting "$1" keystone_authtoken memcached_servers "$CONTROLLER:11211"
  account_settings "$1" keystone_authtoken "$2" "$3"
}

# uwsgi_settings NAME: how many processes the API has, where uwsgi serves it (a row `file NAME-uwsgi`). A plugin that
# needs AppArmor ends uwsgi where the kernel has none.
uwsgi_settings() {
  local file
  file=$(file_of "$1-uwsgi")
  [ -n "$file" ] && [ -e "$ROOT$file" ] || return 0
  [ -z "$API_PROCESSES" ] || setting "$file" uwsgi processes "$API_PROCESSES"
  [ -d "$ROOT/sys/kernel/security/apparmor" ] || setting "$file" uwsgi plugins python3
}

# without_apparmor NAME: treats the plugin's key as a setting that must be absent where the kernel has no AppArmor.
without_apparmor() {
  local file
  file=$(file_of "$1-uwsgi")
  [ -n "$file" ] && [ -e "$ROOT$file" ] && [ ! -d "$ROOT/sys/kernel/security/apparmor" ] || return 0
  if [ "$SETTING_VERB" = "set" ]; then
    ini_delete "$ROOT$file" uwsgi apparmor-profile
  elif [ "$SETTING_VERB" = look ] && [ -n "$(ini_get "$ROOT$file" uwsgi apparmor-profile)" ]; then
    echo "$file: [uwsgi] apparmor-profile is set, and this kernel has no AppArmor"
    return 1
  fi
}

# readable_by GROUP FILE...: files with passwords belong to root and are read by their service alone.
readable_by() {
  local group=$1 file
  shift
  for file; do own "$file" "root:$group" 640; done
}

# as_account ACCOUNT COMMAND...: runs it as the account of a service, in a directory that this may enter.
as_account() {
  local account=$1
  shift
  (cd / && setpriv --reuid "$account" --regid "$account" --init-groups "$@")
}
