# shellcheck shell=bash
# Keystone's API of version 3: projects, roles, users, services, endpoints; and the other APIs as the cloud's
# administrator. Every function first looks at what exists, and asks `may_change` before it makes anything.

ADMIN_TOKEN=

# token_of USER PASSWORD PROJECT: prints a token.
token_of() {
  printf '{"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": %s, "domain": {"id": "default"}, "password": %s}}}, "scope": {"project": {"name": %s, "domain": {"id": "default"}}}}}' \
    "$(quoted "$1")" "$(quoted "$2")" "$(quoted "$3")" |
    HTTP_KEEP=headers http POST "http://$CONTROLLER:5000/v3/auth/tokens" |
    awk 'tolower($1) == "x-subject-token:" { sub(/\r$/, ""); print $2 }'
}

# be_admin: takes a token for the calls below.
be_admin() {
  [ -n "$ADMIN_TOKEN" ] || ADMIN_TOKEN=$(token_of "$ADMIN_USER" "$OS_PASSWORD" "$ADMIN_PROJECT") || return 1
  [ -n "$ADMIN_TOKEN" ]
}

# admin METHOD URL: asks as the administrator.
admin() {
  be_admin || return 1
  http "$1" "$2" "X-Auth-Token: $ADMIN_TOKEN" "${@:3}"
}

# keystone METHOD PATH
keystone() {
  admin "$1" "http://$CONTROLLER:5000/v3$2"
}

# find_or_make KIND NAME JSON [QUERY]: makes sure that there is one of that name, and sets ID. JSON is what else it has.
find_or_make() {
  local rows
  rows=$(keystone GET "/$1s?name=$(url_part "$2")${4:-}" </dev/null | json_rows "$1s" name id) || return 1
  ID=$(printf '%s\n' "$rows" | pick "$2")
  [ -z "$ID" ] || return 0
  may_change "$1 $2" || return 1
  rows=$(printf '{"%s": {"name": %s%s}}' "$1" "$(quoted "$2")" "${3:+, $3}" | keystone POST "/$1s") || return 1
  ID=$(printf '%s' "$rows" | json_rows "$1" id)
  [ -n "$ID" ]
}

want_project() {
  find_or_make project "$1" '"domain_id": "default"'
}

want_role() {
  find_or_make role "$1" ''
}

# want_user NAME PASSWORD PROJECT ROLE...: makes sure that the user can log in with that password,
# and has these roles in the project.
want_user() {
  local name=$1 password=$2 project user role roles
  want_project "$3" || return 1
  project=$ID
  find_or_make user "$name" "\"domain_id\": \"default\", \"password\": $(quoted "$password")" || return 1
  user=$ID
  shift 3
  roles=$(keystone GET "/projects/$project/users/$user/roles" </dev/null | json_rows roles name id) || return 1
  for role; do
    [ -z "$(printf '%s\n' "$roles" | pick "$role")" ] || continue
    may_change "role $role of $name" || return 1
    want_role "$role" || return 1
    keystone PUT "/projects/$project/users/$user/roles/$ID" </dev/null >/dev/null || return 1
  done
  [ -z "$(token_of "$name" "$password" service 2>/dev/null)" ] || return 0
  may_change "password of $name" || return 1
  printf '{"user": {"password": %s}}' "$(quoted "$password")" | keystone PATCH "/users/$user" >/dev/null
}

# want_service NAME TYPE URL: makes sure of a service and its endpoints. It looks for the type, because Keystone
# silently accepts a second service of the same type.
want_service() {
  local rows service side found
  rows=$(keystone GET "/services?type=$2" </dev/null | json_rows services type id) || return 1
  service=$(printf '%s\n' "$rows" | pick "$2")
  if [ -z "$service" ]; then
    may_change "service $1 ($2)" || return 1
    service=$(printf '{"service": {"name": "%s", "type": "%s"}}' "$1" "$2" | keystone POST /services | json_rows service id) || return 1
  fi
  rows=$(keystone GET "/endpoints?service_id=$service" </dev/null | json_rows endpoints interface url region id) || return 1
  for side in public internal admin; do
    found=$(printf '%s\n' "$rows" | awk -F '\t' -v side="$side" -v region="$REGION" '$1 == side && $3 == region')
    [ "$(printf '%s' "$found" | cut -f 2)" != "$3" ] || continue
    may_change "$side endpoint of $1" || return 1
    # Keystone would still hand out an endpoint that leads elsewhere.
    printf '%s\n' "$found" | cut -f 4 | while read -r found; do
      [ -z "$found" ] || keystone DELETE "/endpoints/$found" </dev/null >/dev/null || return 1
    done
    printf '{"endpoint": {"service_id": "%s", "interface": "%s", "url": "%s", "region": %s}}' "$service" "$side" "$3" "$(quoted "$REGION")" |
      keystone POST /endpoints >/dev/null || return 1
  done
}
