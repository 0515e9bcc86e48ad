# shellcheck shell=bash
# Where a node gets packages from: on every release the repositories of the site
# file, and on EL6 its install tree at the server. The mirror list that CentOS 6
# was shipped with is gone, and yum gives up on it before it tries anything
# else; later releases keep the repositories that they come with.

REPOSITORIES=$ROOT/etc/yum.repos.d
KEYS=/etc/pki/rpm-gpg

# use_repositories: writes the node's repositories, and switches dead ones off.
use_repositories() {
  local path key file text
  for path in $YUM_REPOSITORIES; do
    key=$PAYLOAD/keys/${path%%/*}
    [ ! -e "$key" ] || write_file "$ROOT$KEYS/RPM-GPG-KEY-rackstart-${path%%/*}" 0644 <"$key"
  done
  text=$(repository_file)
  [ -z "$text" ] || printf '%s\n' "# Written by rackstart." "$text" | write_file "$REPOSITORIES/rackstart.repo" 0644
  case $RELEASE in 6.*) ;; *) return 0 ;; esac
  for file in "$REPOSITORIES"/*.repo; do
    ! grep -q '^[[:space:]]*mirrorlist[[:space:]]*=.*mirrorlist\.centos\.org' "$file" || switch_off "$file"
  done
}

# repository_file: prints the sections of rackstart.repo.
repository_file() {
  local path name
  case $RELEASE in 6.*) install_tree_sections ;; esac
  for path in $YUM_REPOSITORIES; do
    name=${path%%/*}
    printf '[rackstart-%s]\nname=%s of the site file\nbaseurl=%s\nenabled=1\n' "${path/\//-}" "$path" "$SERVER/repo/$path"
    if [ -e "$PAYLOAD/keys/$name" ]; then
      printf 'gpgcheck=1\ngpgkey=file://%s\n\n' "$KEYS/RPM-GPG-KEY-rackstart-$name"
    else
      printf 'gpgcheck=0\n\n'
    fi
  done
}

install_tree_sections() {
  local tree=$SERVER/tree/$INSTALL_TREE
  cat <<EOF
[rackstart-base]
name=CentOS $RELEASE, install tree $INSTALL_TREE
baseurl=$tree
gpgcheck=1
gpgkey=file://$KEYS/RPM-GPG-KEY-CentOS-6
skip_if_unavailable=1

# This section is for what the tree does not hold, if somebody put a repository
# there.
[rackstart-extra]
name=more packages for CentOS $RELEASE
baseurl=$tree/extra
gpgcheck=1
gpgkey=$tree/extra/RPM-GPG-KEY
skip_if_unavailable=1

EOF
}

# switch_off FILE: sets enabled=0 in the sections that use the dead mirror list.
# The original file stays beside it, under a name that yum does not read.
switch_off() {
  local text
  text=$(awk '
    function flush() {
      if (dead) { print title; print "enabled=0"; printf "%s", rest }
      else if (title != "") { print title; printf "%s%s", on, rest }
      title = on = rest = ""; dead = 0
    }
    /^[ \t]*\[/ { flush(); title = $0; next }
    title == "" { print; next }
    /^[ \t]*mirrorlist[ \t]*=.*mirrorlist\.centos\.org/ { dead = 1 }
    /^[ \t]*enabled[ \t]*=/ { on = on $0 "\n"; next }
    { rest = rest $0 "\n" }
    END { flush() }
  ' "$1") || return 1
  [ "$text" != "$(cat "$1")" ] || return 0
  [ -e "$1.before-rackstart" ] || write_file "$1.before-rackstart" 0644 <"$1"
  printf '%s\n' "$text" | write_file "$1" 0644
}
