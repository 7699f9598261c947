# The guest's counterpart of guest.ts. Reads lines "SECONDS BASE64", of which the second word encodes a script, runs
# each script in a separate bash, and answers "answer STATUS BASE64 BASE64 BEGIN END" with its stdout and stderr, and
# the times by the guest's clock (s, since boot). Lines that do not begin with "answer" are other output. The "x"
# makes an empty output a word.
echo ready
while read -r seconds script && [ "$seconds" != end ]; do
  base64 -d <<<"$script" >/tmp/call
  read -r begin _ </proc/uptime
  timeout -s KILL "$seconds" bash /tmp/call </dev/null >/tmp/call.out 2>/tmp/call.err
  status=$?
  read -r end _ </proc/uptime
  echo "answer $status x$(base64 -w 0 /tmp/call.out) x$(base64 -w 0 /tmp/call.err) $begin $end"
done
