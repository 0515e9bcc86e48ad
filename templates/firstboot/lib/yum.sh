# shellcheck shell=bash
# Where an EL6 node gets packages from: its install tree at the server. The mirror
# list that CentOS 6 was shipped with is gone, and yum gives up on it before it
# looks anywhere else.

REPOSITORIES=$ROOT/etc/yum.repos.d

# use_install_tree: writes the node's repository, and switches the dead ones off.
use_install_tree() {
  local tree=$SERVER/tree/$INSTALL_TREE
  write_file "$REPOSITORIES/rackstart.repo" 0644 <<EOF
# Written by rackstart.
[rackstart-base]
name=CentOS $RELEASE, install tree $INSTALL_TREE
baseurl=$tree
gpgcheck=1
gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-CentOS-6
skip_if_unavailable=1

# What the tree does not hold, if somebody put a repository there.
[rackstart-extra]
name=more packages for CentOS $RELEASE
baseurl=$tree/extra
gpgcheck=1
gpgkey=$tree/extra/RPM-GPG-KEY
skip_if_unavailable=1
EOF
  local file
  for file in "$REPOSITORIES"/*.repo; do
    ! grep -q '^[[:space:]]*mirrorlist[[:space:]]*=.*mirrorlist\.centos\.org' "$file" || switch_off "$file"
  done
}

# switch_off FILE: sets enabled=0 in its sections that use the dead mirror list.
# The file as it was is kept beside it, under a name that yum does not read.
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
