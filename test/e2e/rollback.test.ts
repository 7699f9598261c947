// An ADD that fails half-way leaves the node as it was, or the following DEL restores it.
import { describe, expect, test } from "vitest";
import { commandLine, hostLocal, network } from "./harness/cni.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";

const node = testNode();
const guid = "02:00:00:00:00:00:00:77";
const [vf, other] = vfs;
const ipam = hostLocal(["10.1.0.0/24"]);
const config = network(vf, { link_state: "enable", guid, ipam });

/** Writes parameters of the vhca module; the module resets one-shot parameters to 0 after use. */
const fault = (parameters: Readonly<Record<string, number>>) =>
  node.shell(
    Object.entries(parameters)
      .map(([name, value]) => `echo ${value} >/sys/module/vhca/parameters/${name}`)
      .join("\n"),
  );

describe("the hardware fails", () => {
  const EIO = 5;
  const EBUSY = 16;

  test.each([
    ["the node GUID is refused", { fail_guid: EBUSY }, /GUID/],
    ["the port GUID is refused", { skip_guid: 1, fail_guid: EBUSY }, /GUID/],
    ["the link state is refused", { fail_link: EBUSY }, /link state/],
  ])("%s", async (_, parameters, message) => {
    await fault(parameters);
    const answer = await node.addRefused(config);
    expect(answer).toMatchObject({ code: 100, msg: expect.stringMatching(message) });
    expect(answer.msg).toContain("EBUSY");
    expect(await node.shell("cat /sys/module/vhca/parameters/fail_*")).not.toMatch(/[1-9]/);
  });

  test("the GUID is accepted but does not take effect", async () => {
    await fault({ drop_guid: 1 });
    try {
      const answer = await node.addRefused(config);
      expect(answer).toMatchObject({ code: 100, msg: expect.stringContaining(guid) });
    } finally {
      await fault({ drop_guid: 0 });
    }
  });

  test("the driver does not bind at first: ADD and DEL try again", () =>
    node.unchanged(async () => {
      await fault({ fail_probe: EIO });
      await node.add("a", config);
      await fault({ fail_probe: EIO });
      await node.del("a", config);
    }));

  test("the driver does not bind, not even in the rollback: the next DEL binds it", () =>
    node.unchanged(async () => {
      // Not through driver_override, which would reserve the VF for another driver, so that the plugin would not bind
      // it.
      const bind = "/sys/bus/pci/drivers/mlx5_core/bind";
      await node.shell(`mount --bind /dev/full ${bind}`);
      const answer = await node.refused({ command: "ADD", netns: "a", config });
      expect(answer).toMatchObject({
        code: 100,
        msg: expect.stringMatching(/bind.*ENOSPC.*could not be put back/),
      });
      expect(answer.msg).toContain(vf);
      expect(await node.snapshot()).toContainEqual(expect.stringMatching(`^function ${vf} none `));
      await node.shell(`umount ${bind}`);
      await node.del("a", config);
    }));

  test("the netdev appears late", () =>
    node.unchanged(async () => {
      await fault({ late_ms: 400 });
      await node.add("a", config);
      await node.del("a", config);
      await fault({ late_ms: 0 });
    }));

  test("the driver's removal is slow", () =>
    node.unchanged(async () => {
      await fault({ remove_delay_ms: 700 });
      await node.add("a", config);
      await node.del("a", config);
      await fault({ remove_delay_ms: 0 });
    }));

  test("the GUIDs cannot be restored: the next DEL restores them", () =>
    node.unchanged(async () => {
      await node.plugin("fake", "exit 1");
      await fault({ skip_guid: 2, fail_guid: EBUSY });
      await node.refused({ command: "ADD", netns: "a", config: { ...config, ipam: { type: "fake" } } });
      await node.plugin("fake", "exit 0");
      await node.del("a", { ...config, ipam: { type: "fake" } });
    }));

  test("DEL fails half-way: the next DEL completes", () =>
    node.unchanged(async () => {
      await node.add("a", config);
      await fault({ fail_guid: EBUSY });
      await node.refused({ command: "DEL", netns: "a", config });
      await node.del("a", config);
    }));
});

test("descriptors run out, at any number: ADD names the errno, and rolls back", () =>
  node.unchanged(async () => {
    const invocation = { command: "ADD", netns: "a", config: { ...config, ipam: {} } };
    for (let limit = 4; ; limit++) {
      const under = `sh -c 'ulimit -n ${limit}; exec "$@"' sh`;
      const { status, stdout } = await node.guest.execute(commandLine(plugin, invocation, under));
      if (status === 0) break;
      expect(limit).toBeLessThan(40);
      expect([limit, JSON.parse(stdout).msg]).toEqual([limit, expect.stringContaining("EMFILE")]);
      expect([limit, stdout]).toEqual([limit, expect.not.stringContaining("already")]);
    }
    await node.del("a", config);
  }));

