import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { patience } from "../support/patience.ts";
import { executables } from "./executables.ts";

const state = "/var/lib/cni/ib-sriov";

/** A call that fails only because the VF does not exist. CNI_NETNS is the plugin's own namespace, which is allowed. */
const environment = {
  CNI_COMMAND: "ADD",
  CNI_CONTAINERID: "c1",
  CNI_NETNS: "/proc/self/ns/net",
  CNI_NETNS_OVERRIDE: "1",
  CNI_IFNAME: "net1",
  CNI_PATH: "/opt/cni/bin",
};
const config = { cniVersion: "1.0.0", name: "n", type: "ib-sriov", deviceID: "0000:fe:1f.7" };

type Environment = Record<string, string | undefined>;

describe.each(executables)("$variant executable", ({ path }) => {
  /** Stdin is a file: the plugin may refuse a call before it has read all of it, which would break a pipe. */
  const call = (changes: Environment, stdin: string | Buffer): SpawnSyncReturns<string> => {
    const file = join(directory, "stdin");
    writeFileSync(file, stdin);
    const input = openSync(file, "r");
    try {
      return spawnSync(path, [], {
        stdio: [input, "pipe", "pipe"],
        env: { ...environment, ...changes },
        encoding: "utf8",
        timeout: patience,
      });
    } finally {
      closeSync(input);
    }
  };

  /** Every refusal is one error object on stdout, without any other effect. */
  const refusal = (result: SpawnSyncReturns<string>) => {
    expect(result.error).toBeUndefined();
    expect(result.signal).toBeNull();
    expect(result.status).toBe(1);
    const answer: unknown = JSON.parse(result.stdout);
    expect(answer).toMatchObject({
      cniVersion: expect.any(String),
      code: expect.any(Number),
      msg: expect.stringMatching(/./),
    });
    expect(existsSync(state)).toBe(stateWasThere);
    return answer as { code: number; msg: string; details?: string };
  };

  let stateWasThere = false;
  let directory = "";
  beforeAll(() => {
    stateWasThere = existsSync(state);
    directory = mkdtempSync(join(tmpdir(), "ib-sriov-"));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  const text = JSON.stringify(config);
  const changed = (changes: object) => JSON.stringify({ ...config, ...changes });
  const members = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 0]));
  const deep = (levels: number) => `{"name":"n","x":${"[".repeat(levels)}${"]".repeat(levels)}}`;

  const cases: [what: string, code: number, message: RegExp, changes: Environment, stdin: string | Buffer][] =
    [
      ["a VF that does not exist", 7, /deviceID 0000:fe:1f\.7/, {}, text],
      ["an empty stdin", 6, /error unmarshall network config/, {}, ""],
      ["bytes that are not text", 6, /network config/, {}, Buffer.from([0xff, 0xfe, 0x00, 0x80, 0xc0])],
      ["a NUL byte after the document", 6, /network config/, {}, `${text}\0`],
      ["a NUL byte in the network's name", 7, /network name/, {}, changed({ name: "n\0x" })],
      ["a NUL byte in deviceID", 7, /deviceID/, {}, changed({ deviceID: "0000:fe:1f.7\0" })],
      ["a document that is cut off", 6, /network config/, {}, text.slice(0, 40)],
      ["two documents", 6, /network config/, {}, text + text],
      ["a byte order mark", 6, /network config/, {}, `\ufeff${text}`],
      ["a list", 6, /JSON object/, {}, "[1,2]"],
      ["a number", 6, /JSON object/, {}, "1"],
      ["a missing name", 7, /missing network name/, {}, '{"cniVersion":"1.0.0"}'],
      ["a name with a slash", 7, /network name/, {}, changed({ name: "../n" })],
      ["a document of 2 MB", 5, /stdin/, {}, changed({ x: "x".repeat(2 << 20) })],
      ["lists in lists, 100,000 deep", 6, /network config/, {}, deep(100_000)],
      [
        "very many members",
        6,
        /network config: JSON has more than 8192 members/,
        {},
        changed({ x: members(9000) }),
      ],
      ["an unknown version", 1, /incompatible CNI versions/, {}, changed({ cniVersion: "9.9.9" })],
      ["a version that is a number", 7, /cniVersion/, {}, changed({ cniVersion: 1 })],
      ["a missing deviceID", 7, /deviceID/, {}, changed({ deviceID: undefined })],
      ["a deviceID that is a number", 7, /deviceID/, {}, changed({ deviceID: 3 })],
      ["a deviceID that is a path", 7, /deviceID/, {}, changed({ deviceID: "../../etc" })],
      ["an unknown link_state", 7, /link_state/, {}, changed({ link_state: "up" })],
      ["an invalid guid", 7, /guid/, {}, changed({ guid: "02:00" })],
      ["a guid of zeros", 7, /guid/, {}, changed({ guid: "00:00:00:00:00:00:00:00" })],
      ["an ipam that is a string", 7, /ipam/, {}, changed({ ipam: "host-local" })],
      ["ipam dhcp", 2, /dhcp/, {}, changed({ ipam: { type: "dhcp" } })],
      [
        "ibKubernetesEnabled in a pod that ib-kubernetes has not processed",
        11,
        /ib-kubernetes/,
        {},
        changed({ ibKubernetesEnabled: true }),
      ],
      ["0.2.0 without addresses", 999, /no valid IP addresses/, {}, changed({ cniVersion: "0.2.0" })],
      ["a missing CNI_COMMAND", 4, /CNI_COMMAND/, { CNI_COMMAND: undefined }, text],
      ["an unknown CNI_COMMAND", 4, /unknown CNI_COMMAND: add/, { CNI_COMMAND: "add" }, text],
      ["no variables at all", 4, /\[CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME\] missing/, missing(), text],
      ["a container ID with a slash", 4, /CNI_CONTAINERID/, { CNI_CONTAINERID: "../c" }, text],
      ["an interface name that is too long", 4, /CNI_IFNAME/, { CNI_IFNAME: "x".repeat(16) }, text],
      ["an interface name with a slash", 4, /CNI_IFNAME/, { CNI_IFNAME: "a/b" }, text],
      ["a namespace that does not exist", 999, /failed to open netns/, { CNI_NETNS: "/nowhere/net" }, text],
      ["a namespace that is a plain file", 999, /failed to open netns/, { CNI_NETNS: "/etc/passwd" }, text],
      ["a namespace that is a directory", 999, /failed to open netns/, { CNI_NETNS: tmpdir() }, text],
      ["a namespace of another kind", 999, /failed to open netns/, { CNI_NETNS: "/proc/self/ns/mnt" }, text],
      [
        "a namespace that is a file of /proc",
        999,
        /failed to open netns/,
        { CNI_NETNS: "/proc/self/stat" },
        text,
      ],
      ["the plugin's own namespace", 8, /should not be the same/, { CNI_NETNS_OVERRIDE: "yes" }, text],
      ["CHECK without prevResult", 7, /prevResult/, { CNI_COMMAND: "CHECK" }, text],
      [
        "CHECK of 0.3.1",
        1,
        /does not allow CHECK/,
        { CNI_COMMAND: "CHECK" },
        changed({ cniVersion: "0.3.1" }),
      ],
      ["GC of 1.0.0", 1, /does not allow GC/, { CNI_COMMAND: "GC" }, text],
    ];

  test.each(cases)("%s: code %i", (_, code, message, changes, stdin) => {
    const { code: given, msg, details } = refusal(call(changes, stdin));
    expect({ code: given, text: `${msg} ${details ?? ""}` }).toEqual({
      code,
      text: expect.stringMatching(message),
    });
  });

  test("a container ID that makes a file name too long is refused before anything is changed", () => {
    const { code, msg } = refusal(call({ CNI_CONTAINERID: "c".repeat(300) }, text));
    expect([code, msg]).toEqual([7, expect.stringContaining("deviceID")]);
  });

  test("malformed CNI_ARGS do not make a call fail", () => {
    const result = call({ CNI_ARGS: ";;=;K8S_POD_NAME;guid==;" }, text);
    expect(refusal(result).code).toBe(7);
  });

  test.each([
    ["DEL", {}],
    ["DEL", { CNI_NETNS: "" }],
    ["DEL", { CNI_NETNS: "/nowhere/net" }],
  ])("%s of a container that was never attached succeeds: %o", (command, changes) => {
    const result = call({ CNI_COMMAND: command, ...changes }, text);
    expect([result.status, result.stdout]).toEqual([0, ""]);
    expect(existsSync(state)).toBe(stateWasThere);
  });

  test("for any stdin, the answer is one error object", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
          fc
            .json()
            .map((json) => `{"cniVersion":"1.0.0","name":"n","deviceID":"0000:fe:1f.7","args":${json}}`),
          fc.dictionary(fc.constantFrom(...keys), fc.jsonValue()).map((object) => changed(object)),
        ),
        (stdin) => void refusal(call({}, stdin)),
      ),
      { numRuns: 150 },
    );
  });

  test("for any variables, the answer is one error object", () => {
    const value = fc.oneof(
      fc.string({ unit: "binary", maxLength: 40 }).map((each) => each.replaceAll("\0", "")),
      fc.constantFrom("..", "/", "a:b", "ADD", "é".repeat(8)),
    );
    fc.assert(
      fc.property(fc.constantFrom(...variables), value, (name, each) => {
        fc.pre(name !== "CNI_COMMAND" || (each !== "VERSION" && each !== "DEL"));
        refusal(call({ [name]: each }, text));
      }),
      { numRuns: 150 },
    );
  });
});

const variables = ["CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH"];
const keys = [
  ...["cniVersion", "name", "deviceID", "guid", "pkey", "link_state", "ipam", "dns", "args", "runtimeConfig"],
  ...["prevResult", "rdmaIsolation", "vfioPciMode", "ibKubernetesEnabled", "DEVICEID", "Guid"],
];

function missing(): Environment {
  return { CNI_CONTAINERID: "", CNI_NETNS: undefined, CNI_IFNAME: undefined, CNI_PATH: undefined };
}
