# shellcheck shell=bash
# Puts the small test image into Glance, where the site has one; without it
# acceptance boots no machine.

needs() {
  ! has_image || need "Glance to list its images" image_list
}

has_image() {
  image_word "$CIRROS_IMAGE" >/dev/null
}

check() {
  ! has_image || image_is_there "$CIRROS_IMAGE"
}

apply() {
  ! has_image || add_image "$CIRROS_IMAGE"
}

verify() {
  check
}
