import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { callMetrics } from "../../../../src/cli/metrics/call-metrics.ts";
import { exposition } from "../../../../src/cli/metrics/exposition.ts";
import {
  type AttachmentReport,
  type NodeReport,
  nodeMetrics,
} from "../../../../src/cli/metrics/node-metrics.ts";
import { portTraffic } from "../../../../src/cli/metrics/port-traffic.ts";
import { type CountedCall, lineOf } from "../../../../src/log/counters.ts";
import { stepsJson } from "../../../../src/log/entry.ts";
import type { Inventory, Port } from "../../../../src/node/inventory.ts";
import { readMetrics } from "../../../support/prometheus.ts";

const values = (text: string, name: string) => Object.fromEntries(readMetrics(text).get(name)?.samples ?? []);

describe("the text format", () => {
  test("is that of Prometheus, byte for byte", () => {
    expect(
      exposition([
        {
          name: "a_total",
          help: 'with \\ and\na "line"',
          type: "counter",
          samples: [
            { labels: { x: 'a\\b"c\nd', y: "é" }, value: 1 },
            { labels: {}, value: 0.25 },
          ],
        },
        { name: "nothing", help: "omits metrics without samples", type: "gauge", samples: [] },
        { name: "b", help: "b", type: "summary", samples: [{ suffix: "_sum", labels: {}, value: 1e21 }] },
      ]),
    ).toBe(
      '# HELP a_total with \\\\ and\\na "line"\n# TYPE a_total counter\na_total{x="a\\\\b\\"c\\nd",y="é"} 1\na_total 0.25\n' +
        "# HELP b b\n# TYPE b summary\nb_sum 1e+21\n",
    );
  });

  test("has no control characters, and is valid UTF-8, whatever the labels are", () => {
    const samples = [{ labels: { x: "a\x1b[2J\u009b\n\ud800 \udc9b\\" }, value: 1 }];
    expect(exposition([{ name: "x", help: "x", type: "gauge", samples }])).toContain(
      '{x="a\\\\u001b[2J\\\\u009b\\n\\\\ud800 \\\\udc9b\\\\"} 1',
    );
  });

  test("can be parsed with any values and labels", () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }),
        fc.string(),
        // The text format has no minus zero.
        fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
        (help, label, value) => {
          const samples = [{ labels: { label }, value }];
          const text = exposition([{ name: "x", help: `x${help}`, type: "gauge", samples }]);
          expect([...(readMetrics(text).get("x")?.samples ?? [])].map(([, each]) => each)).toEqual([value]);
        },
      ),
    );
  });
});

describe("calls", () => {
  const call: CountedCall = { command: "ADD", ms: 60, code: undefined, steps: "" };
  const text = (...calls: Partial<CountedCall>[]) =>
    exposition(callMetrics(calls.map((each) => lineOf({ ...call, ...each })).join("")));

  test("are listed with 0 before the first call, so that its increase is visible", () => {
    const counts = values(text(), "ib_sriov_call_duration_seconds");
    for (const verb of ["ADD", "DEL", "CHECK", "GC"])
      expect(counts[`ib_sriov_call_duration_seconds_count{verb="${verb}"}`]).toBe(0);
    const failures = values(text(), "ib_sriov_call_failures_total");
    for (const code of [7, 11, 50, 100, 101, 999])
      expect(failures[`ib_sriov_call_failures_total{code="${code}",verb="ADD"}`]).toBe(0);
  });

  test("are in buckets, each including all below it", () => {
    const counts = values(text({ ms: 10 }, { ms: 60 }, { ms: 2_000_000 }), "ib_sriov_call_duration_seconds");
    const bucket = (le: string) => counts[`ib_sriov_call_duration_seconds_bucket{le="${le}",verb="ADD"}`];
    expect(["0.025", "0.05", "0.1", "60", "+Inf"].map(bucket)).toEqual([1, 1, 2, 2, 3]);
    expect(counts['ib_sriov_call_duration_seconds_sum{verb="ADD"}']).toBe(2000.07);
    expect(counts['ib_sriov_call_duration_seconds_count{verb="ADD"}']).toBe(3);
  });

  test("that fail are counted by verb and code", () => {
    const some = text({ code: 11 }, { code: 11 }, { code: 4711 }, { command: "DEL", code: 100 });
    const failures = values(some, "ib_sriov_call_failures_total");
    expect(Object.entries(failures).filter(([, value]) => value > 0)).toEqual([
      ['ib_sriov_call_failures_total{code="11",verb="ADD"}', 2],
      ['ib_sriov_call_failures_total{code="100",verb="DEL"}', 1],
      ['ib_sriov_call_failures_total{code="other",verb="ADD"}', 1],
    ]);
  });

  test("have steps, with their durations and failures", () => {
    const steps = stepsJson([
      { action: "apply", step: "GUID", ms: 1500 },
      { action: "undo", step: "host netdev", ms: 1, times: 2, failed: 1 },
    ]);
    const some = text({ steps }, { steps });
    expect(values(some, "ib_sriov_step_duration_seconds")).toEqual({
      'ib_sriov_step_duration_seconds_sum{action="apply",step="guid"}': 3,
      'ib_sriov_step_duration_seconds_count{action="apply",step="guid"}': 2,
      'ib_sriov_step_duration_seconds_sum{action="undo",step="host-netdev"}': 0.002,
      'ib_sriov_step_duration_seconds_count{action="undo",step="host-netdev"}': 4,
    });
    expect(values(some, "ib_sriov_step_failures_total")).toEqual({
      'ib_sriov_step_failures_total{action="apply",step="guid"}': 0,
      'ib_sriov_step_failures_total{action="undo",step="host-netdev"}': 2,
    });
  });

  test("in a damaged file, or another program's, are counted as far as possible", () => {
    expect(exposition(callMetrics('{"ADD":[1,2'))).toBe(text());
    expect(exposition(callMetrics('{"ADD":[-1,0],"DEL":"x","CHECK":[1.5],"GC":null,"x y z":[1]}'))).toBe(
      text(),
    );
    fc.assert(fc.property(fc.json(), (json) => void readMetrics(exposition(callMetrics(json)))));
    const counters = fc.dictionary(fc.string(), fc.array(fc.oneof(fc.nat(), fc.anything())));
    fc.assert(
      fc.property(counters, (some) => void readMetrics(exposition(callMetrics(JSON.stringify(some))))),
    );
  });
});