test("an IPAM plugin prints more than 1 MiB: ADD rolls back, and DEL succeeds", () =>
  node.unchanged(async () => {
    const each = { ...config, ipam: { type: "fake" } };
    const address = '{"cniVersion":"1.0.0","ips":[{"address":"10.1.0.5/24"}]}';
    const long = "head -c 2000000 /dev/zero | tr '\\0' ' '";
    await node.plugin(
      "fake",
      `cat >/dev/null; echo '${address}'; [ $CNI_COMMAND = DEL ] || ${long}; ${long} >&2`,
    );
    expect(await node.refused({ command: "ADD", netns: "a", config: each })).toMatchObject({
      msg: expect.stringContaining("EFBIG"),
    });
    await node.plugin(
      "fake",
      `cat >/dev/null; echo '${address}'; [ $CNI_COMMAND = ADD ] || { ${long}; ${long} >&2; }`,
    );
    await node.add("a", each);
    await node.del("a", each);
  }));

test("users other than root can change the state directory: ADD and DEL refuse it, and their message has the remedy", () =>
  node.unchanged(async () => {
    await node.add("a", config);
    await node.shell("chown 1000 /var/lib/cni/ib-sriov");
    for (const command of ["ADD", "DEL"]) {
      const answer = await node.refused({ command, netns: "a", config });
      expect(answer).toMatchObject({ code: 100, msg: expect.stringContaining("owner 1000") });
      if (command === "DEL") await node.shell(answer.msg.replace(/^.* then run: /, ""));
    }
    await node.del("a", config);
  }));

describe("the answer cannot be written", () => {
  const calls = "/tmp/ipam-calls";

  test.each([
    ["because the disk is full", "exec 4>/dev/full", ">&4 4>&-", "No space left on device (ENOSPC)"],
    [
      "because the runtime no longer reads",
      "rm -f /tmp/gone; mkfifo /tmp/gone; exec 3<>/tmp/gone 4>/tmp/gone 3<&-",
      ">&4 4>&-",
      "Broken pipe (EPIPE)",
    ],
    ["because the runtime has closed it", "", ">&-", "Bad file descriptor (EBADF)"],
    [
      "because the runtime does not read",
      "rm -f /tmp/full; mkfifo /tmp/full; exec 3<>/tmp/full 4>/tmp/full; timeout 1 cat /dev/zero >&4 || :",
      ">&4 4>&-",
      "Operation timed out (ETIMEDOUT)",
    ],
  ])(
    "%s: ADD rolls back while it holds the VF's lock, and stderr has the reason",
    (_, open, redirection, reason) =>
      node.unchanged(async () => {
        await node.plugin(
          "fake",
          `cat >/dev/null
        inode=$(stat -c %i /var/lib/cni/ib-sriov/.vf/${vf})
        grep -q ":$inode 0 EOF" /proc/locks && lock=held || lock=free
        echo $CNI_COMMAND $lock >>${calls}
        [ $CNI_COMMAND = DEL ] || echo '{"cniVersion":"1.0.0","ips":[{"address":"10.1.0.5/24"}]}'`,
        );
        const add = commandLine(plugin, {
          command: "ADD",
          netns: "a",
          config: { ...config, ipam: { type: "fake" }, timeoutSeconds: 20 },
        });
        const { status, stderr } = await node.guest.execute(`rm -f ${calls}\n${open}\n${add} ${redirection}`);
        expect({ status, stderr }).toEqual({
          status: 1,
          stderr: expect.stringContaining(
            `cannot write the result of ADD to stdout: write stdout: ${reason}`,
          ),
        });
        expect(await node.shell(`cat ${calls}`)).toBe("ADD held\nDEL held\n");
      }),
  );

  test("of a DEL that fails: stderr has the reason", async () => {
    const del = commandLine(plugin, {
      command: "DEL",
      netns: "a",
      config: { ...config, cniVersion: "9.9.9" },
    });
    const { status, stderr } = await node.guest.execute(`${del} >/dev/full`);
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringMatching(/incompatible CNI versions.*ENOSPC/s),
    });
  });
});

describe("the pod", () => {
  test("has an interface of the same name", () =>
    node.unchanged(async () => {
      await node.shell("ip netns add taken; ip -n taken link add net1 type dummy");
      for (const each of [config, network(vf)]) {
        const answer = await node.refused({ command: "ADD", netns: "taken", config: each });
        expect(answer).toMatchObject({ code: 4, msg: expect.stringContaining("net1") });
      }
      // DEL of the refused attachment must not take the pod's own interface.
      await node.del("taken", config);
      await node.shell("ip -n taken link show net1; ip netns del taken");
    }));

  test("has an attachment of the same name, which keeps its lease and its VF", () =>
    node.unchanged(async () => {
      await node.add("a", config);
      const before = await node.snapshot();
      const second = await node.refused({ command: "ADD", netns: "a", config: network(other, { ipam }) });
      expect(second).toMatchObject({ code: 4, msg: expect.stringContaining("net1") });
      expect(await node.snapshot()).toEqual(before);
      await node.del("a", config);
    }));
});

