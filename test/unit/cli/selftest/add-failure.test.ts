import { expect, test } from "vitest";
import { checkOfFailure, checkOfWarning } from "../../../../src/cli/selftest/add-failure.ts";

const failed = (step: string, error: string, action = "apply") => ({
  result: undefined,
  error,
  ms: 1,
  warnings: [],
  steps: [
    { step: "lease", action: "apply", ms: 1, failed: false },
    { step, action, ms: 1, failed: true },
  ],
});

test.each([
  ["link state", "cannot apply the link state", "link-policy"],
  ["GUID", "cannot bind VF 0000:03:00.2 to mlx5_core: EIO", "rebind"],
  ["GUID", "VF 0000:03:00.2 has had no netdev for 10 s after mlx5_core was bound to it", "netdev"],
  ["GUID", "rebind VF 0000:03:00.2: the time limit passed before it had a netdev again", "netdev"],
  ["GUID", "the node GUID of VF 0000:03:00.2 is …", "guid"],
  ["RDMA device", "the container has no RDMA device", "isolation"],
  ["interface", "move netdev ib1", "add"],
])("a failure of the step %s (%s) belongs to %s", (step, error, check) => {
  expect(checkOfFailure(failed(step, error))).toBe(check);
});

test("a failure of another action, or without a step, belongs to ADD", () => {
  expect(checkOfFailure(failed("GUID", "cannot bind VF", "undo"))).toBe("add");
  expect(checkOfFailure({ ...failed("GUID", "the configuration is invalid"), steps: [] })).toBe("add");
});

test.each([
  ["mlx5_core did not bind to VF 0000:03:00.2, trying again: EIO", "rebind"],
  ["net1 of VF 0000:03:00.2 has MTU 1020, not the original 1800: its port allows no more", "mtu"],
  ["something else", "add"],
])("the warning %j belongs to %s", (warning, check) => {
  expect(checkOfWarning(warning)).toBe(check);
});
