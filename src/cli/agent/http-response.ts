import { printableLines } from "../../log/printable.ts";

/** An answer with a text. */
export interface HttpResponse {
  readonly status: number;
  /** Media type of the body, e.g. "text/plain; charset=utf-8". */
  readonly type: string;
  readonly body: string;
  /** The methods that a path supports, for status 405. */
  readonly allow?: string;
}

/** The reason phrases of the statuses that the agent uses (RFC 9110, 15). */
const PHRASES: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  413: "Content Too Large",
  431: "Request Header Fields Too Large",
  503: "Service Unavailable",
  505: "HTTP Version Not Supported",
};

/** Returns an answer that people read, {@link printableLines printable}, with a newline at its end. */
export function plainText(status: number, text: string): HttpResponse {
  return { status, type: "text/plain; charset=utf-8", body: `${printableLines(text)}\n` };
}

/** Returns the bytes of an answer. The connection ends after it, which bounds the number of requests of a client. */
export function encodeResponse(
  { status, type, body, allow }: HttpResponse,
  utf8: (text: string) => Uint8Array,
): Uint8Array {
  const content = utf8(body);
  const fields = [
    `HTTP/1.1 ${status} ${PHRASES[status] ?? ""}`,
    `Content-Type: ${type}`,
    `Content-Length: ${content.length}`,
    ...(allow === undefined ? [] : [`Allow: ${allow}`]),
    "Cache-Control: no-store",
    "Connection: close",
  ];
  const head = utf8(`${fields.join("\r\n")}\r\n\r\n`);
  const bytes = new Uint8Array(head.length + content.length);
  bytes.set(head);
  bytes.set(content, head.length);
  return bytes;
}
