import { expect } from "vitest";
import { commandLine, type ErrorAnswer, type Invocation } from "./cni.ts";
import { plugin, type TestNode } from "./node.ts";

/**
 * Makes two ADDs at the same time, of which one must succeed and the other must fail.
 * @returns the index of the ADD that succeeded, and the error of the other.
 */
export async function race(
  node: TestNode,
  invocations: readonly [Invocation, Invocation],
): Promise<[0 | 1, ErrorAnswer]> {
  const started = invocations.map(
    (call, i) => `{ ${commandLine(plugin, call)}; } >/tmp/race.${i} 2>/dev/null & pids[${i}]=$!`,
  );
  const output = await node.shell(`${started.join("\n")}
    for i in 0 1; do wait \${pids[$i]} && echo 0 || echo $?; base64 -w 0 /tmp/race.$i; echo; done`);
  const [status0, answer0, status1, answer1] = output.split("\n");
  expect([status0, status1].sort(), output).toEqual(["0", "1"]);
  const loser = status0 === "0" ? answer1 : answer0;
  return [status0 === "0" ? 0 : 1, JSON.parse(Buffer.from(loser ?? "", "base64").toString()) as ErrorAnswer];
}
