# shellcheck shell=bash
# Tenants, users, roles, services and endpoints of Keystone, over its admin API of version
# 2.0. Every function first looks at what exists, and asks `may_change` before it makes
# anything.

# keystone_admin METHOD PATH: sends a request with the admin token.
keystone_admin() {
  http "$1" "http://$(address_of "$CONTROLLER"):35357/v2.0$2" "X-Auth-Token: $KEYSTONE_ADMIN_TOKEN"
}

# listed PATH LIST FIELD...: prints the rows of a list.
listed() {
  local answer path=$1
  shift
  answer=$(keystone_admin GET "$path" </dev/null) || return 1
  printf '%s' "$answer" | json_rows "$@"
}

# find_or_make WHAT PATH LIST OBJECT NAME JSON: makes sure that an object of
# that name exists, and sets ID.
find_or_make() {
  local rows
  rows=$(listed "$2" "$3" name id) || return 1
  ID=$(printf '%s\n' "$rows" | pick "$5")
  [ -z "$ID" ] || return 0
  may_change "$1 $5" || return 1
  printf '{"%s": %s}' "$4" "$6" | keystone_admin POST "$2" >/dev/null || return 1
  rows=$(listed "$2" "$3" name id) || return 1
  ID=$(printf '%s\n' "$rows" | pick "$5")
  [ -n "$ID" ]
}

# want_tenant NAME
want_tenant() {
  find_or_make tenant /tenants tenants tenant "$1" \
    "{\"name\": $(quoted "$1"), \"description\": $(quoted "$1"), \"enabled\": true}"
}

# want_role NAME
want_role() {
  find_or_make role /OS-KSADM/roles roles role "$1" "{\"name\": $(quoted "$1")}"
}

# want_user NAME PASSWORD TENANT ROLE: makes sure that the user can log in with
# that password, and has that role in that tenant.
want_user() {
  local name=$1 password=$2 tenant role roles
  want_tenant "$3" || return 1
  tenant=$ID
  want_role "$4" || return 1
  role=$ID
  find_or_make user /users users user "$name" \
    "{\"name\": $(quoted "$name"), \"password\": $(quoted "$password"), \"tenantId\": $(quoted "$tenant"), \"enabled\": true, \"email\": null}" ||
    return 1
  local user=$ID
  roles=$(listed "/tenants/$tenant/users/$user/roles" roles name id) || return 1
  if [ -z "$(printf '%s\n' "$roles" | pick "$4")" ]; then
    may_change "role $4 of $name in $3" || return 1
    keystone_admin PUT "/tenants/$tenant/users/$user/roles/OS-KSADM/$role" </dev/null >/dev/null || return 1
  fi
  login "$name" "$password" "$3" >/dev/null 2>&1 && return 0
  may_change "password of $name" || return 1
  printf '{"user": {"id": %s, "password": %s}}' "$(quoted "$user")" "$(quoted "$password")" |
    keystone_admin PUT "/users/$user/OS-KSADM/password" >/dev/null
}

# want_service NAME TYPE PUBLIC [ADMIN]: makes sure of a service and its one
# endpoint. It looks for the type, because Keystone silently accepts a second
# service of the same type.
want_service() {
  local name=$1 type=$2 public=$3 admin=${4:-$3} rows service found
  rows=$(listed /OS-KSADM/services OS-KSADM:services type id) || return 1
  service=$(printf '%s\n' "$rows" | pick "$type")
  if [ -z "$service" ]; then
    may_change "service $name ($type)" || return 1
    printf '{"OS-KSADM:service": {"name": "%s", "type": "%s", "description": "OpenStack %s"}}' "$name" "$type" "$type" |
      keystone_admin POST /OS-KSADM/services >/dev/null || return 1
    rows=$(listed /OS-KSADM/services OS-KSADM:services type id) || return 1
    service=$(printf '%s\n' "$rows" | pick "$type")
  fi
  rows=$(listed /endpoints endpoints service_id id region publicurl adminurl internalurl) || return 1
  rows=$(printf '%s\n' "$rows" | SERVICE=$service REGION=$REGION awk -F '\t' '
    $1 "" == ENVIRON["SERVICE"] "" && $3 "" == ENVIRON["REGION"] ""')
  found=$(printf '%s\n' "$rows" | cut -f 4-6)
  [ "$found" != "$public	$admin	$public" ] || return 0
  may_change "endpoint of $name" || return 1
  # Keystone would still hand out an endpoint that leads elsewhere.
  for found in $(printf '%s\n' "$rows" | cut -f 2); do
    keystone_admin DELETE "/endpoints/$found" </dev/null >/dev/null || return 1
  done
  printf '{"endpoint": {"region": %s, "service_id": %s, "publicurl": %s, "adminurl": %s, "internalurl": %s}}' \
    "$(quoted "$REGION")" "$(quoted "$service")" "$(quoted "$public")" "$(quoted "$admin")" "$(quoted "$public")" |
    keystone_admin POST /endpoints >/dev/null
}
