# shellcheck shell=bash
# Puts the images of the site file into Glance.
apply_limit=3600
verify_seconds=120

# What Glance has is asked once, because everybody who may can add and remove images later.
check() {
  [ "$(cat "$STATE/images-there" 2>/dev/null)" = "$(printf '%s' "$IMAGES" | sha256sum)" ]
}

apply() {
  local name
  for name in $(image_names); do
    add_image "$name"
    image_is_there "$name"
  done
  printf '%s' "$IMAGES" | sha256sum | write_file "$STATE/images-there" 0600
}

verify() {
  local name
  check
  for name in $(image_names); do
    image_is_there "$name"
  done
}
