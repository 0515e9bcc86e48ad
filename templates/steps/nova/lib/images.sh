# shellcheck shell=bash
# Images of virtual machines: from the server into Glance, over its API of
# version 1. For each, IMAGES has the name, disk format, kind of checksum and
# checksum, so that a truncated copy is not mistaken for the image.

# image_word NAME: prints what IMAGES says of that image.
image_word() {
  local word
  for word in $IMAGES; do
    [ "${word%%|*}" != "$1" ] || { printf '%s\n' "$word" && return 0; }
  done
  return 1
}

# other_images: prints the names of all images but the test image.
other_images() {
  local word
  for word in $IMAGES; do
    [ "${word%%|*}" = "$CIRROS_IMAGE" ] || printf '%s\n' "${word%%|*}"
  done
}

glance_url() {
  printf 'http://%s:9292/v1' "$(address_of "$CONTROLLER")"
}

glance_token() {
  login "$ADMIN_USER" "$OS_PASSWORD" "$ADMIN_TENANT"
}

# image_list: prints name, status, checksum and id of every image.
image_list() {
  local token answer
  token=$(glance_token) || return 1
  answer=$(http GET "$(glance_url)/images/detail?limit=1000" "X-Auth-Token: $token" </dev/null) || return 1
  printf '%s' "$answer" | json_rows images name status checksum id
}

# image_is_there NAME: true when there is one active image of that name, and it is the
# one that the server has, by its md5. The md5 comes from the site file, or was noted
# when the image was fetched.
image_is_there() {
  local rows sum
  rows=$(image_list) || return 1
  rows=$(printf '%s\n' "$rows" | NAME=$1 awk -F '\t' '$1 "" == ENVIRON["NAME"] "" && $2 == "active"')
  if [ "$(printf '%s\n' "$rows" | grep -c .)" != 1 ]; then
    echo "Glance does not have exactly one active image $1"
    return 1
  fi
  sum=$(cat "$STATE/image-$1.md5" 2>/dev/null) || sum=$(image_word "$1" | awk -F '|' '$3 == "md5" { print $4 }')
  [ -n "$sum" ] || { echo "the md5 of $1 is not known yet" && return 1; }
  [ "$(printf '%s\n' "$rows" | cut -f 3)" = "$sum" ] || { echo "the image $1 in Glance is another one than was put there" && return 1; }
}

# remove_images NAME MD5: removes images that a truncated upload has left. Glance
# may call one of them active although it has only a part of the bytes.
remove_images() {
  local token rows id
  token=$(glance_token) || return 1
  rows=$(image_list) || return 1
  printf '%s\n' "$rows" | NAME=$1 SUM=$2 awk -F '\t' '
    $1 "" == ENVIRON["NAME"] "" && ($2 != "active" || $3 "" != ENVIRON["SUM"] "") { print $4 }' |
    while IFS= read -r id; do
      http DELETE "$(glance_url)/images/$id" "X-Auth-Token: $token" </dev/null
    done
}

# add_image NAME: adds a public image. Its expected checksum is noted before it
# is sent, and Glance refuses an image that arrives changed.
add_image() {
  local name=$1 source=$SERVER/image/$1 file=$STATE/images/$1 format kind sum md5 token
  ! image_is_there "$1" >/dev/null 2>&1 || return 0
  IFS='|' read -r _ format kind sum <<<"$(image_word "$1")"
  mkdir -p "${file%/*}"
  # The server answers 503 rather than let short requests wait behind downloads.
  curl --silent --show-error --fail --retry 5 --retry-delay 10 --noproxy '*' --output "$file" "$source"
  if [ "$("${kind}sum" <"$file" | awk '{ print $1 }')" != "$sum" ]; then
    echo "$source does not have the $kind of the site file"
    return 1
  fi
  md5=$(md5sum <"$file" | cut -c 1-32)
  printf '%s\n' "$md5" | write_file "$STATE/image-$name.md5" 0600
  remove_images "$name" "$md5"
  # The image may have been there all the time.
  ! image_is_there "$1" >/dev/null 2>&1 || { rm -f "$file" && return 0; }
  token=$(glance_token)
  # A header holds no byte above 127, and needs no encoding below; people type
  # the name of an image.
  printf 'header = "X-Auth-Token: %s"\nheader = "X-Image-Meta-Name: %s"\n' "$token" "$(backslashed "$name")" |
    curl --config - --silent --show-error --fail --noproxy '*' --request POST --output /dev/null \
      --header 'Content-Type: application/octet-stream' --header 'X-Image-Meta-Is-Public: True' \
      --header "X-Image-Meta-Disk-Format: $format" --header 'X-Image-Meta-Container-Format: bare' \
      --header "X-Image-Meta-Checksum: $md5" --header 'Expect:' --upload-file "$file" "$(glance_url)/images"
  rm -f "$file"
}
