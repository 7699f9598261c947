# Child processes that end together with this script. Sourced by `run`, which defines a function `cleanup`.
#
# A signal must take effect at once, and must end all processes that were started, also by a child. So each child leads
# a session, which can be killed as a whole, and runs in the background, because bash does not handle signals while it
# waits for a child in the foreground.

current=

# child COMMAND…: runs a command, and returns its status.
child() {
  local status=0
  # If this script is killed by SIGKILL, the kernel kills the child.
  setsid setpriv --pdeathsig KILL "$@" <&0 &
  current=$!
  wait "$current" || status=$?
  current=
  return $status
}

# interrupted SIGNAL: ends the running child, then this script by the same signal (bash does not run the EXIT trap
# then).
interrupted() {
  trap '' INT TERM HUP
  if [ -n "$current" ]; then
    kill -TERM -- "-$current" 2>/dev/null || true
    wait "$current" || true
    kill -KILL -- "-$current" 2>/dev/null || true
  fi
  cleanup
  trap - "$1"
  kill -s "$1" $$
}

trap 'interrupted INT' INT
trap 'interrupted TERM' TERM
trap 'interrupted HUP' HUP
