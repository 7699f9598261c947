import { utf8Encode } from "host";
import { printableLines } from "../../log/printable.ts";

/** An answer with a text. */
export interface HttpResponse {
  readonly status: number;
  /** Media type of the body, e.g. "text/plain; charset=utf-8". */
  readonly type: string;
  /** The bytes of the text, one part after the other. Answers can share parts, which are not copied. */
  readonly body: readonly Uint8Array[];
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
  return { status, type: "text/plain; charset=utf-8", body: [utf8Encode(`${printableLines(text)}\n`)] };
}

/**
 * Returns the bytes of an answer, one part after the other. The connection ends after it, which bounds the number of
 * requests of a client.
 * @param hasBody false for the answer to HEAD, whose fields are those of the answer to GET (RFC 9110, 9.3.2).
 */
export function encodeResponse(
  { status, type, body, allow }: HttpResponse,
  { hasBody }: { readonly hasBody: boolean },
): Uint8Array[] {
  const fields = [
    `HTTP/1.1 ${status} ${PHRASES[status] ?? ""}`,
    `Content-Type: ${type}`,
    `Content-Length: ${body.reduce((length, part) => length + part.length, 0)}`,
    ...(allow === undefined ? [] : [`Allow: ${allow}`]),
    "Cache-Control: no-store",
    "Connection: close",
  ];
  const head = utf8Encode(`${fields.join("\r\n")}\r\n\r\n`);
  return hasBody ? [head, ...body] : [head];
}