const attachment: AttachmentReport = {
  condition: "attached",
  namespace: "default",
  pod: "trainer",
  container: "c1",
  interface: "net1",
  network: "ib",
  pf: "0000:03:00.0",
  vf: "0000:03:00.2",
  netdev: "ib3",
  rdmaDevice: "mlx5_3",
  portGuid: "02:00:00:00:00:00:00:01",
};
const traffic = { receivedBytes: 1, transmittedBytes: 2, receivedPackets: 3, transmittedPackets: 4 };
const report: NodeReport = {
  pfs: [
    {
      pci: "0000:03:00.0",
      free: 5,
      used: 3,
      ports: [{ device: "mlx5_0", number: 1, ...traffic, receivedPackets: undefined }],
      vfs: [{ pci: "0000:03:00.2", ...traffic }],
    },
  ],
  attachments: [
    attachment,
    attachment,
    { ...attachment, condition: "in progress", container: "c2", pod: "" },
  ],
  unreleasedLeases: 1,
};

describe("the state of the node", () => {
  const text = exposition(nodeMetrics({ ...report, attachments: report.attachments.slice(1) }));

  test("VFs, attachments and unreleased leases", () => {
    expect(values(text, "ib_sriov_vfs")).toEqual({
      'ib_sriov_vfs{pf="0000:03:00.0",state="free"}': 5,
      'ib_sriov_vfs{pf="0000:03:00.0",state="used"}': 3,
    });
    expect(values(text, "ib_sriov_attachments")).toMatchObject({
      'ib_sriov_attachments{condition="attached"}': 1,
      'ib_sriov_attachments{condition="in-progress"}': 1,
      'ib_sriov_attachments{condition="undo-failed"}': 0,
    });
    expect(values(text, "ib_sriov_unreleased_leases")).toEqual({ "ib_sriov_unreleased_leases{}": 1 });
  });

  test("an attachment names its pod and devices", () => {
    const labels =
      'condition="attached",container="c1",interface="net1",namespace="default",netdev="ib3",network="ib",' +
      'pf="0000:03:00.0",pod="trainer",port_guid="02:00:00:00:00:00:00:01",rdma_device="mlx5_3",vf="0000:03:00.2"';
    expect(values(text, "ib_sriov_attachment_info")[`ib_sriov_attachment_info{${labels}}`]).toBe(1);
  });

  test("the traffic of VFs and ports; a counter that a port lacks is left out", () => {
    const vf = 'pf="0000:03:00.0",vf="0000:03:00.2"';
    const port = 'device="mlx5_0",pf="0000:03:00.0",port="1"';
    const all = ["receive_bytes", "transmit_bytes", "receive_packets", "transmit_packets"];
    const of = (what: string, labels: string) =>
      all.map(
        (name) => values(text, `ib_sriov_${what}_${name}_total`)[`ib_sriov_${what}_${name}_total{${labels}}`],
      );
    expect(of("vf", vf)).toEqual([1, 2, 3, 4]);
    expect(of("port", port)).toEqual([1, 2, undefined, 4]);
  });
});

describe("the counters of a port", () => {
  const portWith = (files: Readonly<Record<string, string>>) =>
    portTraffic(
      {
        text: (path: string) => {
          const name = path.replace("/sys/class/infiniband/mlx5_0/ports/2/counters/", "");
          if (name === "port_xmit_packets") throw new Error("EINVAL");
          return files[name];
        },
      } as Inventory,
      { device: "mlx5_0", number: 2 } as Port,
    );

  test("data are in units of four bytes", () => {
    expect(portWith({ port_rcv_data: "10", port_xmit_data: "0", port_rcv_packets: "7" })).toEqual({
      device: "mlx5_0",
      number: 2,
      receivedBytes: 40,
      transmittedBytes: 0,
      receivedPackets: 7,
      transmittedPackets: undefined,
    });
  });

  test("may be missing, or not be numbers", () => {
    const { receivedBytes, transmittedBytes } = portWith({ port_rcv_data: "N/A (no PMA)" });
    expect([receivedBytes, transmittedBytes]).toEqual([undefined, undefined]);
  });
});
