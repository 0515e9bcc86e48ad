# shellcheck shell=bash
# HTTP APIs with JSON, called with curl. Secrets go to curl on its standard input, never on its command line.

# has_secrets NAME...: true when this node was given all of them; says which it lacks.
has_secrets() {
  local name
  for name; do
    if [ -z "${!name:-}" ]; then
      echo "this node was given no $name: the blueprint has to name one of its targets ($TARGETS) in [secret.$name]"
      return 1
    fi
  done
}

# http METHOD URL [HEADER...]: sends standard input unless it is empty, prints the answer. Says what was answered
# unless that was a success. With HTTP_KEEP=headers it prints the headers in place of the body.
http() {
  local method=$1 url=$2 body answer status header show='output = "-"'
  shift 2
  body=$(cat)
  [ "${HTTP_KEEP:-}" != headers ] || show='dump-header = "-"
output = "/dev/null"'
  answer=$({
    printf 'request = "%s"\nurl = "%s"\n%s\n' "$method" "$(backslashed "$url")" "$show"
    for header in 'Content-Type: application/json' 'Accept: application/json' "$@"; do
      printf 'header = "%s"\n' "$(backslashed "$header")"
    done
    [ -z "$body" ] || printf 'data-binary = "%s"\n' "$(backslashed "$body")"
  } | curl --config - --silent --show-error --noproxy '*' --connect-timeout 5 --max-time "${HTTP_SECONDS:-60}" \
    --write-out '\n%{http_code}') || { echo "no answer to $method $url" >&2 && return 1; }
  status=${answer##*$'\n'}
  case $status in
    2??) printf '%s\n' "${answer%$'\n'*}" ;;
    *) echo "$method $url was answered with $status: $(printf '%s' "${answer%$'\n'*}" | head -c 1000)" >&2 && return 1 ;;
  esac
}

# answers URL: true when an HTTP server answers there, unless with 5xx, which means that it
# can do nothing.
answers() {
  local status
  status=$(curl --silent --noproxy '*' --connect-timeout 3 --max-time 20 --output /dev/null --write-out '%{http_code}' "$1") || return 1
  case $status in 2?? | 3?? | 4??) return 0 ;; esac
  echo "$1 is answered with $status"
  return 1
}

# json_rows LIST FIELD...: prints one line for each element of the list (or the one object) at that place of standard
# input: its fields, separated by tabs. A dot goes one level down; LIST `.` is all of it. It uses Python, because a JSON
# parser in awk would be one more thing to trust; yum is written in Python, so every EL6 node has it. PYTHON names it
# where `python` is not there.
json_rows() {
  "${PYTHON:-python}" -c '
import json, sys
rows = json.load(sys.stdin)
for name in sys.argv[1] != "." and sys.argv[1].split(".") or []:
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

# pick NAME [COLUMN]: of rows that begin with NAME, prints a column (2) of the first.
pick() {
  NAME=$1 COLUMN=${2:-2} awk -F '\t' '$1 "" == ENVIRON["NAME"] "" { print $ENVIRON["COLUMN"]; exit }'
}
