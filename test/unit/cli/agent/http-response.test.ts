import { expect, test } from "vitest";
import { encodeResponse, plainText } from "../../../../src/cli/agent/http-response.ts";

const textOf = (parts: Uint8Array[]) => Buffer.concat(parts).toString();

test("the answer to HEAD is the head of the answer to GET, with the length of its body", () => {
  const response = plainText(200, "ä");
  const whole = textOf(encodeResponse(response, { hasBody: true }));
  expect(whole).toMatch(/\r\nContent-Length: 3\r\n[\s\S]*\r\n\r\nä\n$/);
  expect(`${textOf(encodeResponse(response, { hasBody: false }))}ä\n`).toBe(whole);
});

test("the parts of a body are not copied", () => {
  const body = [new Uint8Array([1]), new Uint8Array([2, 3])];
  const [head = new Uint8Array(), ...parts] = encodeResponse(
    { status: 200, type: "text/plain", body },
    { hasBody: true },
  );
  expect(parts).toEqual(body);
  expect(parts[0]).toBe(body[0]);
  expect(textOf([head])).toContain("\r\nContent-Length: 3\r\n");
});