describe("the IPAM plugin", () => {
  const calls = "/tmp/ipam-calls";
  const delegated = { ...config, ipam: { type: "fake" } };
  /** Installs an IPAM plugin whose ADD runs a script, and which logs its calls. */
  const fake = (script: string) =>
    node.plugin(
      "fake",
      `echo $CNI_COMMAND >>${calls}\ncat >/dev/null\n[ $CNI_COMMAND = ADD ] || exit 0\n${script}`,
    );
  const answering = (result: string) => fake(`cat <<'END'\n${result}\nEND`);
  const refusedWith = async (more = {}) => {
    await node.shell(`rm -f ${calls}`);
    return node.addRefused({ ...delegated, ...more });
  };
  /**
   * Returns the calls of the IPAM plugin. After each failed ADD there must be a DEL, because ADD may have assigned a
   * lease.
   */
  const called = async () => (await node.shell(`cat ${calls}`)).split("\n").filter((line) => line !== "");

  test("fails: ADD passes on its error", async () => {
    await fake(
      `echo '{"cniVersion":"1.0.0","code":117,"msg":"no address left","details":"none at all"}'; exit 1`,
    );
    const answer = await refusedWith();
    expect(answer).toMatchObject({ code: 117, msg: expect.stringContaining("no address left") });
    expect(JSON.stringify(answer)).toContain("none at all");
    expect(await called()).toEqual(["ADD", "DEL"]);
  });

  test("fails at DEL: DEL passes on its error, and the next DEL completes", () =>
    node.unchanged(async () => {
      await answering('{"cniVersion":"1.0.0","ips":[{"address":"10.1.0.5/24"}]}');
      await node.add("a", delegated);
      await node.plugin(
        "fake",
        `cat >/dev/null\necho '{"cniVersion":"1.0.0","code":118,"msg":"cannot release","details":"at all"}'; exit 1`,
      );
      const answer = await node.refused({ command: "DEL", netns: "a", config: delegated });
      expect(answer).toMatchObject({ code: 118, msg: expect.stringContaining("cannot release") });
      expect(JSON.stringify(answer)).toContain("at all");
      await fake("exit 1");
      await node.del("a", delegated);
    }));

  test.each([
    ["fails without output", "exit 7", /7/],
    ["prints the reason only on stderr", "echo what a pity >&2; exit 1", /what a pity/],
    ["prints garbage", "echo garbage", /fake/],
    ["prints nothing", "exit 0", /fake/],
    ["prints garbage and fails", "echo garbage; exit 3", /garbage/],
    ["is killed", "kill -KILL $$", /fake/],
    ["prints endlessly", "while :; do echo 0123456789012345678901234567890123456789; done", /fake/],
    ["gives no address", `echo '{"cniVersion":"1.0.0"}'`, /address|IP/],
    [
      "gives an address without prefix",
      `echo '{"cniVersion":"1.0.0","ips":[{"address":"10.1.0.5"}]}'`,
      /10\.1\.0\.5/,
    ],
    ["answers in an unknown version", `echo '{"cniVersion":"9.9.9","ips":[]}'`, /9\.9\.9/],
  ])("%s", async (_, script, message) => {
    await fake(script);
    expect((await refusedWith()).msg).toMatch(message);
    expect(await called()).toEqual(["ADD", "DEL"]);
  });

  test("does not exist", async () => {
    const answer = await node.addRefused({ ...config, ipam: { type: "absent" } });
    expect(answer.msg).toMatch(/absent.*\/opt\/cni\/bin/s);
  });

  test.each([
    ["an address twice", { ips: [{ address: "10.1.0.5/24" }, { address: "10.1.0.5/24" }] }, "10.1.0.5"],
    [
      "a route through an unreachable gateway",
      { ips: [{ address: "10.1.0.5/24" }], routes: [{ dst: "10.2.0.0/16", gw: "10.77.0.1" }] },
      "10.2.0.0/16",
    ],
  ])("gives %s", async (_, result, part) => {
    await answering(JSON.stringify({ cniVersion: "1.0.0", ...result }));
    expect((await refusedWith()).msg).toContain(part);
    expect(await called()).toEqual(["ADD", "DEL"]);
  });

  test("gives a result that the caller's version cannot express", async () => {
    await answering(JSON.stringify({ cniVersion: "1.0.0", ips: [] }));
    await refusedWith({ cniVersion: "0.2.0" });
    expect(await called()).toEqual(["ADD", "DEL"]);
  });

  test("gives an IPv6 address that another pod has", async () => {
    const address = { address: "fd00:1::5/64", gateway: "fd00:1::1" };
    await answering(JSON.stringify({ cniVersion: "1.0.0", ips: [address] }));
    await node.unchanged(async () => {
      const peer = network(other, {
        link_state: "enable",
        guid: "02:00:00:00:00:00:00:78",
        ipam: { type: "fake" },
      });
      await node.add("b", peer, { container: "c2" });
      const answer = await node.refused({ command: "ADD", netns: "a", config: delegated });
      expect(answer.msg).toContain("fd00:1::5");
      await node.del("b", peer, { container: "c2" });
    });
  });
});
