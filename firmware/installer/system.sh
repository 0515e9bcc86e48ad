# shellcheck shell=bash
# The installed system: unpacked, told who it is, and given a boot loader.

# unpack_archive: reads the archive once, from the server to the disk. Nothing of it is run before its checksum is right.
unpack_archive() {
  local try codes sum
  for try in 1 2 3; do
    say "unpacking $archive_url"
    rm -f "$work/sum"
    mkfifo "$work/copy" 2>/dev/null
    sha256sum "$work/copy" >"$work/sum" &
    curl -sS -f "$archive_url" 2>>"$log" | tee "$work/copy" | zstd -q -dc 2>>"$log" |
      tar -x --numeric-owner --xattrs --xattrs-include='*' -C "$target" -f - 2>>"$log"
    codes="${PIPESTATUS[*]}"
    wait $!
    read -r sum _ <"$work/sum"
    [ "$codes" != "0 0 0 0" ] || break
    [ "$try" -lt 3 ] || stop "the archive cannot be unpacked (curl, tee, zstd, tar: $codes): $(tail -n 3 "$log")"
    sleep 10
  done
  [ "$sum" = "$archive_sum" ] || stop "the archive $archive_url has the SHA-256 $sum, and the plan says $archive_sum"
}

# enter_target: what programs in the new system need of this one.
enter_target() {
  local place
  for place in dev proc sys run; do
    mkdir -p "$target/$place"
    must mount --rbind "/$place" "$target/$place"
  done
  cp /etc/resolv.conf "$target/etc/resolv.conf"
}

# leave_target: writes everything to the disks, and lets go of them.
leave_target() {
  local place
  sync
  for place in run sys proc dev; do umount -R -l "$target/$place"; done
  umount -R "$target" || say "a file system is still in use"
  lvm vgchange -a n >>"$log" 2>&1
  sync
}

# write_system: everything of the kickstart that concerns the installed system.
write_system() {
  local line words name
  write_fstab >"$target/etc/fstab"
  sed 's/-//g' /proc/sys/kernel/random/uuid >"$target/etc/machine-id"
  ln -sfn "/usr/share/zoneinfo/$timezone" "$target/etc/localtime"
  echo "$timezone" >"$target/etc/timezone"
  echo LANG=C.UTF-8 >"$target/etc/default/locale"
  mkdir -p "$target/etc/systemd/network"
  : >"$target/etc/resolv.conf"
  for line in "${networks[@]}"; do
    split "$line"
    write_network
  done
  echo "${host_name:-localhost}" >"$target/etc/hostname"
  write_times
  [ -z "$root_hash" ] || must chroot "$target" usermod -p "$root_hash" root
  for line in "${accounts[@]}"; do
    split "$line"
    add_account
  done
  for line in "${account_keys[@]}"; do
    split "$line"
    add_key "$(value_of --username)" "$(plain_words | head -n 1)"
  done
  [ "$firewall" = no ] || write_filter
  must chroot "$target" ssh-keygen -A
  # shellcheck disable=SC2086 # lists of names
  {
    for name in $services_on; do must chroot "$target" systemctl enable "$name"; done
    for name in $services_off; do must chroot "$target" systemctl disable "$name"; done
  }
}

# prefix NETMASK: prints how many ones it begins with.
prefix() {
  local part ones=0
  for part in ${1//./ }; do
    while [ "$part" -gt 0 ]; do
      ones=$((ones + (part & 1))) part=$((part >> 1))
    done
  done
  echo "$ones"
}

# write_network: a file of systemd-networkd, for a card by its MAC, from `words`.
write_network() {
  local mac file server
  mac=$(value_of --device)
  file=$target/etc/systemd/network/70-rackstart-${mac//:/-}.network
  ! given --hostname || host_name=$(value_of --hostname)
  {
    printf '[Match]\nMACAddress=%s\n\n' "$mac"
    if given --onboot && [ "$(value_of --onboot)" = no ]; then
      printf '[Link]\nUnmanaged=yes\n'
    else
      printf '[Network]\nIPv6AcceptRA=no\nLinkLocalAddressing=no\n'
      case $(value_of --bootproto) in
        static)
          printf 'Address=%s/%s\n' "$(value_of --ip)" "$(prefix "$(value_of --netmask)")"
          ! given --gateway || printf 'Gateway=%s\n' "$(value_of --gateway)"
          ;;
        dhcp) printf 'DHCP=ipv4\n' ;;
      esac
    fi
  } >"$file"
  for server in $(value_of --nameserver | sed 's/,/ /g'); do
    grep -qxF "nameserver $server" "$target/etc/resolv.conf" || echo "nameserver $server" >>"$target/etc/resolv.conf"
  done
}

