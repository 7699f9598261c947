import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findPlugin, ipamEnvironment } from "../../../src/cni/ipam.ts";
import {
  type DelegateOutcome,
  delegateResult,
  requireDelegateSuccess,
} from "../../../src/cni/ipam-outcome.ts";
import { orCniError, thrown } from "./thrown.ts";

describe("findPlugin", () => {
  const find = (name: string, path: string, ...files: string[]) =>
    findPlugin(name, path, (file) => files.includes(file));

  test("takes the first file in the order of CNI_PATH", () => {
    expect(find("host-local", "/a:/b:/c", "/c/host-local", "/b/host-local")).toBe("/b/host-local");
    expect(find("host-local", "/a/", "/a/host-local")).toBe("/a/host-local");
    expect(find("host-local", "/", "/host-local")).toBe("/host-local");
  });

  test("skips empty and relative path elements", () => {
    const tried: string[] = [];
    const isFile = (file: string) => {
      tried.push(file);
      return false;
    };
    expect(thrown(() => findPlugin("x", ":.:bin:../bin:/a::~/b:", isFile)).message).toContain("[/a]");
    expect(tried).toEqual(["/a/x"]);
  });

  test("names the plugin and the directories: code 999", () => {
    expect(thrown(() => find("x", "/a:/b"))).toMatchObject({
      code: 999,
      message: 'failed to find plugin "x" in path [/a /b]',
    });
    expect(thrown(() => find("x", ":")).message).toBe('failed to find plugin "x" in path []');
    expect(thrown(() => find("x", ""))).toMatchObject({
      code: 4,
      message: expect.stringContaining("[CNI_PATH] missing"),
    });
  });

  test("refuses a missing name, and names that are paths: code 999", () => {
    expect(thrown(() => find("", "/a"))).toMatchObject({ code: 999, message: "no plugin name provided" });
    expect(thrown(() => find("../x", "/a", "/a/../x"))).toMatchObject({
      code: 999,
      message: "invalid plugin name: ../x",
    });
    expect(thrown(() => find("x\0y", "/a")).code).toBe(999);
    expect(thrown(() => find("x".repeat(256), "/a")).message).toMatch(/^invalid plugin name/);
  });

  test("only tries absolute paths with that name", () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ unit: fc.constantFrom(..."/.:ab") }), (name, path) => {
        orCniError(() =>
          findPlugin(name, path, (file) => {
            expect(file.startsWith("/")).toBe(true);
            expect(file.endsWith(`/${name}`)).toBe(true);
            return false;
          }),
        );
      }),
    );
  });
});

describe("the environment of an IPAM plugin", () => {
  const call = { containerId: "c1", ifname: "net1", netns: "/ns", args: "a=1", path: "/opt/cni/bin" };
  const own = [
    "HOME=/root",
    "CNI_COMMAND=ADD",
    "CNI_CONTAINERID=c1",
    "CNI_NETNS=/ns",
    "CNI_IFNAME=net1",
    "CNI_ARGS=a=1",
    "CNI_PATH=/opt/cni/bin",
    "CNI_NETNS_OVERRIDE=1",
    "CNI_COMMAND_X=5",
    "odd",
  ];

  const mark = "IB_SRIOV_IPAM=1";

  test("is the plugin's, and only CNI_COMMAND is overridden", () => {
    expect(ipamEnvironment(own, "DEL", call)).toEqual([
      ...own.map((entry) => (entry === "CNI_COMMAND=ADD" ? "CNI_COMMAND=DEL" : entry)),
      mark,
    ]);
    expect(ipamEnvironment(own, "ADD", call)).toEqual([...own, mark]);
  });

  test("of a command has all variables that the call needs", () => {
    expect(ipamEnvironment(["HOME=/root", "CNI_ARGS=other"], "DEL", call)).toEqual([
      "HOME=/root",
      "CNI_ARGS=a=1",
      "CNI_COMMAND=DEL",
      "CNI_CONTAINERID=c1",
      "CNI_IFNAME=net1",
      "CNI_NETNS=/ns",
      "CNI_PATH=/opt/cni/bin",
      mark,
    ]);
  });

  test("has no other namespace than the call, also if the call has no namespace", () => {
    expect(ipamEnvironment(own, "DEL", { ...call, netns: "" })).toContain("CNI_NETNS=");
    expect(ipamEnvironment(["A=1"], "DEL", { ...call, netns: "", args: "" }).join()).not.toMatch(
      /CNI_(NETNS|ARGS)/,
    );
  });

  test("has each variable once", () => {
    const twice = ["CNI_COMMAND=ADD", "A=1", "CNI_COMMAND=CHECK"];
    expect(ipamEnvironment(twice, "DEL", call).filter((entry) => entry.startsWith("CNI_COMMAND="))).toEqual([
      "CNI_COMMAND=DEL",
    ]);
  });
});

function outcome(changes: Partial<DelegateOutcome>): DelegateOutcome {
  return { status: 0, signal: 0, stdout: "", stderr: "", ...changes };
}

