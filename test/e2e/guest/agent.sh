# The guest's end of guest.ts. Reads lines "SECONDS BASE64", the script being what the second word holds, runs each
# in a bash of its own, and answers "answer STATUS BASE64 BASE64 BEGIN END" with its stdout and stderr, and the times by
# the guest's clock (s, since it was booted). What does not begin with "answer" is noise. The "x" keeps an empty output a
# word.
echo ready
while read -r seconds script && [ "$seconds" != end ]; do
  base64 -d <<<"$script" >/tmp/call
  read -r begin _ </proc/uptime
  timeout -s KILL "$seconds" bash /tmp/call </dev/null >/tmp/call.out 2>/tmp/call.err
  status=$?
  read -r end _ </proc/uptime
  echo "answer $status x$(base64 -w 0 /tmp/call.out) x$(base64 -w 0 /tmp/call.err) $begin $end"
done
