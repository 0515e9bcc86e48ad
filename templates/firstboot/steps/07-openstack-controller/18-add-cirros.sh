# shellcheck shell=bash
# Puts the small image for tests into Glance.

needs() {
  need "Glance to list its images" image_list
}

check() {
  image_is_there "$CIRROS_IMAGE" "$CIRROS_FILE"
}

apply() {
  add_image "$CIRROS_IMAGE" "$CIRROS_FILE"
}

verify() {
  image_is_there "$CIRROS_IMAGE" "$CIRROS_FILE"
}
