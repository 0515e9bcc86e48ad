# shellcheck shell=bash
# What the OpenStack steps have in common: where each service is, and its HTTP
# APIs.

# database_url NAME PASSWORD
database_url() {
  printf '%s' "mysql://$1:$(url_part "$2")@$CONTROLLER/$1"
}

# has_secrets NAME...: true when this node was given all of them; otherwise says which
# it lacks.
has_secrets() {
  local name
  for name; do
    if [ -z "${!name:-}" ]; then
      echo "this node was given no $name: the blueprint has to name one of its targets ($TARGETS) in [secret.$name]"
      return 1
    fi
  done
}

# http METHOD URL [HEADER...]: sends standard input unless it is empty, and
# prints the answer. curl gets everything by its standard input, because headers
# and bodies hold passwords. Unless the answer is a success, it says what was
# answered.
http() {
  local method=$1 url=$2 body answer status header
  shift 2
  body=$(cat)
  answer=$({
    printf 'request = "%s"\nurl = "%s"\n' "$method" "$(backslashed "$url")"
    for header in 'Content-Type: application/json' 'Accept: application/json' "$@"; do
      printf 'header = "%s"\n' "$(backslashed "$header")"
    done
    [ -z "$body" ] || printf 'data-binary = "%s"\n' "$(backslashed "$body")"
  } | curl --config - --silent --show-error --noproxy '*' --connect-timeout 5 --max-time 60 \
    --write-out '\n%{http_code}') || { echo "no answer to $method $url" >&2 && return 1; }
  status=${answer##*$'\n'}
  case $status in
    2??) printf '%s\n' "${answer%$'\n'*}" ;;
    *) echo "$method $url was answered with $status: ${answer%$'\n'*}" >&2 && return 1 ;;
  esac
}

# json_rows LIST FIELD...: prints one line for each element of the list (or the
# one object) at that place of standard input: its fields, separated by tabs. A
# dot goes one level down. It uses Python, because a JSON parser in awk would be
# one more thing to trust; yum is written in Python, so every EL6 node has it.
json_rows() {
  python -c '
import json, sys
rows = json.load(sys.stdin)
for name in sys.argv[1].split("."):
    rows = rows[name]
out = getattr(sys.stdout, "buffer", sys.stdout)
for row in isinstance(rows, list) and rows or [rows]:
    fields = []
    for place in sys.argv[2:]:
        value = row
        for name in place.split("."):
            value = isinstance(value, dict) and value.get(name)
        fields.append(u"%s" % (value,))
    if row != []:
        out.write((u"\t".join(fields) + u"\n").encode("utf-8"))
' "$@"
}

# pick NAME [COLUMN]: prints a column (2) of the first row that begins with NAME.
pick() {
  NAME=$1 COLUMN=${2:-2} awk -F '\t' '$1 "" == ENVIRON["NAME"] "" { print $ENVIRON["COLUMN"]; exit }'
}

# login USER PASSWORD TENANT: prints a token of Keystone.
login() {
  local answer
  answer=$(printf '{"auth": {"passwordCredentials": {"username": %s, "password": %s}, "tenantName": %s}}' \
    "$(quoted "$1")" "$(quoted "$2")" "$(quoted "$3")" |
    http POST "http://$(address_of "$CONTROLLER"):5000/v2.0/tokens") || return 1
  printf '%s' "$answer" | json_rows access token.id
}

# keystone_answers: true when both of its ports answer. It does not use /v2.0/,
# which answers 501 until the catalog has an endpoint of Keystone itself.
keystone_answers() {
  local port
  for port in 5000 35357; do
    http GET "http://$(address_of "$CONTROLLER"):$port/v2.0/extensions" </dev/null >/dev/null || return 1
  done
}

# admin_logs_in: the condition `identity.seeded`.
admin_logs_in() {
  [ -n "$(login "$ADMIN_USER" "$OS_PASSWORD" "$ADMIN_TENANT")" ]
}

# nova_cli WORD...: runs the nova command as the cloud's administrator; the
# password is in its environment, which only root can read.
nova_cli() {
  OS_USERNAME=$ADMIN_USER OS_PASSWORD=$OS_PASSWORD OS_TENANT_NAME=$ADMIN_TENANT \
    OS_AUTH_URL=http://$CONTROLLER:5000/v2.0/ OS_REGION_NAME=$REGION timeout 120 nova "$@"
}
