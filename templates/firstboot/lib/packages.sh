# shellcheck shell=bash
# Packages of a step: it sets `packages` to a list of names.

# A step names what it installs in a line packages="NAME...", and from EL7 on
# also packages_el7="NAME...", at the start of the line and without variables:
# rackstart reads the same lines for `check`, before any node is installed.

# packages_of_steps: prints what the steps of this node install on every release,
# each name once.
packages_of_steps() {
  local step group others
  others=$(left_out)$'\n'
  for step in "$PAYLOAD"/steps/*/*.sh; do
    group=${step%/*}
    group=${group##*/}
    is_target "${group##*-}" || continue
    case $others in *$'\n'"$step"$'\n'*) continue ;; esac
    # Both numbers have two digits.
    [[ ${group%%-*} > ${LAST_GROUP:-99} ]] || cat "$step"
  done | sed -n 's/^packages="\([^"]*\)".*/\1/p' | tr -s ' ' '\n' | sort -u
}

# shellcheck disable=SC2086 # a list
packages_installed() {
  rpm -q $packages
}

# shellcheck disable=SC2086 # a list
install_packages() {
  packages_installed >/dev/null || yum -y install $packages
}

# packages_arrived: asks rpm, because yum returns 0 even when it knows only some of several
# names.
packages_arrived() {
  local name missing=
  for name in $packages; do
    rpm -q "$name" || missing="$missing $name"
  done
  [ -n "$missing" ] || return 0
  echo "yum did not install:$missing"
  say_where_packages_come_from
  return 1
}

say_where_packages_come_from() {
  [ ! -e "$ROOT/etc/yum.repos.d/rackstart.repo" ] ||
    echo "the repositories of this node are${YUM_REPOSITORIES:+ $YUM_REPOSITORIES of the site file,} $SERVER/tree/$INSTALL_TREE and, with what it lacks, its folder extra; README.md of firstboot says how"
}
