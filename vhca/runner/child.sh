# Children that end with us. Sourced by `run`, which has a function `cleanup`.
#
# A signal must be answered at once and must end everything that was started, also what a child has started
# itself. So each child is the leader of a session, which can be killed as a whole, and runs in the background,
# since bash answers no signal while it waits for a child in the foreground.

current=

# child COMMAND…: runs it, and returns its status.
child() {
  local status=0
  # Should this script be killed itself (SIGKILL), the kernel kills the child.
  setsid setpriv --pdeathsig KILL "$@" <&0 &
  current=$!
  wait "$current" || status=$?
  current=
  return $status
}

# interrupted SIGNAL: ends what runs, then this script by the same signal (for which bash runs no EXIT trap).
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
