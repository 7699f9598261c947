import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Redactor } from "../../../../src/cli/bugreport/redact.ts";
import { REDACTED } from "../../../../src/cli/output/text.ts";
import { documentedKeys } from "../../../support/documented-keys.ts";
import { anyRecord } from "../../attachment/record/any-record.ts";

/** Returns a JSON value as a report shows it. */
const redacted = (value: unknown) => JSON.parse(new Redactor().json(JSON.stringify(value)) ?? "null");

describe("a report shows the value of a member only if its key is known to be harmless", () => {
  test.each([
    ...[
      "password",
      "dbPassword",
      "passwd",
      "PASSPHRASE",
      "client_secret",
      "bearerToken",
      "token",
      "credentials",
    ],
    ...["apiKey", "key", "sshKeys", "private-key", "client-key-data", "authorization", "auth", "pwd", "pass"],
    ...["bearer", "cookie", "appKey", "httpKey", "ldapkey", "otpkey", "backupKeys", "APPKEY", "k", "value"],
    ...["customer", "s3", "etcd_username", "kubeconfigData", "env", "headers"],
  ])("not that of %s", (key) => {
    expect(redacted({ [key]: "hunter" })).toEqual({ [key]: REDACTED });
    expect(redacted({ plugins: [{ ipam: { [key]: { name: "hunter", a: ["hunter"] } } }] })).toEqual({
      plugins: [{ ipam: { [key]: REDACTED } }],
    });
  });

  test.each([
    ...[
      "pkey",
      "PKEY",
      "name",
      "guid",
      "netnsCookie",
      "deviceID",
      "rangeStart",
      "kubeconfig",
      "K8S_POD_NAME",
    ],
    ...documentedKeys().map((key) => key.replace(/^(?:args\.cni|runtimeConfig)\./, "")),
  ])("but that of %s", (key) => {
    expect(redacted({ [key]: "value" })).toEqual({ [key]: "value" });
  });

  test("all members of a record are shown", () => {
    fc.assert(
      // A long run of letters and digits looks like a secret.
      fc.property(
        anyRecord.filter((record) => !JSON.stringify(record).includes("u2028u2028")),
        (record) => {
          const harmless = { ...record, call: { stdin: "{}", args: "", path: "/opt/cni/bin" } };
          expect(redacted({ attachment: harmless })).toEqual(
            JSON.parse(JSON.stringify({ attachment: harmless })),
          );
        },
      ),
    );
  });
});

test("values of all types are replaced, except those that cannot be a secret", () => {
  expect(
    redacted({ token: { a: 1 }, tokens: ["x"], key: 7, secret: "", password: null, useToken: true }),
  ).toEqual({ token: REDACTED, tokens: REDACTED, key: REDACTED, secret: "", password: null, useToken: true });
});

test("a key that cannot be a misspelled key is replaced, too", () => {
  expect(redacted({ "hunter hunter": 1, "": 2 })).toEqual({ [REDACTED]: REDACTED });
});

test("secrets are found at any depth, and in texts that are JSON", () => {
  const network = { plugins: [{ type: "ib-sriov", ipam: { type: "x", etcd: { password: "hunter" } } }] };
  const record = { attachment: { call: { stdin: JSON.stringify(network), args: "A=b" } }, pkey: "0x8001" };
  const { attachment, pkey } = redacted(record);
  expect(pkey).toBe("0x8001");
  expect(attachment.call.args).toBe(`A=${REDACTED}`);
  expect(JSON.parse(attachment.call.stdin).plugins[0].ipam).toEqual({ type: "x", etcd: REDACTED });
});

const PEM = "-----BEGIN PRIVATE KEY-----\nhunterhunter\nhunter/hunter==\n-----END PRIVATE KEY-----";

