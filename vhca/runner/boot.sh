# The virtual machine. Sourced by `run`. Uses tree and initramfs of `prepare`, the options of `run` in pfs, limit, out,
# connected, with_gpus, accelerator, processors, devices and kernel_options, and a temporary directory in share.

# boot SCRIPT FILE | NAME=FILE…: boots the guest, and exits with the status of the run.
boot() {
  local i file status=0
  mkdir "$share/host" "$share/host/out"
  cp "$1" "$share/host/job"
  for file in "${@:2}"; do
    if [ -e "$file" ]; then cp "$file" "$share/host/"; else cp "${file#*=}" "$share/host/${file%%=*}"; fi
  done
  for i in $(seq 1 "$pfs"); do
    devices+=(-device "pcie-root-port,id=port$i,chassis=$i,slot=$i")
    # Without multifunction, udev would compute the same name for the PF and all its VFs.
    devices+=(-device "igb,multifunction=on,bus=port$i,romfile=")
  done
  [ -z "$with_gpus" ] || add_gpus

  # At the end of its stdin, QEMU closes the port, and the guest could not write any more. So stdin is a pipe that does
  # not end, because this process has both ends open.
  mkfifo "$share/stdin"
  exec 3<>"$share/stdin"
  if [ -n "$connected" ]; then
    setpriv --pdeathsig KILL cat <&0 >&3 2>/dev/null &
    feeder=$!
  fi

  kernel_options+=(console=ttyS0 quiet loglevel=2)
  # Any bug or warning of the kernel or of the module ends the guest, so that it is noticed.
  kernel_options+=(panic=-1 oops=panic panic_on_warn=1)
  # The kernel's timer check fails if this machine is busy at that moment: a guest ended with "timer doesn't work
  # through Interrupt-remapped IO-APIC".
  kernel_options+=(no_timer_check)
  # Disables work that is not needed here: self-tests, and clearing pages before they are overwritten.
  kernel_options+=(cryptomgr.notests apparmor=0 mitigations=off init_on_alloc=0)

  say "booting Linux $(cat "$tree/kernel-release") with $pfs PF(s), which takes about 3 s"
  [ -z "${VHCA_BOOTS:-}" ] || echo "$$" >>"$VHCA_BOOTS" # counted by scripts/test.mjs
  # Without "fast" string instructions (ERMS, FSRM, FSRS), which the kernel would choose, and which the emulator
  # executes byte by byte: with them a page fault takes twice as long, and clearing memory a sixth of the time of a
  # rebind.
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
    say "the guest did not end within $limit s; the last lines of its console:"
  else
    say "the guest crashed (QEMU exited with status $status); the last lines of QEMU and of the console:"
    status=125
  fi
  tail -n 5 "$share/qemu.log" >&2
  tail -n 60 "$share/serial.log" 2>/dev/null | tr -d '\r' >&2
  exit "$status"
}

# add_gpus: adds two display controllers behind the PFs, so that the addresses of the PFs stay as they are.
add_gpus() {
  devices+=(-device "pcie-root-port,id=near,chassis=100,slot=100")
  devices+=(-device "pxb-pcie,id=other,bus=pcie.0,bus_nr=128" -device "pcie-root-port,id=far,bus=other,chassis=101,slot=101")
  devices+=(-device "bochs-display,bus=near" -device "bochs-display,bus=far")
}