# write_times: chrony asks the servers of the site file, and no others.
write_times() {
  [ -e "$target/etc/chrony/chrony.conf" ] && [ "${#time_servers[@]}" -gt 0 ] || return 0
  sed -i 's/^\(pool\|server\) /# &/' "$target/etc/chrony/chrony.conf"
  mkdir -p "$target/etc/chrony/sources.d"
  printf 'server %s iburst\n' "${time_servers[@]}" >"$target/etc/chrony/sources.d/rackstart.sources"
}

# add_account: from `words`, of a line user. `wheel` is called sudo here; groups that are not there are made.
add_account() {
  local name group all=() with=()
  name=$(value_of --name)
  for group in $(value_of --groups | sed 's/,/ /g'); do
    [ "$group" != wheel ] || group=sudo
    grep -q "^$group:" "$target/etc/group" || must chroot "$target" groupadd "$group"
    all+=("$group")
  done
  [ "${#all[@]}" = 0 ] || with=(-G "$(IFS=, && echo "${all[*]}")")
  ! given --password || with+=(-p "$(value_of --password)")
  must chroot "$target" useradd -m -s /bin/bash "${with[@]}" "$name"
}

# add_key NAME LINE: lets an account log in by a public key.
add_key() {
  local home owner
  IFS=: read -r _ _ owner group _ home _ <<<"$(grep "^$1:" "$target/etc/passwd")"
  [ -n "${home:-}" ] || stop "there is no account $1 for its key"
  (umask 077 && mkdir -p "$target$home/.ssh" && printf '%s\n' "$2" >>"$target$home/.ssh/authorized_keys")
  chown -R "$owner:$group" "$target$home/.ssh"
}

# write_filter: only ssh is open.
write_filter() {
  local file icmp
  mkdir -p "$target/etc/iptables"
  for file in v4 v6; do
    icmp=icmp
    [ $file = v4 ] || icmp=ipv6-icmp
    printf '%s\n' '*filter' ':INPUT DROP [0:0]' ':FORWARD DROP [0:0]' ':OUTPUT ACCEPT [0:0]' '-A INPUT -i lo -j ACCEPT' \
      '-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT' "-A INPUT -p $icmp -j ACCEPT" \
      '-A INPUT -p tcp --dport 22 -j ACCEPT' COMMIT >"$target/etc/iptables/rules.$file"
  done
  must chroot "$target" systemctl enable netfilter-persistent
}

# install_loader: GRUB for the firmware that this machine was started by. On UEFI it is installed at the fallback path as
# well, and the firmware's own list of entries stays as it is: a rack boots from the network first.
install_loader() {
  mkdir -p "$target/etc/default/grub.d"
  printf 'GRUB_CMDLINE_LINUX="%s"\nGRUB_CMDLINE_LINUX_DEFAULT=""\nGRUB_TIMEOUT=1\n' "$kernel_args" \
    >"$target/etc/default/grub.d/rackstart.cfg"
  if [ -d /sys/firmware/efi ]; then
    must chroot "$target" grub-install --target=x86_64-efi --efi-directory=/boot/efi --bootloader-id=debian --no-nvram \
      --force-extra-removable
  else
    must chroot "$target" grub-install --target=i386-pc "/dev/$boot_drive"
  fi
  must chroot "$target" update-grub
}
