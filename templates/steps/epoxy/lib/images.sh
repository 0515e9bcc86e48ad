# shellcheck shell=bash
# Images of the site file: from the server into Glance, over its API of version 2. For each, IMAGES has the name, disk
# format, kind of checksum and checksum. Those that this site has put there carry a mark, and no other is ever touched.

IMAGE_MARK=rackstart_site

# image_word NAME: prints what IMAGES says of that image.
image_word() {
  local word
  for word in $IMAGES; do
    [ "${word%%|*}" != "$1" ] || { printf '%s\n' "$word" && return 0; }
  done
  return 1
}

image_names() {
  local word
  for word in $IMAGES; do printf '%s\n' "${word%%|*}"; done
}

# image_api METHOD PATH
image_api() {
  admin "$1" "http://$CONTROLLER:9292/v2$2"
}

# image_rows NAME: prints id, status and md5 of each image of that name that this site has put there.
image_rows() {
  image_api GET "/images?limit=100&$IMAGE_MARK=yes&name=$(url_part "$1")" </dev/null | json_rows images id status checksum
}

# image_sum NAME: prints its md5, which the site file has, or which was noted when the image was fetched.
image_sum() {
  cat "$STATE/image-$1.md5" 2>/dev/null || image_word "$1" | awk -F '|' '$3 == "md5" { print $4 }'
}

# image_is_there NAME: true when there is one, active, and the one that the server has.
image_is_there() {
  local rows sum
  sum=$(image_sum "$1")
  rows=$(image_rows "$1") || return 1
  if [ -z "$sum" ] || [ "$(printf '%s' "$rows" | cut -f 2,3)" != "active	$sum" ]; then
    echo "Glance does not have exactly one active image $1 with the checksum of the site file"
    return 1
  fi
}

# add_image NAME: what a cut upload has left of it is removed first.
add_image() {
  local file=$STATE/images/$1 format kind sum id
  be_admin || return 1
  ! image_is_there "$1" >/dev/null || return 0
  IFS='|' read -r _ format kind sum <<<"$(image_word "$1")"
  mkdir -p "${file%/*}"
  # The server answers 503 rather than let short requests wait behind downloads.
  curl --silent --show-error --fail --retry 5 --retry-delay 10 --noproxy '*' --output "$file" "$SERVER/image/$1"
  if [ "$("${kind}sum" <"$file" | awk '{ print $1 }')" != "$sum" ]; then
    echo "$SERVER/image/$1 does not have the $kind of the site file"
    return 1
  fi
  md5sum <"$file" | cut -c 1-32 | write_file "$STATE/image-$1.md5" 0600
  if ! image_is_there "$1" >/dev/null; then
    for id in $(image_rows "$1" | cut -f 1); do
      image_api DELETE "/images/$id" </dev/null
    done
    id=$(printf '{"name": %s, "disk_format": "%s", "container_format": "bare", "visibility": "public", "%s": "yes"}' \
      "$(quoted "$1")" "$format" "$IMAGE_MARK" | image_api POST /images | json_rows . id)
    printf 'header = "X-Auth-Token: %s"\n' "$ADMIN_TOKEN" |
      curl --config - --silent --show-error --fail --noproxy '*' --request PUT --output /dev/null \
        --header 'Content-Type: application/octet-stream' --header 'Expect:' --upload-file "$file" \
        "http://$CONTROLLER:9292/v2/images/$id/file"
  fi
  rm -f "$file"
}
