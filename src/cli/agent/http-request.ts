/** Longest head of a request, bytes: request line and header fields. Prometheus sends some 300. */
export const LONGEST_HEAD = 8192;

/** A request without a body. */
export interface HttpRequest {
  readonly method: string;
  /** The path of the target, without the query. */
  readonly path: string;
}

/** A request that gets an answer without a look at its path. */
export interface HttpRefusal {
  readonly status: number;
  /** For the body of the answer. */
  readonly reason: string;
  /** `undefined` if the method cannot be read. */
  readonly method?: string;
}

/**
 * Parses the beginning of a connection: the head of one request (RFC 9112).
 * @param head the bytes so far, one character each.
 * @returns `undefined` if the head is not complete yet.
 */
export function parseRequest(head: string): HttpRequest | HttpRefusal | undefined {
  // A line can end without a CR.
  const text = withoutEmptyLines(head);
  const end = /\r?\n\r?\n/.exec(text);
  if (end === null) return head.length > LONGEST_HEAD ? refused(431, "the request is too long") : undefined;
  const [requestLine = "", ...lines] = text.slice(0, end.index).split(/\r?\n/);
  const [, method = "", target = "", version] = REQUEST_LINE.exec(requestLine) ?? [];
  if (version === undefined) return refused(400, "the first line is not that of an HTTP request");
  return parseHead(method, target, version, lines);
}

/** Parses the head of a request, after its first line was divided. */
function parseHead(
  method: string,
  target: string,
  version: string,
  lines: readonly string[],
): HttpRequest | HttpRefusal {
  const refused = (status: number, reason: string) => ({ status, reason, method });
  if (!VERSION.test(version)) return refused(505, "only HTTP/1.0 and HTTP/1.1 are supported");
  const fields = new Map<string, string>();
  for (const line of lines) {
    const [, name = "", value = ""] = FIELD.exec(line) ?? [];
    if (name === "") return refused(400, "a line is not a header field");
    fields.set(name.toLowerCase(), value.trim());
  }
  if (version === "HTTP/1.1" && !fields.has("host")) return refused(400, "the field Host is missing");
  if (fields.has("transfer-encoding") || (fields.get("content-length") ?? "0") !== "0")
    return refused(413, "a request must not have a body");
  const [, path = ""] = TARGET.exec(target) ?? [];
  if (path === "") return refused(400, "the target is not a path");
  return { method, path };
}

/** Returns the head of a request without empty lines at its beginning, which are ignored (RFC 9112, 2.2). */
export function withoutEmptyLines(head: string): string {
  return head.replace(/^(?:\r?\n)+/, "");
}

function refused(status: number, reason: string): HttpRefusal {
  return { status, reason };
}

const REQUEST_LINE = /^([!#$%&'*+.^_`|~\w-]+) (\S+) (HTTP\/\S+)$/;
const VERSION = /^HTTP\/1\.[01]$/;
const FIELD = /^([!#$%&'*+.^_`|~\w-]+):(.*)$/;
/** A path, also after a host, and a query. */
const TARGET = /^(?:https?:\/\/[^/?#]+)?(\/[^?#]*)/i;
