import type { TestNode } from "./node.ts";

/**
 * Encodes a protobuf message whose fields 1, 2, … are texts or messages; empty fields are left out, as in protobuf.
 * @throws {RangeError} if a field has more than 127 bytes, because its length would need a second byte.
 */
export function message(...fields: (string | Buffer)[]): Buffer {
  return Buffer.concat(
    fields.map((field, i) => {
      const bytes = Buffer.from(field);
      if (bytes.length > 127) throw new RangeError(`field ${i + 1} has ${bytes.length} bytes`);
      // Wire type 2: a length, and as many bytes.
      return bytes.length === 0 ? bytes : Buffer.concat([Buffer.of(((i + 1) << 3) | 2, bytes.length), bytes]);
    }),
  );
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
