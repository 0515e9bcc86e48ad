# shellcheck shell=bash
# The compute services of other nodes: disabled before those nodes are wiped, and enabled
# after.

# keep_nova disable|enable NODE: changes the row of its compute service in Nova.
keep_nova() {
  local status
  if ! command -v nova-manage >/dev/null; then
    echo "there is no Nova on $NODE"
    return 0
  fi
  status=$(service_status "$2") || { echo "\`nova-manage service list\` fails on $NODE" && return 1; }
  if [ -z "$status" ]; then
    echo "Nova knows no nova-compute on $2"
    return 0
  fi
  if [ "$status" != "${1}d" ]; then
    timeout 120 nova-manage service "$1" "--host=$2" --service=nova-compute || return 1
    status=$(service_status "$2")
  fi
  echo "nova-compute on $2 is ${status:-gone}"
  [ "$status" = "${1}d" ]
}

# service_status NODE: prints `enabled` or `disabled`, or nothing when Nova has no such
# service.
service_status() {
  local list
  list=$(timeout 120 nova-manage service list 2>/dev/null) || return 1
  printf '%s\n' "$list" | awk -v host="$1" '$1 == "nova-compute" && $2 == host { print $4; exit }'
}
