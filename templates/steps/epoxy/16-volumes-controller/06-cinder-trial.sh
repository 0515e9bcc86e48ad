# shellcheck shell=bash
# Makes a volume of 1 GB and deletes it, once: only then the backend is known to work.
verify_seconds=180

name=rackstart-trial

check() {
  [ -e "$STATE/volume-tried" ]
}

# trial: prints id and status of the volume.
trial() {
  volume_api GET "/volumes/detail?name=$name" </dev/null | json_rows volumes id status
}

trial_is() {
  [ "$(trial | cut -f 2)" = "$1" ]
}

# An earlier try may have left one, whole or broken.
apply() {
  local id
  be_admin
  remove_trial
  printf '{"volume": {"name": "%s", "size": 1}}' "$name" | volume_api POST /volumes >/dev/null
  if ! retry 150 trial_is available; then
    echo "the volume $name is $(trial | cut -f 2), not available; see /var/log/cinder"
    return 1
  fi
  remove_trial
  now | write_file "$STATE/volume-tried" 0600
}

remove_trial() {
  local id
  for id in $(trial | cut -f 1); do
    volume_api DELETE "/volumes/$id?force=true&cascade=true" </dev/null >/dev/null || return 1
  done
  retry 120 trial_is ''
}

verify() {
  check
  be_admin
  trial_is ''
}
