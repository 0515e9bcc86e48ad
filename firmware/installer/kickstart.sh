# shellcheck shell=bash
# Reading a kickstart: its sections into files, its command lines into variables.

# Lists of lines, each as it was written; `split` takes one apart again.
partitions=() groups=() volumes=() networks=() accounts=() account_keys=() time_servers=()
archive_url='' archive_sum='' boot_drive='' kernel_args='' timezone=UTC root_hash='' firewall=no
services_on='' services_off='' host_name=''

# read_sections FILE COMMANDS: writes what lies outside of sections to COMMANDS, and each section's head and body to
# files that are numbered in their order.
read_sections() {
  local line number=0 body=
  : >"$2"
  while IFS= read -r line || [ -n "$line" ]; do
    if [ -n "$body" ]; then
      [ "$line" != %end ] && printf '%s\n' "$line" >>"$body" || body=
      continue
    fi
    case $line in
      %include* | [!%]*) printf '%s\n' "$line" >>"$2" ;;
      %*)
        number=$((number + 1))
        body=$work/section-$(printf %02d $number)
        printf '%s\n' "$line" >"$body.head"
        : >"$body"
        ;;
    esac
  done <"$1"
}

# run_sections KIND: runs the scripts of one kind. One that must not fail (--erroronfail) stops the installation.
run_sections() {
  local head words script interpreter log_file code inside
  for head in "$work"/section-*.head; do
    [ -e "$head" ] || continue
    split "$(cat "$head")"
    [ "${words[0]}" = "$1" ] || continue
    script=${head%.head}
    interpreter=$(value_of --interpreter) || interpreter=/bin/bash
    log_file=$(value_of --log || value_of --logfile) || log_file=/dev/null
    inside=
    if [ "$1" = %post ] && ! given --nochroot; then
      inside=$target
      mkdir -p "$target/tmp"
      cp "$script" "$target/tmp/${script##*/}"
    fi
    mkdir -p "$inside${log_file%/*}"
    code=0
    if [ -n "$inside" ]; then
      chroot "$target" "$interpreter" "/tmp/${script##*/}" </dev/null >"$inside$log_file" 2>&1 || code=$?
      rm -f "$target/tmp/${script##*/}"
    else
      "$interpreter" "$script" </dev/null >"$log_file" 2>&1 || code=$?
    fi
    [ "$code" = 0 ] || say "a $1 script ended with $code"
    [ "$code" = 0 ] || ! given --erroronfail || stop "a $1 script ended with $code: $(tail -n 3 "$log_file")"
  done
}

# split LINE: sets `words` as shlex.split of Python would, without the comment.
split() {
  local i letter word='' quote='' open=no
  words=()
  for ((i = 0; i < ${#1}; i++)); do
    letter=${1:i:1}
    case $quote$letter in
      "''" | '""') quote= ;;
      '"\') i=$((i + 1)) word+=${1:i:1} ;;
      \'? | \"?) word+=$letter ;;
      \' | \") quote=$letter open=yes ;;
      '\') i=$((i + 1)) word+=${1:i:1} open=yes ;;
      '#') break ;; # within a word too
      ' ' | $'\t')
        [ $open = no ] || words+=("$word")
        word='' open=no
        ;;
      *) word+=$letter open=yes ;;
    esac
  done
  [ $open = no ] || words+=("$word")
}

# value_of OPTION: prints the value of --OPTION=VALUE in `words`.
value_of() {
  local word
  for word in "${words[@]}"; do
    case $word in
      "$1="*) printf '%s' "${word#*=}" && return 0 ;;
    esac
  done
  return 1
}

# given OPTION: whether `words` have it, with a value or without.
given() {
  local word
  for word in "${words[@]}"; do
    case $word in
      "$1" | "$1="*) return 0 ;;
    esac
  done
  return 1
}

# plain_words: prints the words that are no options, one a line, without the command.
plain_words() {
  local word
  for word in "${words[@]:1}"; do
    case $word in
      --*) ;;
      *) printf '%s\n' "$word" ;;
    esac
  done
}

# read_commands FILE: notes every command of the file, and of those that it includes.
read_commands() {
  local line words
  while IFS= read -r line; do
    split "$line"
    case ${words[0]:-} in
      '' | cmdline | keyboard | lang | reboot | zerombr | ignoredisk | clearpart) ;; # done, or nothing to do
      %include)
        [ -r "${words[1]}" ] || stop "there is no ${words[1]}, which the kickstart includes"
        read_commands "${words[1]}"
        ;;
      liveimg) archive_url=$(value_of --url) && archive_sum=$(value_of --checksum) ;;
      bootloader)
        boot_drive=$(value_of --boot-drive)
        kernel_args=$(value_of --append)
        ;;
      part) partitions+=("$line") ;;
      volgroup) groups+=("$line") ;;
      logvol) volumes+=("$line") ;;
      network) networks+=("$line") ;;
      user) accounts+=("$line") ;;
      sshkey) account_keys+=("$line") ;;
      timesource) time_servers+=("$(value_of --ntp-server)") ;;
      timezone) timezone=$(plain_words | head -n 1) ;;
      rootpw) given --lock && root_hash= || root_hash=$(plain_words | head -n 1) ;;
      firewall) given --enabled && firewall=yes || firewall=no ;;
      services)
        services_on=$(value_of --enabled | sed 's/,/ /g')
        services_off=$(value_of --disabled | sed 's/,/ /g')
        ;;
      *) stop "this installer does not know the command ${words[0]}" ;;
    esac
  done <"$1"
}
