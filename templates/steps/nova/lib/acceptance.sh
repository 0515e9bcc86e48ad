# shellcheck shell=bash
# The last steps test the cloud with one small machine, once: `accepted` records
# that they did, and the machine is removed. What they saw is kept in their
# reports.

ACCEPTED=$STATE/accepted
MACHINE=rackstart-acceptance
MACHINE_KEY=$STATE/acceptance.pem
MACHINE_ID=$STATE/acceptance-machine
FLOATING=$STATE/acceptance-floating
# An address outside that will not go away: a DNS root server.
OUTSIDE=198.41.0.4

# wanted TEST: true when the site has it on and it has not run yet. A test that
# needs the machine needs `boot`.
wanted() {
  [ ! -e "$ACCEPTED" ] || return 1
  case " $ACCEPTANCE " in *" $1 "*) ;; *) return 1 ;; esac
  case " $1 $ACCEPTANCE " in *' boot '*) return 0 ;; esac
  return 1
}

# saw TEXT: adds a line to the record, which goes with the report of the step.
saw() {
  printf '%s\n' "$*" | tee -a "$STATE/saw"
}

# shown FIELD: prints a field of a table on standard input, as the nova command
# prints it.
shown() {
  awk -F '|' -v field="$1" '
    { name = $2; gsub(/^ +| +$/, "", name) }
    name == field { value = $3; gsub(/^ +| +$/, "", value); print value; exit }'
}

# machine_ids: prints the ids of all machines of that name, because Nova accepts
# a second one.
machine_ids() {
  local list
  list=$(nova_cli list) || return 1
  printf '%s\n' "$list" | awk -F '|' -v name="$MACHINE" '
    { for (i = 2; i < NF; i++) { cell[i] = $i; gsub(/^ +| +$/, "", cell[i]) } }
    NF > 3 && cell[3] == name { print cell[2] }'
}

# machine FIELD: prints a field of the machine that was booted last.
machine() {
  local table
  [ -s "$MACHINE_ID" ] || return 1
  table=$(nova_cli show "$(cat "$MACHINE_ID")") || return 1
  printf '%s\n' "$table" | shown "$1"
}

# column ROW N: prints cell N of the first row of a table that has ROW as a
# cell.
column() {
  awk -F '|' -v row="$1" -v n="$2" '
    { for (i = 2; i < NF; i++) { cell[i] = $i; gsub(/^ +| +$/, "", cell[i]) } }
    { for (i = 2; i < NF; i++) if (cell[i] == row) { print cell[n + 1]; exit } }'
}

# volume N: prints a column of the volume's row: 1 is its id, 2 its state.
volume() {
  local list
  list=$(nova_cli volume-list) || return 1
  printf '%s\n' "$list" | column "$MACHINE" "$1"
}

# no_machine: true when none of that name is left.
no_machine() {
  local ids
  ids=$(machine_ids) && [ -z "$ids" ]
}

machine_is() {
  [ "$(machine status)" = "$1" ]
}

# volume_is STATE: an empty STATE means that there is no volume.
volume_is() {
  local state
  state=$(volume 2) && [ "$state" = "$1" ]
}

# machine_addresses: prints the addresses on its network, whatever that is called: its
# own, then floating ones.
machine_addresses() {
  local table
  [ -s "$MACHINE_ID" ] || return 1
  table=$(nova_cli show "$(cat "$MACHINE_ID")") || return 1
  printf '%s\n' "$table" | awk -F '|' '
    { name = $2; gsub(/^ +| +$/, "", name) }
    name ~ / network$/ { value = $3; gsub(/^ +| +$/, "", value); print value; exit }'
}

machine_address() {
  machine_addresses | awk -F ', *' '{ print $1 }'
}

# way_to_machine: with multi_host the node that a machine runs on is its router, and
# no other node has a route to it. The route is noted, because it is removed with
# the machine.
WAY=$STATE/acceptance-way
way_to_machine() {
  local host address
  [ -n "$MULTI_HOST" ] || return 0
  host=$(machine OS-EXT-SRV-ATTR:host) && address=$(machine_address) || return 1
  [ -n "$host" ] && [ -n "$address" ] || return 1
  printf '%s\n' "$address" | write_file "$WAY" 0600
  ip route replace "$address/32" via "$(address_of "$host")"
}

no_way_to_machine() {
  [ -s "$WAY" ] || return 0
  ip route del "$(cat "$WAY")/32" || echo "there is none any more"
  rm -f "$WAY"
}

# in_machine COMMAND [ADDRESS]: runs the command in the machine, by its key.
in_machine() {
  local address=${2:-}
  [ -n "$address" ] || address=$(machine_address)
  [ -n "$address" ] || return 1
  timeout 60 ssh -i "$MACHINE_KEY" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -o ConnectTimeout=10 -o LogLevel=ERROR "cirros@$address" "$1" </dev/null
}

# told WHAT COMMAND [ADDRESS]: adds the machine's answer to the record; the
# answer must not be empty.
told() {
  local said
  if ! said=$(in_machine "$2" "${3:-}") || [ -z "$said" ]; then
    echo "the machine $MACHINE does not say its $1"
    return 1
  fi
  saw "$1: $said"
}
