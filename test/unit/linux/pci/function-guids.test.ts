// GUIDs and pkeys in sysfs.
import { beforeEach, describe, expect, it, vi } from "vitest";
import { LinuxPciFunctions } from "../../../../src/linux/pci/pci-functions.ts";
import { machine, resetMachine } from "../machine.ts";

vi.mock("host", async (pure) => ({
  ...(await pure<typeof import("host")>()),
  ...(await import("../fake-host.ts")),
}));

const functions = new LinuxPciFunctions();
const devices = "/sys/bus/pci/devices";

beforeEach(resetMachine);

describe("the node GUID of a device", () => {
  const vf = "0000:01:10.0";
  const directory = `${devices}/${vf}`;

  it("is read in sysfs' spelling, and is `undefined` if its device is gone", () => {
    machine.files.set(`${directory}/infiniband/mlx5_3/node_guid`, "0211:2233:4455:6677\n");
    expect(functions.nodeGuid(vf, "mlx5_3")).toBe("02:11:22:33:44:55:66:77");
    expect(functions.nodeGuid(vf, "mlx5_4")).toBeUndefined();
    machine.files.set(`${directory}/infiniband/mlx5_3/node_guid`, "nonsense\n");
    expect(() => functions.nodeGuid(vf, "mlx5_3")).toThrow('contains "nonsense" instead of a GUID');
  });
});

describe("the port GUID of a device", () => {
  it("is the second half of its first GID, and is `undefined` if the device is gone", () => {
    const path = `${devices}/0000:01:10.0/infiniband/mlx5_3/ports/1/gids/0`;
    machine.files.set(path, "fe80:0000:0000:0000:0a00:0000:0000:0002\n");
    expect(functions.portGuid("0000:01:10.0", "mlx5_3")).toBe("0a:00:00:00:00:00:00:02");
    expect(functions.portGuid("0000:01:10.0", "mlx5_4")).toBeUndefined();
  });
});

describe("the first pkey of a port", () => {
  const vf = "0000:01:10.0";
  const path = `${devices}/${vf}/infiniband/mlx5_3/ports/1/pkeys/0`;

  it("is read in sysfs' spelling, and is `undefined` if its device is gone", () => {
    machine.files.set(path, "0x8005\n");
    expect(functions.firstPKey(vf, "mlx5_3")).toBe(0x8005);
    expect(functions.firstPKey(vf, "mlx5_4")).toBeUndefined();
    machine.files.set(path, "nonsense\n");
    expect(() => functions.firstPKey(vf, "mlx5_3")).toThrow('contains "nonsense" instead of a number');
  });
});

describe("the GUIDs of other devices", () => {
  const infiniband = "/sys/class/infiniband";
  const device = (name: string, node: string, ...gids: string[]) => {
    machine.files.set(`${infiniband}/${name}/node_guid`, `${node}\n`);
    machine.directories.set(
      `${infiniband}/${name}/ports`,
      gids.map((_, i) => String(i + 1)),
    );
    for (const [i, gid] of gids.entries()) {
      machine.files.set(`${infiniband}/${name}/ports/${i + 1}/gids/0`, `${gid}\n`);
    }
  };

  beforeEach(() => {
    machine.directories.set(infiniband, ["mlx5_0", "mlx5_1", "mlx5_2"]);
    device(
      "mlx5_0",
      "9803:9b03:00ab:0100",
      "fe80:0000:0000:0000:9803:9b03:00ab:0101",
      "fe80:0000:0000:0000:9803:9b03:00ab:0102",
    );
    device("mlx5_1", "0a00:0000:0000:0001", "fe80:0000:0000:0000:0a00:0000:0000:0002");
    device("mlx5_2", "0200:0000:0000:0077", "fe80:0000:0000:0000:0200:0000:0000:0078");
    machine.directories.set(`${devices}/0000:01:10.0/infiniband`, ["mlx5_1"]);
  });

  it("are those of nodes and ports, without the function's own", () => {
    expect(functions.othersGuids("0000:01:10.0")).toEqual([
      "98:03:9b:03:00:ab:01:00",
      "98:03:9b:03:00:ab:01:01",
      "98:03:9b:03:00:ab:01:02",
      "02:00:00:00:00:00:00:77",
      "02:00:00:00:00:00:00:78",
    ]);
  });

  it("are those of all devices if the function has no device, and empty without InfiniBand", () => {
    machine.directories.delete(`${devices}/0000:01:10.0/infiniband`);
    expect(functions.othersGuids("0000:01:10.0")).toHaveLength(7);
    machine.directories.delete(infiniband);
    expect(functions.othersGuids("0000:01:10.0")).toEqual([]);
  });

  it("belong to the function with the RDMA device", () => {
    machine.links.set(`${infiniband}/mlx5_2/device`, "../../../0000:01:10.2");
    expect(functions.withRdmaDevice("mlx5_2")).toBe("0000:01:10.2");
    expect(functions.withRdmaDevice("mlx5_9")).toBeUndefined();
    expect(() => functions.withRdmaDevice("../mlx5_2")).toThrow(RangeError);
  });

  it("skip a device that vanishes; an invalid GUID is an error", () => {
    machine.directories.set(infiniband, ["mlx5_0", "mlx5_9"]);
    expect(functions.othersGuids("0000:01:10.0")).toHaveLength(3);
    machine.files.set(`${infiniband}/mlx5_0/ports/1/gids/0`, "fe80::1\n");
    expect(() => functions.othersGuids("0000:01:10.0")).toThrow(/gids\/0 contains .* instead of a GUID/);
  });
});