describe("a text is shown without", () => {
  test.each([
    ["a password", "login failed: password hunter"],
    ["a quoted value", 'TOKEN="hunter hunter"'],
    ["a value with other separators", "PASSWORD=a&hunter;hunter"],
    ["an option", "run tool --password hunter"],
    ["an option with a short word", "run tool --key hunter"],
    ["a header", "> Authorization: Basic hunter"],
    ["a cookie", "Set-Cookie: id=hunter; Path=/hunter"],
    ["a bearer", "request with bearer hunter failed"],
    ["pwd", "pwd=hunter"],
    ["pass", "DB_PASS=hunter"],
    ["a key", "APPKEY=hunter"],
    ["a member of JSON", '{"appKey":"hunter"'],
    ["a member of escaped JSON", '\\"appKey\\":\\"hunter\\"'],
    ["YAML", "password:\n  hunter\nmtu: 1"],
    ["a block of YAML", "token: |\n  hunter\n"],
    ["a user in a URL", "get https://me:hunter@etcd:2379/v3"],
    ["a query of a URL", "get https://etcd:2379/v3?x=hunter&y=hunter: timeout"],
    ["PEM", `cert: ${PEM} is expired`],
    ["PEM in one line", JSON.stringify(PEM)],
    ["PEM without its end", PEM.slice(0, 50)],
    ["a JWT", "Unauthorized abc1-hunter-0123456789abcdefghij.hunter1234567890123.x"],
    ["Base64", `cannot use ${"hunter1+/".repeat(4)}=`],
  ])("%s", (_, text) => {
    const shown = new Redactor().text(text);
    expect(shown).not.toContain("hunter");
    expect(shown).toContain(REDACTED);
  });

  test.each([
    'ADD default/trainer net1 ib 0000:03:00.2: failed with code 7: network configuration: pkey must be a number, not "x" (3 ms)',
    "network configuration: key mtus is ignored; use mtu",
    "/var/lib/cni/ib-sriov/.guid/0011223344556677: fe80::211:2233:4455:6677 00:11:22:33:44:55:66:77",
    "mlx5_core 0000:01:00.0: firmware version: 28.39.1002 ib-sriov-bugreport-node-20260101T000000Z.tar",
    "BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable, Speculative Store Bypass: Vulnerable",
    "/var/run/netns/cni-5b3a0ff4-1b2c-4d5e-8f90-123456789abc deployment-7d9f8c6b5-x2x4z",
  ])("but with other texts: %s", (text) => {
    expect(new Redactor().text(text)).toBe(text);
  });
});

test("a value that a document redacts is redacted in all later texts", () => {
  const redactor = new Redactor();
  const list = [{ name: "A", value: "the hunter" }];
  redactor.json(JSON.stringify({ ipam: { password: 'hunter"1', custom: "hunter-22", list } }));
  redactor.json(JSON.stringify({ attachment: { call: { args: "X_TOKEN=hunter333", stdin: "{}" } } }));
  const text = 'x hunter"1 y hunter\\"1 z hunter-22 hunter333 (the hunter)';
  expect(redactor.text(text)).not.toContain("hunter");
  expect(redactor.text(JSON.stringify({ msg: text }))).not.toContain("hunter");
});

test("a value of an unknown key is shown elsewhere if it is an ordinary word, an address or a path", () => {
  const redactor = new Redactor();
  redactor.json(
    JSON.stringify({ a: "default", b: "10.56.217.0/24", c: "/etc/whereabouts1", d: "ib0", e: "fd00::1" }),
  );
  const text = "default 10.56.217.0/24 /etc/whereabouts1 ib0 fd00::1";
  expect(redactor.text(text)).toBe(text);
});

test("the ID of a container is shown, although it looks like a secret", () => {
  const redactor = new Redactor();
  const containerId = "0123456789abcdef".repeat(4);
  expect(redactor.text(containerId)).toBe(REDACTED);
  redactor.json(JSON.stringify({ attachment: { containerId } }));
  const text = `/var/lib/cni/ib-sriov/${containerId}-net1 of ${containerId}`;
  expect(redactor.text(text)).toBe(text);
});

test("entries of logs stay JSON, and their unknown members are redacted", () => {
  const entry = {
    time: "t",
    msg: "IPAM: token hunter",
    error: { code: 1, details: "hunter=1 key=hunter" },
    more: "hunter",
  };
  const lines = new Redactor().jsonLines(
    `${JSON.stringify(entry)}\npassword=hunter\n${JSON.stringify(entry)}\n`,
  );
  expect(lines.replace("hunter=1", "")).toMatch(/^\{.*\}\npassword=\(redacted\)\n\{.*\}\n$/);
  expect(JSON.parse(lines.split("\n")[0] ?? "")).toEqual({
    time: "t",
    msg: `IPAM: token ${REDACTED}`,
    error: { code: 1, details: `hunter=1 key=${REDACTED}` },
    more: REDACTED,
  });
});

test.each(["", "{", '{"password":"hunter"', "text", '"hunter"', "7"])(
  "a text that is not a JSON object or list has no redacted form: %s",
  (text) => {
    expect(new Redactor().json(text)).toBeUndefined();
  },
);

test("the time is proportional to the text, whatever the text is", () => {
  for (const unit of ["a-", "://", "pass ", "-----BEGIN", "key_", "=", "\n", "{\n", "://a?"]) {
    const begin = performance.now();
    new Redactor().text(unit.repeat(100_000));
    expect({ unit, seconds: Math.floor((performance.now() - begin) / 20_000) }).toEqual({ unit, seconds: 0 });
  }
});
