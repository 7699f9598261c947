import type { TestNode } from "./node.ts";

/** A field of a protobuf message: text, a nested message, a number that is not negative, or a repetition of these. */
type Field = string | Buffer | number | boolean | readonly (string | Buffer)[];

/** Encodes a protobuf message from its fields by number. Empty texts and zeros are left out, as in protobuf. */
export function message(fields: Readonly<Record<number, Field | undefined>>): Buffer {
  const parts = Object.entries(fields).flatMap(([number, value]) =>
    (isList(value) ? value : [value]).map((each) => field(Number(number), each)),
  );
  return Buffer.concat(parts);
}

function isList(value: Field | undefined): value is readonly (string | Buffer)[] {
  return Array.isArray(value);
}

function field(number: number, value: string | Buffer | number | boolean | undefined): Buffer {
  if (value === undefined || value === "" || value === 0 || value === false) return Buffer.alloc(0);
  // Wire type 0: a number. Wire type 2: a length, and as many bytes.
  if (typeof value === "number" || typeof value === "boolean")
    return Buffer.concat([varint(number << 3), varint(Number(value))]);
  const bytes = Buffer.from(value);
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

/** Encodes a number in groups of 7 bits, the lowest first. */
function varint(value: number): Buffer {
  const bytes = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.of(...bytes, rest);
    bytes.push((rest % 128) | 128);
  }
}

/**
 * Calls containerd's CRI service, as kubelet does: gRPC over its socket.
 * @param method of RuntimeService, e.g. "RunPodSandbox".
 * @returns the answer with its headers; texts in it are readable as they are.
 * @throws {Error} with the service's message, if it refuses.
 */
export async function cri(node: TestNode, method: string, request: Buffer): Promise<string> {
  // The frame's header: not compressed, and the length.
  const head = Buffer.alloc(5);
  head.writeUInt32BE(request.length, 1);
  const body = Buffer.concat([head, request]).toString("base64");
  return node.shell(`base64 -d <<<${body} |
    curl -sS --http2-prior-knowledge --unix-socket /run/containerd/containerd.sock -D /tmp/headers \\
      -H 'content-type: application/grpc' -H 'te: trailers' --data-binary @- -o /tmp/answer \\
      http://localhost/runtime.v1.RuntimeService/${method}
    grep -qi '^grpc-status: 0' /tmp/headers || { cat /tmp/headers >&2; exit 1; }
    cat /tmp/answer`);
}

/** Calls the CRI service, and returns the id that its answer consists of. */
export async function criId(node: TestNode, method: string, request: Buffer): Promise<string> {
  const answer = await cri(node, method, request);
  const [id] = /[0-9a-f]{64}/.exec(answer) ?? [];
  if (id === undefined) throw new Error(`${method} returned no id: ${answer}`);
  return id;
}
