import { expect, test } from "vitest";
import { parseTraceparent } from "../../../src/log/trace-context.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const spanId = "00f067aa0ba902b7";

test.each([
  ["sampled", `00-${traceId}-${spanId}-01`],
  ["not sampled", `00-${traceId}-${spanId}-00`],
  ["of a later version", `01-${traceId}-${spanId}-01`],
  ["of a later version that has more", `cc-${traceId}-${spanId}-01-more`],
])("a span that is %s", (_, text) => {
  expect(parseTraceparent(text)).toEqual({ traceId, spanId });
});

test.each([
  ["no value", undefined],
  ["an empty value", ""],
  ["another form", traceId],
  ["an invalid version", `ff-${traceId}-${spanId}-01`],
  ["a version that is not hexadecimal", `0x-${traceId}-${spanId}-01`],
  ["upper case", `00-${traceId.toUpperCase()}-${spanId}-01`],
  ["a trace ID of zeros", `00-${"0".repeat(32)}-${spanId}-01`],
  ["a span ID of zeros", `00-${traceId}-${"0".repeat(16)}-01`],
  ["a short trace ID", `00-${traceId.slice(1)}-${spanId}-01`],
  ["a long span ID", `00-${traceId}-${spanId}0-01`],
  ["no flags", `00-${traceId}-${spanId}`],
  ["flags that are not hexadecimal", `00-${traceId}-${spanId}-0g`],
  ["more than version 00 has", `00-${traceId}-${spanId}-01-more`],
  ["a newline", `00-${traceId}-${spanId}-01\n`],
  ["a newline in front", `\n00-${traceId}-${spanId}-01`],
  ["a later version that has more without a dash", `01-${traceId}-${spanId}-01more`],
])("%s is ignored", (_, text) => {
  expect(parseTraceparent(text)).toEqual({ traceId: "", spanId: "" });
});
