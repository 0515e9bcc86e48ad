# shellcheck shell=bash
# The last steps prove the cloud with one small machine, once: `accepted` notes
# that they did, and the machine goes. What they saw is kept in their reports.

ACCEPTED=$STATE/accepted
MACHINE=rackstart-acceptance
MACHINE_KEY=$STATE/acceptance.pem

# wanted TEST: true when the site has it on and it was not done yet. A test that
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

# shown FIELD: of a table on standard input, as the nova command prints it.
shown() {
  awk -F '|' -v field="$1" '
    { name = $2; gsub(/^ +| +$/, "", name) }
    name == field { value = $3; gsub(/^ +| +$/, "", value); print value; exit }'
}

machine() {
  nova_cli show "$MACHINE" | shown "$1"
}

# column ROW N: of the first row of a table that has ROW as a cell, cell N.
column() {
  awk -F '|' -v row="$1" -v n="$2" '
    { for (i = 2; i < NF; i++) { cell[i] = $i; gsub(/^ +| +$/, "", cell[i]) } }
    { for (i = 2; i < NF; i++) if (cell[i] == row) { print cell[n + 1]; exit } }'
}

# volume N: a column of the volume's row: 1 is its id, 2 its state.
volume() {
  nova_cli volume-list | column "$MACHINE" "$1"
}

machine_is() {
  [ "$(machine status)" = "$1" ]
}

volume_is() {
  [ "$(volume 2)" = "$1" ]
}

# machine_address: on the network of the virtual machines.
machine_address() {
  machine 'public network' | awk -F ', *' '{ print $1 }'
}

# in_machine COMMAND: in the machine, by its key.
in_machine() {
  timeout 60 ssh -i "$MACHINE_KEY" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -o ConnectTimeout=10 -o LogLevel=ERROR "cirros@$(machine_address)" "$1" </dev/null
}
