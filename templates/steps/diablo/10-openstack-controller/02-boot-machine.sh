# shellcheck shell=bash
# Boots one machine by EC2's tools, waits until it runs, and removes it, once, where `acceptance` has `boot` and the
# site has the image for tests.
verify_seconds=60
apply_limit=1200
only_if="acceptance"

accepted=$STATE/accepted-boot
# The machine of this step, so that a killed run removes it.
machine=$MACHINE_ID

boots() {
  wanted boot && image_word "$CIRROS_IMAGE" >/dev/null
}

needs() {
  boots || return 0
  need "the network of the machines" network_is_there
  need "the image $CIRROS_IMAGE" image_id
}

network_is_there() {
  nova-manage network list 2>/dev/null | grep -qF "${VM_NETWORK%/*}"
}

# image_id: prints the name that EC2's API gives to the image for tests.
image_id() {
  euca euca-describe-images | awk -v name="($CIRROS_IMAGE)" '
    $1 == "IMAGE" { for (i = 3; i <= NF; i++) if ($i == name) { print $2; found = 1; exit } }
    END { exit !found }'
}

# row: prints the line of the machine.
row() {
  euca euca-describe-instances "$(cat "$machine")" | awk '$1 == "INSTANCE"'
}

# What it is at the moment is one word of the line, wherever EC2's tools put it.
is_now() {
  row | grep -qwF "$1"
}

is_settled() {
  is_now running || is_now error || is_now shutdown
}

is_gone() {
  [ -z "$(row)" ] || is_now terminated
}

# remove: removes the machine of this or an earlier try.
remove() {
  [ -s "$machine" ] || return 0
  is_gone || euca euca-terminate-instances "$(cat "$machine")"
  retry 120 is_gone
  rm -f "$machine"
}

check() {
  ! boots || [ -e "$accepted" ]
}

apply() {
  boots || return 0
  remove
  euca euca-run-instances -t m1.tiny "$(image_id)" | awk '$1 == "INSTANCE" { print $2; exit }' | write_file "$machine" 0600
  [ -s "$machine" ]
  retry 600 is_settled
  row | tee "$accepted.row"
  if ! is_now running; then
    echo "the machine does not run; see /var/log/nova/nova-scheduler.log here and nova-compute.log of its node"
    return 1
  fi
  remove
  mv -f "$accepted.row" "$accepted"
}

verify() {
  check
  ! boots || saw "$(cat "$accepted")"
}
