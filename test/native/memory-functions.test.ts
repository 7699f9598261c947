// memcpy and memcmp of native/mem.c, which everything copies and compares with.
import { expect, test } from "vitest";
import { evaluate } from "./harness.ts";

/** All lengths in which it goes another way, and some turns of its longest one. */
const lengths = "Array.from({ length: 70 }, (_, i) => i)";
const someBytes = "const bytes = (seed) => Uint8Array.from({ length: 128 }, (_, i) => (i * 7 + seed) & 255);";

test("memcpy copies so many bytes, from and to any alignment, touches no other, and returns where to", () => {
  const wrong = evaluate(`${someBytes}
    const wrong = [];
    const from = bytes(3);
    for (const length of ${lengths})
      for (let to = 1; to < 17; to++)
        for (let at = 1; at < 17; at++) {
          const target = bytes(100), expected = bytes(100);
          for (let i = 0; i < length; i++) expected[to + i] = from[at + i];
          if (!probe.memcpy(target, to, from, at, length) || target.join() !== expected.join())
            wrong.push([length, to, at]);
        }
    return wrong;`);
  expect(wrong).toEqual([]);
});

test("memcmp finds the first byte that differs, wherever it is, and orders by it as a number without a sign", () => {
  const wrong = evaluate(`${someBytes}
    const wrong = [];
    for (const length of ${lengths})
      for (let at = 0; at < 9; at++) {
        const left = new Uint8Array(128), right = new Uint8Array(128);
        left.set(bytes(5).subarray(0, length), at);
        right.set(bytes(5).subarray(0, length));
        // What comes after them is not looked at.
        left[at + length] = 1;
        if (probe.memcmp(left, at, right, 0, length) !== 0) wrong.push([length, at]);
        for (let place = 0; place < length; place++) {
          const was = right[place];
          for (const [one, other] of [[0, 255], [255, 0], [127, 128], [128, 127]]) {
            left[at + place] = one;
            right[place] = other;
            // What comes after the first does not count.
            if (place + 1 < length) right[place + 1] ^= 255;
            const order = probe.memcmp(left, at, right, 0, length);
            if (place + 1 < length) right[place + 1] ^= 255;
            if (order !== Math.sign(one - other)) wrong.push([length, at, place, one, other, order]);
          }
          left[at + place] = right[place] = was;
        }
      }
    return wrong;`);
  expect(wrong).toEqual([]);
});
