import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  allowsOwnNetns,
  checkCommand,
  isIdentifier,
  ownNetnsError,
  readEnvironment,
} from "../../../src/cni/invocation.ts";
import { orCniError, thrown } from "./thrown.ts";

const complete: Record<string, string> = {
  CNI_COMMAND: "ADD",
  CNI_CONTAINERID: "c1",
  CNI_NETNS: "/var/run/netns/c1",
  CNI_IFNAME: "net1",
  CNI_ARGS: "IgnoreUnknown=1",
  CNI_PATH: "/opt/cni/bin",
  CNI_NETNS_OVERRIDE: "1",
};

function read(changes: Record<string, string | undefined> = {}) {
  const environment = { ...complete, ...changes };
  return readEnvironment((name) => environment[name]);
}

describe("the environment", () => {
  test("of a complete call", () => {
    expect(read()).toEqual({
      command: "ADD",
      containerId: "c1",
      netns: "/var/run/netns/c1",
      ifname: "net1",
      args: "IgnoreUnknown=1",
      path: "/opt/cni/bin",
      netnsOverride: "1",
    });
  });

  const required: Record<string, string[]> = {
    ADD: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
    CHECK: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
    DEL: ["CNI_CONTAINERID", "CNI_IFNAME"],
    GC: ["CNI_PATH"],
    STATUS: [],
    VERSION: [],
    add: [],
  };
  for (const [command, names] of Object.entries(required)) {
    test.each([
      ["unset", undefined],
      ["empty, which is the same", ""],
    ])(`${command} requires exactly [${names}]; missing ones are reported together (%s)`, (_, value) => {
      const changes = Object.fromEntries(Object.keys(complete).map((name) => [name, value]));
      const run = () => read({ ...changes, CNI_COMMAND: command });
      if (names.length === 0) {
        expect(run()).toMatchObject({ command, netns: undefined, containerId: "" });
        return;
      }
      expect(thrown(run)).toMatchObject({
        code: 4,
        message: `required env variables [${names.join(",")}] missing`,
      });
    });
  }

  test("a missing CNI_COMMAND is reported", () => {
    expect(thrown(() => read({ CNI_COMMAND: undefined })).message).toBe(
      "required env variables [CNI_COMMAND] missing",
    );
  });

  test("netns is undefined if it is empty for DEL", () => {
    expect(read({ CNI_COMMAND: "DEL", CNI_NETNS: "" }).netns).toBeUndefined();
  });

  test("an invalid value is reported before missing ones", () => {
    const error = thrown(() => read({ CNI_CONTAINERID: "", CNI_IFNAME: "a/b", CNI_PATH: "" }));
    expect(error).toMatchObject({ code: 4, details: "a/b" });
    expect(error.message).toContain("CNI_IFNAME");
  });

  test("of two invalid values the container id is reported", () => {
    expect(thrown(() => read({ CNI_CONTAINERID: "-", CNI_IFNAME: "a/b" })).message).toContain(
      "CNI_CONTAINERID",
    );
  });

  test("GC, STATUS, VERSION and unknown commands ignore junk in variables that they do not require", () => {
    for (const command of ["GC", "STATUS", "VERSION", "DELETE"]) {
      expect(read({ CNI_COMMAND: command, CNI_CONTAINERID: "/", CNI_IFNAME: "a/b" }).command).toBe(command);
    }
  });

  test("any environment is read or refused with code 4", () => {
    const value = fc.option(fc.oneof(fc.string(), fc.string({ unit: "binary" })), { nil: undefined });
    const command = fc.constantFrom("ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION", "", "x");
    fc.assert(
      fc.property(command, value, value, value, (name, id, ifname, netns) => {
        const changes = { CNI_COMMAND: name, CNI_CONTAINERID: id, CNI_IFNAME: ifname, CNI_NETNS: netns };
        orCniError(() => read(changes));
      }),
    );
  });
});

describe("container id", () => {
  test.each(["a", "0", "A_b.c-d", "x".repeat(1000)])("accepts %s", (id) => {
    expect(read({ CNI_CONTAINERID: id }).containerId).toBe(id);
  });

  test.each(["-a", ".a", "_a", "a/b", "a b", "ä", "a\n", "a\0", ".."])(
    "refuses %j; the message names the variable, and details the value",
    (id) => {
      expect(thrown(() => read({ CNI_CONTAINERID: id }))).toMatchObject({
        code: 4,
        message: "CNI_CONTAINERID: invalid characters in containerID",
        details: id,
      });
    },
  );

  test("is accepted as Go's regular expression accepts it", () => {
    const unit = fc.constantFrom(..."aZ09_.-/ é\n");
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 6 }), (text) => {
        expect(isIdentifier(text)).toBe(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(text) && !text.endsWith("\n"));
      }),
    );
  });
});

describe("interface name", () => {
  test.each(["a", "exactly15bytes_", "...", ".a", "é".repeat(7), "\ufeff", "a\u200b"])(
    "accepts %j",
    (name) => {
      expect(read({ CNI_IFNAME: name }).ifname).toBe(name);
    },
  );

  test.each(["sixteen_bytes_16", "é".repeat(8), "x".repeat(5000)])(
    "%s is too long, measured in bytes",
    (name) => {
      expect(thrown(() => read({ CNI_IFNAME: name }))).toMatchObject({
        code: 4,
        message: "CNI_IFNAME: interface name is too long",
        details: "interface name should be less than 16 characters",
      });
    },
  );

  test.each([".", ".."])("cannot be %s", (name) => {
    expect(thrown(() => read({ CNI_IFNAME: name }))).toMatchObject({
      code: 4,
      message: "CNI_IFNAME: interface name is . or ..",
    });
  });

  test.each([
    "a/b",
    "a:b",
    "a b",
    "\ta",
    "a\n",
    "a\v",
    "a\f",
    "a\r",
    "a\u0085",
    "a\u00a0",
    "a\u1680",
    "a\u2000",
    "a\u200a",
    "a\u2028",
    "a\u2029",
    "a\u202f",
    "a\u205f",
    "a\u3000",
  ])("cannot contain /, : or Unicode's white space: %j", (name) => {
    expect(thrown(() => read({ CNI_IFNAME: name }))).toMatchObject({
      code: 4,
      message: "CNI_IFNAME: interface name contains / or : or whitespace characters",
    });
  });
});

describe("command", () => {
  test.each(["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"])("%s is known", (command) => {
    expect(checkCommand(command)).toBe(command);
  });

  test.each(["add", "Version", "DELETE", "", "ADD "])(
    "%j is unknown: commands are case-sensitive",
    (command) => {
      expect(thrown(() => checkCommand(command))).toMatchObject({
        code: 4,
        message: `unknown CNI_COMMAND: ${command}`,
      });
    },
  );
});

describe("the plugin's own namespace", () => {
  test.each(["1", "true", "TRUE", "True"])("is permitted by CNI_NETNS_OVERRIDE=%s", (value) => {
    expect(allowsOwnNetns(value)).toBe(true);
  });

  test.each(["", "0", "yes", "false", "11", " 1", "on"])(
    "is not permitted by CNI_NETNS_OVERRIDE=%j",
    (value) => {
      expect(allowsOwnNetns(value)).toBe(false);
    },
  );

  test("is refused with code 8, in the words of the Go libraries", () => {
    expect(ownNetnsError("/proc/self/ns/net")).toMatchObject({
      code: 8,
      message: "plugin's netns and netns from CNI_NETNS should not be the same",
    });
    expect(ownNetnsError("/proc/self/ns/net").details).toContain("/proc/self/ns/net");
  });
});
