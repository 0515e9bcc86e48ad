# shellcheck shell=bash
# Loads the KVM modules now and at every boot: the module of this processor,
# which in the paper people choose by hand. A processor without the extension,
# or one whose BIOS has it disabled, runs machines by emulation.

script=$ROOT/etc/sysconfig/modules/kvm.modules

# vendor: prints intel or amd, or nothing when there is no such extension.
vendor() {
  case $(grep -m 1 '^flags' "$ROOT/proc/cpuinfo") in
    *' vmx'*) echo intel ;;
    *' svm'*) echo amd ;;
  esac
}

wanted() {
  printf '#!/bin/sh\nmodprobe kvm\n'
  [ -z "$(vendor)" ] || printf 'modprobe kvm-%s\n' "$(vendor)"
}

loaded() {
  [ -z "$(vendor)" ] || grep -q "^kvm_$(vendor) " "$ROOT/proc/modules"
}

check() {
  wanted | file_is "$script"
  [ -x "$script" ]
  loaded
}

apply() {
  wanted | write_file "$script" 0755
  modprobe kvm
  if [ -n "$(vendor)" ]; then
    modprobe "kvm-$(vendor)"
  else
    echo "this processor has neither vmx nor svm, or the BIOS keeps it off: machines will be emulated, which is slow"
  fi
}

verify() {
  check
}
