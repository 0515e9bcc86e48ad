# shellcheck shell=bash
# Makes SELinux permissive, now and for later boots, in both security modes:
# EL6 has no policy for Essex on GlusterFS. A node with SELinux off stays so.

config=$ROOT/etc/selinux/config

file_allows() {
  case $(key_of "$config" SELINUX) in permissive | disabled | '') return 0 ;; esac
  return 1
}

kernel_allows() {
  ! have getenforce || [ "$(getenforce)" != Enforcing ]
}

check() {
  file_allows
  kernel_allows
}

apply() {
  if ! file_allows; then
    sed 's/^[ \t]*SELINUX[ \t]*=.*/SELINUX=permissive/' "$config" | write_file "$config" 0644
  fi
  kernel_allows || setenforce 0
}

verify() {
  check
}
