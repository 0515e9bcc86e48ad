# shellcheck shell=bash
# Lets ping and ssh through to virtual machines, in the default security group of
# the administrator's tenant.

needs() {
  need "the administrator to log in to Keystone" admin_logs_in
  need "the API of Nova on $CONTROLLER (tcp 8774)" port_open "$CONTROLLER" 8774
}

# has_rule PROTOCOL FROM TO: looks for the words of the row, whatever its columns are
# called.
has_rule() {
  printf '%s\n' "$rules" | awk -F '|' -v wanted="$1 $2 $3 0.0.0.0/0" '
    { row = ""; for (i = 2; i <= 5; i++) { gsub(/ /, "", $i); row = row " " $i } }
    row == " " wanted { found = 1 }
    END { exit !found }'
}

check() {
  local rules
  has_secrets OS_PASSWORD
  rules=$(nova_cli secgroup-list-rules default)
  has_rule icmp -1 -1
  has_rule tcp 22 22
}

apply() {
  local rules
  has_secrets OS_PASSWORD
  rules=$(nova_cli secgroup-list-rules default)
  has_rule icmp -1 -1 || nova_cli secgroup-add-rule default icmp -1 -1 0.0.0.0/0
  has_rule tcp 22 22 || nova_cli secgroup-add-rule default tcp 22 22 0.0.0.0/0
}

verify() {
  check
}
