# shellcheck shell=bash
# Lets people ping the machines of the administrator's project and use ssh to them.

needs() {
  need "the credentials of the administrator" [ -e "$ROOT$CREDENTIALS/novarc" ]
  need "the EC2 API (tcp 8773)" port_open "$CONTROLLER" 8773
}

# admits PROTOCOL FROM TO: true when the group `default` has this rule.
admits() {
  euca euca-describe-groups default | awk -v protocol="$1" -v from="$2" -v to="$3" '
    $1 == "PERMISSION" && $4 == "ALLOWS" && $5 == protocol && $6 == from && $7 == to { found = 1 }
    END { exit !found }'
}

check() {
  admits icmp -1 -1
  admits tcp 22 22
}

apply() {
  admits icmp -1 -1 || euca euca-authorize -P icmp -t -1:-1 default
  admits tcp 22 22 || euca euca-authorize -P tcp -p 22 default
}

verify() {
  check
}
