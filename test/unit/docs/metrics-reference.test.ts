// docs/reference/metrics.md describes every metric, and only metrics that exist.
import { expect, test } from "vitest";
import { agentMetrics } from "../../../src/cli/agent/agent-metrics.ts";
import { callMetrics } from "../../../src/cli/metrics/call-metrics.ts";
import type { Family } from "../../../src/cli/metrics/exposition.ts";
import { buildInfo } from "../../../src/cli/metrics/metrics.ts";
import { nodeMetrics } from "../../../src/cli/metrics/node-metrics.ts";
import { documentedMetrics } from "../../support/documented-metrics.ts";

const traffic = { receivedBytes: 1, transmittedBytes: 2, receivedPackets: 3, transmittedPackets: 4 };
const names = {
  namespace: "",
  pod: "",
  container: "",
  interface: "",
  network: "",
  pf: "",
  vf: "",
  netdev: "",
  rdmaDevice: "",
  portGuid: "",
};

/** All metrics, each with a sample. */
const families: readonly Family[] = [
  buildInfo({ version: "1", commit: "" }),
  ...nodeMetrics({
    pfs: [
      {
        pci: "",
        free: 0,
        used: 0,
        ports: [{ device: "", number: 1, ...traffic }],
        vfs: [{ pci: "", ...traffic }],
      },
    ],
    attachments: [{ condition: "attached", ...names }],
    unreleasedLeases: 0,
  }),
  ...callMetrics('{"apply GUID":[1,0,1]}\n'),
  ...agentMetrics({
    number: () => 1,
    runningTime: () => 0,
    outcomes: () => [{ name: "gc", failed: false }],
  }),
];

test("every metric has a row with its type and its labels", () => {
  const real = families.map(({ name, type, samples }) => {
    const labels = new Set(samples.flatMap((sample) => Object.keys(sample.labels)));
    labels.delete("le");
    return { name, type, labels: [...labels].sort() };
  });
  const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);
  expect(documentedMetrics().sort(byName)).toEqual(real.sort(byName));
});
