import { describe, expect, test } from "vitest";
import { redactJson, withoutSecrets } from "../../../../src/cli/bugreport/redact.ts";
import { REDACTED } from "../../../../src/cli/output/text.ts";

describe("the value of a member is a secret if its key is", () => {
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
    ...["apiKey", "api_key", "key", "sshKeys", "private-key", "client-key-data", "authorization", "auth"],
  ])("%s", (key) => {
    expect(withoutSecrets({ [key]: "hunter" })).toEqual({ [key]: REDACTED });
  });

  test.each([
    ...[
      "pkey",
      "PKEY",
      "name",
      "guid",
      "netnsCookie",
      "keyboard",
      "authors",
      "ipam",
      "deviceID",
      "kubeconfig",
    ],
  ])("but not %s", (key) => {
    expect(withoutSecrets({ [key]: "value" })).toEqual({ [key]: "value" });
  });
});

test("values of all types are replaced, except those that cannot be a secret", () => {
  expect(
    withoutSecrets({ token: { a: 1 }, tokens: ["x"], key: 7, secret: "", password: null, useToken: true }),
  ).toEqual({ token: REDACTED, tokens: REDACTED, key: REDACTED, secret: "", password: null, useToken: true });
});

test("secrets are found at any depth, and in texts that are JSON", () => {
  const network = { plugins: [{ type: "ib-sriov", ipam: { type: "x", etcd: { password: "hunter" } } }] };
  const record = { attachment: { call: { stdin: JSON.stringify(network), args: "A=b" } }, pkey: "0x8001" };
  const redacted = redactJson(JSON.stringify(record)) ?? "";
  expect(redacted).not.toContain("hunter");
  const { attachment, pkey } = JSON.parse(redacted);
  expect(pkey).toBe("0x8001");
  expect(JSON.parse(attachment.call.stdin).plugins[0].ipam).toEqual({
    type: "x",
    etcd: { password: REDACTED },
  });
});

test("secrets are found in pairs and in URLs", () => {
  expect(withoutSecrets("IgnoreUnknown=1;DB_TOKEN=hunter;K8S_POD_NAME=trainer")).toBe(
    `IgnoreUnknown=1;DB_TOKEN=${REDACTED};K8S_POD_NAME=trainer`,
  );
  expect(withoutSecrets("https://user:hunter@etcd:2379/v3?token=hunter&x=1")).toBe(
    `https://${REDACTED}@etcd:2379/v3?token=${REDACTED}&x=1`,
  );
});

test.each(["", "{", '{"password":"hunter"', "text", '"hunter"', "7"])(
  "a text that is not a JSON object or list has no redacted form: %s",
  (text) => {
    expect(redactJson(text)).toBeUndefined();
  },
);
