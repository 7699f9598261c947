import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LONGEST_HEAD, parseRequest } from "../../../../src/cli/agent/http-request.ts";

const request = (first: string, ...fields: string[]) => `${[first, ...fields].join("\r\n")}\r\n\r\n`;
const host = "Host: node";

describe("a request", () => {
  test.each([
    ["GET /metrics HTTP/1.1", "/metrics"],
    ["GET /metrics?a=b#c HTTP/1.1", "/metrics"],
    ["GET http://node:9410/healthz HTTP/1.1", "/healthz"],
    ["GET / HTTP/1.1", "/"],
  ])("%s", (first, path) => {
    expect(parseRequest(request(first, host, "Accept: */*"))).toEqual({ method: "GET", path });
  });

  test("of HTTP/1.0 needs no Host, and lines can end without a CR", () => {
    expect(parseRequest("\r\nGET /healthz HTTP/1.0\n\n")).toEqual({ method: "GET", path: "/healthz" });
  });

  test("can be followed by another, which is not read", () => {
    const first = request("GET /healthz HTTP/1.1", host);
    expect(parseRequest(first + request("GET /x HTTP/1.1", host))).toEqual(parseRequest(first));
  });

  test("is complete only with its last byte", () => {
    const whole = request("GET /metrics HTTP/1.1", host);
    for (let length = 0; length < whole.length; length++)
      expect(parseRequest(whole.slice(0, length))).toBeUndefined();
  });
});

describe("is refused", () => {
  test.each([
    ["GET /metrics", 400],
    ["GET  /metrics HTTP/1.1", 400],
    ["GET /metrics HTTP/2.0", 505],
    ["GET metrics HTTP/1.1", 400],
    ["GET * HTTP/1.1", 400],
    ["\x16\x03\x01\x02", 400],
  ])("%j", (first, status) => {
    expect(parseRequest(request(first, host))).toMatchObject({ status });
  });

  test.each([
    [["no colon"], 400],
    [["Host : node"], 400],
    [["Accept: */*"], 400],
    [[host, "Content-Length: 5"], 413],
    [[host, "transfer-encoding: chunked"], 413],
  ])("with the fields %j", (fields, status) => {
    expect(parseRequest(request("GET /metrics HTTP/1.1", ...fields))).toMatchObject({ status });
  });

  test("if it does not end", () => {
    expect(parseRequest("x".repeat(LONGEST_HEAD))).toBeUndefined();
    expect(parseRequest("x".repeat(LONGEST_HEAD + 1))).toMatchObject({ status: 431 });
  });
});

test("any bytes are a request, refused, or not complete", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary-ascii", maxLength: 200 }), fc.boolean(), (text, ends) => {
      const parsed = parseRequest(ends ? `${text}\r\n\r\n` : text);
      if (parsed !== undefined && "path" in parsed) expect(parsed.path).toMatch(/^\//);
    }),
  );
});
