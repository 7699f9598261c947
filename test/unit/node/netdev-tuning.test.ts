import { expect, it } from "vitest";
import { changedTuning, partsOf, tuningEntry } from "../../../src/node/netdev-tuning.ts";

it.each([
  ["queues/rx-0/rps_cpus", "00000000,00000000"],
  ["queues/tx-3/byte_queue_limits/limit_max", "1879048192"],
  ["threaded", "0"],
])("an entry with the value of a new netdev is left out: %s %s", (name, value) => {
  expect(tuningEntry(name, value)).toEqual([]);
});

it.each([
  ["queues/rx-0/rps_cpus", "00000000,00000001"],
  ["queues/tx-3/byte_queue_limits/limit_max", "0"],
  ["coalesce", "0"],
])("an entry has a name and a value: %s %s", (name, value) => {
  const [entry = ""] = tuningEntry(name, value);
  expect(partsOf(entry)).toEqual([name, value]);
});

it("what differs has its original, or the value of a new netdev if that is known", () => {
  const originals = ["features=1,2", "threaded=1", "gro_flush_timeout=20000"];
  const now = ["features=1,3", "threaded=1", "queues/rx-0/rps_cpus=3", "queues/tx-0/xps_cpus=1"];
  expect(changedTuning(now, originals)).toEqual([
    "features=1,2",
    "gro_flush_timeout=20000",
    "queues/rx-0/rps_cpus=0",
  ]);
  expect(changedTuning(originals, originals)).toEqual([]);
});
