import { monotonic } from "host";
import { rdmaDevicesIn } from "../../attachment/vf/rdma-devices.ts";
import { ChildProcess } from "../../linux/child-process.ts";
import { pathOf } from "../bugreport/run-program.ts";
import { pause } from "../pause.ts";
import { linkLocalOf } from "./examine.ts";
import { IFNAME } from "./plugin-call.ts";
import { Skipped } from "./results.ts";
import type { SelftestContext, TestedVf } from "./tested-vf.ts";

/** A program of rdma-core (ibverbs-utils), which sends messages over a reliable connection. */
const PROGRAM = "ibv_rc_pingpong";
/** GID 0 contains the port GUID. Ports of VFs can share a LID, so that only a GID leads to them. */
const ARGUMENTS = ["-g", "0", "-n", "100"];
/** Time limit for both sides, ms, pause between two attempts of the client, and maximum output, bytes. */
const TIME = 10_000;
const PAUSE = 1000;
const OUTPUT_LIMIT = 1 << 16;

/** Requires that two VFs exchange RDMA messages: the server runs in the namespace of `to`. */
export function checkRcPingpong(context: SelftestContext, from: TestedVf, to: TestedVf): string {
  const path = pathOf(PROGRAM);
  if (path === undefined) throw new Skipped(`${PROGRAM} is not installed (rdma-core's ibverbs-utils)`);
  const address = `${linkLocalOf(context, to)}%${IFNAME}`;
  const deadline = monotonic() + TIME;
  const server = started(context, path, to, []);
  try {
    for (;;) {
      const client = started(context, path, from, [address]);
      const { status, stdout, stderr } = ended(client, deadline);
      if (status === 0) break;
      // The server may not listen yet.
      if (monotonic() + PAUSE >= deadline)
        throw new Error(`${PROGRAM} failed: ${stderr.trim() || stdout.trim()}`);
      pause(PAUSE);
    }
    const { status, stderr } = ended(server, deadline);
    if (status !== 0) throw new Error(`the server of ${PROGRAM} failed: ${stderr.trim()}`);
    return `100 messages to ${to.pci}`;
  } finally {
    server.kill();
  }
}

function started(
  context: SelftestContext,
  path: string,
  tested: TestedVf,
  more: readonly string[],
): ChildProcess {
  const { node } = context.session;
  const onHost = node.functions.rdmaDevices(tested.pci);
  const [device] =
    onHost.length > 0
      ? onHost
      : rdmaDevicesIn(node, tested.pci, tested.netns.namespace).map(({ name }) => name);
  const words = [PROGRAM, "-d", device ?? "", ...ARGUMENTS, ...more];
  const start = () => ChildProcess.start({ path, words, environment: ["LC_ALL=C"], stdin: "", inherit: [] });
  return tested.netns.within(start);
}

/** Waits for the end of a program, and ends it at the deadline. */
function ended(child: ChildProcess, deadline: number) {
  try {
    return child.wait(deadline, OUTPUT_LIMIT);
  } catch (error) {
    child.kill();
    throw error;
  }
}
