# shellcheck shell=bash
# Puts the other images of the site into Glance; in the paper that is Ubuntu.
apply_limit=3600

needs() {
  [ -z "$(other_images)" ] || need "Glance to list its images" image_list
}

check() {
  local name
  for name in $(other_images); do
    image_is_there "$name"
  done
}

apply() {
  local name
  for name in $(other_images); do
    add_image "$name"
  done
}

verify() {
  check
}
