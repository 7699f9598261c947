# The virtual machine. Sourced by `run`, after `prepare` has told tree and initramfs, with the options of `run` in
# pfs, limit, out, connected, accelerator, processors, devices and kernel_options, and a directory of its own in share.

# boot SCRIPT FILE | NAME=FILE…: exits with the status of the run.
boot() {
  local i file status=0
  mkdir "$share/host" "$share/host/out"
  cp "$1" "$share/host/job"
  for file in "${@:2}"; do
    if [ -e "$file" ]; then cp "$file" "$share/host/"; else cp "${file#*=}" "$share/host/${file%%=*}"; fi
  done
  for i in $(seq 1 "$pfs"); do
    devices+=(-device "pcie-root-port,id=port$i,chassis=$i,slot=$i")
    # multifunction: real udev would otherwise compute one name for the PF and all its VFs.
    devices+=(-device "igb,multifunction=on,bus=port$i,romfile=")
  done

  # QEMU takes the end of its stdin for a port that is unplugged, and the guest could not write any more. So its
  # stdin is a pipe that never ends, since we hold both ends of it.
  mkfifo "$share/stdin"
  exec 3<>"$share/stdin"
  if [ -n "$connected" ]; then
    setpriv --pdeathsig KILL cat <&0 >&3 2>/dev/null &
    feeder=$!
  fi

  kernel_options+=(console=ttyS0 quiet loglevel=2)
  # No bug of the kernel's or of ours goes unseen: each ends the guest.
  kernel_options+=(panic=-1 oops=panic panic_on_warn=1)
  # Whether the timer works is judged by what it did in a moment in which a busy machine may have done something else:
  # "timer doesn't work through Interrupt-remapped IO-APIC" was the end of a guest.
  kernel_options+=(no_timer_check)
  # Work that nothing here needs: self-tests, and clearing pages before they are overwritten.
  kernel_options+=(cryptomgr.notests apparmor=0 mitigations=off init_on_alloc=0)

  say "booting Linux $(cat "$tree/kernel-release") with $pfs PF(s), takes some 3 s"
  [ -z "${VHCA_BOOTS:-}" ] || echo "$$" >>"$VHCA_BOOTS" # for who counts
  # Without "fast" string instructions (ERMS, FSRM, FSRS), which the kernel would choose and the emulator takes byte for
  # byte: a page fault would take twice as long, and clearing memory would be a sixth of all that a rebind does.
  child timeout --kill-after=5 "$limit" setpriv --pdeathsig KILL \
    env LD_LIBRARY_PATH="$tree/usr/lib/x86_64-linux-gnu" "$tree/usr/bin/qemu-system-x86_64" \
    -L "$tree/usr/share/qemu" -L "$tree/usr/share/seabios" \
    -nodefaults -no-user-config -display none -no-reboot \
    -machine q35 "${accelerator[@]}" -smp "$processors" -cpu max,-erms,-fsrm,-fsrs -m 768 \
    -kernel "$tree/vmlinux" -initrd "$initramfs" \
    -append "${kernel_options[*]}" \
    -serial "file:$share/serial.log" \
    -chardev stdio,id=job,signal=off -device virtio-serial -device virtserialport,chardev=job \
    -virtfs "local,path=$share/host,mount_tag=host,security_model=none" \
    "${devices[@]}" <&3 2>"$share/qemu.log" || status=$?

  if [ -n "$out" ]; then
    mkdir -p "$out"
    cp -r "$share/host/out/." "$share/serial.log" "$out/" || true
  fi
  [ ! -s "$share/host/status" ] || exit "$(cat "$share/host/status")"
  if [ "$status" = 124 ]; then
    say "the guest did not end within $limit s; the last it said:"
  else
    say "the guest died (QEMU ended with status $status); the last they said:"
    status=125
  fi
  tail -n 5 "$share/qemu.log" >&2
  tail -n 60 "$share/serial.log" 2>/dev/null | tr -d '\r' >&2
  exit "$status"
}
