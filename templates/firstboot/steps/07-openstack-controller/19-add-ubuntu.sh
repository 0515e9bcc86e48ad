# shellcheck shell=bash
# Puts the Ubuntu image into Glance, where the site has one: `ubuntu_file` of the
# blueprint names it.
apply_limit=3600

needs() {
  [ -z "$UBUNTU_FILE" ] || need "Glance to list its images" image_list
}

check() {
  [ -z "$UBUNTU_FILE" ] || image_is_there ubuntu "$UBUNTU_FILE"
}

apply() {
  [ -z "$UBUNTU_FILE" ] || add_image ubuntu "$UBUNTU_FILE"
}

verify() {
  check
}