describe("the result of an IPAM plugin", () => {
  const result = (stdout: string | object, version: "0.2.0" | "0.4.0" | "1.0.0" = "1.0.0") =>
    delegateResult(
      "host-local",
      outcome({ stdout: typeof stdout === "string" ? stdout : JSON.stringify(stdout) }),
      version,
      () => {},
    );

  test("host-local's result", () => {
    const answer = {
      cniVersion: "1.0.0",
      ips: [{ address: "10.56.217.171/24", gateway: "10.56.217.1" }],
      routes: [{ dst: "0.0.0.0/0" }],
      dns: {},
    };
    expect(result(answer)).toMatchObject({
      interfaces: [],
      ips: [{ address: "10.56.217.171/24", gateway: "10.56.217.1", interface: undefined }],
      routes: [{ dst: "0.0.0.0/0", gw: undefined }],
    });
  });

  test.each([{}, { cniVersion: "" }, { cniVersion: 5 }, { cniVersion: null }])(
    "%j: without its own version it has the configuration's",
    (version) => {
      expect(result({ ...version, ip4: { ip: "10.0.0.5/24" } }, "0.2.0").ips).toHaveLength(1);
      expect(result({ ...version, ips: [{ address: "10.0.0.5/24" }] }, "0.4.0").ips).toHaveLength(1);
    },
  );

  test("of another version is converted", () => {
    expect(result({ cniVersion: "0.2.0", ip4: { ip: "10.0.0.5/24" } }, "1.0.0").ips).toHaveLength(1);
    expect(result({ cniVersion: "1.1.0", ips: [{ address: "10.0.0.5/24" }] }, "0.4.0").ips).toHaveLength(1);
  });

  test("of an unknown version is refused", () => {
    expect(thrown(() => result({ cniVersion: "9.9.9", ips: [] })).message).toContain(
      'unsupported CNI result version "9.9.9"',
    );
  });

  test.each(["null", "{}", '{"ips":[]}', '{"ips":null}', '{"ip4":{"ip":"10.0.0.5/24"}}'])(
    "%s contains no address: IPAM plugin returned missing IP config",
    (stdout) => {
      expect(thrown(() => result(stdout))).toMatchObject({
        code: 999,
        message: 'IPAM plugin "host-local" returned missing IP config',
      });
    },
  );

  test.each([
    "",
    "garbage",
    "[]",
    "5",
    '{"ips":5}',
    '{"ips":[{"address":"nonsense"}]}',
    "[".repeat(100_000),
    "\0",
  ])("%j is invalid: code 6, with the name of the plugin", (stdout) => {
    const error = thrown(() => result(stdout));
    expect(error.code).toBe(6);
    expect(error.message).toContain('plugin "host-local"');
  });

  test("any output is a result with addresses or a CniError", () => {
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      fc.record({ ips: fc.jsonValue(), cniVersion: fc.jsonValue() }).map((each) => JSON.stringify(each)),
    );
    fc.assert(
      fc.property(text, (stdout) => {
        expect(orCniError(() => result(stdout))?.ips.length).not.toBe(0);
      }),
    );
  });
});

describe("an IPAM plugin that fails", () => {
  const fail = (changes: Partial<DelegateOutcome>) =>
    thrown(() => requireDelegateSuccess("host-local", outcome({ status: 7, ...changes }), () => {}));

  test("passes on its code, message and details, with its name", () => {
    expect(fail({ stdout: '{"code":11,"msg":"no addresses left","details":"in range 0"}' })).toMatchObject({
      code: 11,
      message: 'IPAM plugin "host-local": no addresses left',
      details: "in range 0",
    });
  });

  test("without any output is code 0, with its exit status and its name", () => {
    expect(fail({})).toMatchObject({
      code: 0,
      message: 'IPAM plugin "host-local": netplugin failed with no error message: exit status 7',
    });
    expect(fail({ status: -1, signal: 9 }).message).toContain("signal 9");
  });

  test("with only stderr has stderr in the message", () => {
    expect(fail({ stderr: "boom\n" })).toMatchObject({
      code: 0,
      message: 'IPAM plugin "host-local": netplugin failed: "boom": exit status 7',
    });
  });

  test.each(["garbage", "[]", "null", "5", '{"code":"x"}', '{"code":-1}', '{"msg":5}', " \n"])(
    "with %j fails with a message that it cannot be parsed",
    (stdout) => {
      const error = fail({ stdout });
      expect(error.code).toBe(0);
      expect(error.message).toContain(
        `netplugin failed but error parsing its diagnostic message ${JSON.stringify(stdout)}: exit status 7`,
      );
    },
  );

  test("with an error object without a message still has a message", () => {
    expect(fail({ stdout: '{"code":100}' })).toMatchObject({
      code: 100,
      message: expect.stringContaining("no error message: exit status 7"),
    });
  });

  test("that a signal ended fails, even if its output looks like a result", () => {
    expect(fail({ status: -1, signal: 15, stdout: '{"ips":[]}' }).message).toContain("signal 15");
    expect(fail({ status: 0, signal: 15, stdout: "" }).message).toContain("signal 15");
  });

  test.each([
    ["success", outcome({ stderr: "hint\n", stdout: '{"ips":[{"address":"10.0.0.5/24"}]}' })],
    [
      "failure with an error object",
      outcome({ status: 1, stderr: "hint\n", stdout: '{"code":7,"msg":"x"}' }),
    ],
    ["failure without an error object", outcome({ status: 1, stderr: "hint\n" })],
    ["garbage", outcome({ stderr: "hint\n", stdout: "garbage" })],
  ])("has its stderr relayed always, also on %s", (_, each) => {
    const relayed: string[] = [];
    orCniError(() => delegateResult("host-local", each, "1.0.0", (text) => relayed.push(text)));
    expect(relayed).toEqual(["hint\n"]);
  });

  test("with an empty stderr relays nothing", () => {
    requireDelegateSuccess("host-local", outcome({}), () => {
      throw new Error("relayed");
    });
  });

  test("any outcome is success or a CniError with a message", () => {
    const text = fc.oneof(fc.string(), fc.json());
    fc.assert(
      fc.property(
        fc.integer({ min: -1, max: 255 }),
        fc.nat(64),
        text,
        text,
        (status, signal, stdout, stderr) => {
          orCniError(() => requireDelegateSuccess("x", { status, signal, stdout, stderr }, () => {}));
        },
      ),
    );
  });
});
