/** The span of the runtime that a call belongs to; "" if the runtime passes none. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
}

/**
 * traceparent of W3C Trace Context: version, trace ID, span ID, flags, in lower case, neither ID zero. Version ff is
 * invalid, and only versions after 00 may have more at the end.
 */
const TRACEPARENT =
  /^(?!ff|00.{54})[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-[\da-f]{2}(?:$|-)/s;

/**
 * Parses the variable TRACEPARENT, in which libcni passes the runtime's span to plugins. An invalid value is ignored,
 * as the specification requires.
 */
export function parseTraceparent(text: string | undefined): TraceContext {
  const [, traceId = "", spanId = ""] = TRACEPARENT.exec(text ?? "") ?? [];
  return { traceId, spanId };
}
