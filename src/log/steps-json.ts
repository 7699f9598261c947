import { decimal } from "./decimal.ts";
import type { StepTrace } from "./trace.ts";

/**
 * Steps as a JSON list; "" where there are none. Every call makes one, of some ten steps, and JSON.stringify takes
 * twice as long.
 */
export function stepsJson(steps: readonly StepTrace[]): string {
  let json = "";
  for (const { step, action, ms, times, failed } of steps) {
    // Steps have names of ours, which are words. What is waited for can be a plugin with any name.
    const name = action === "wait" ? JSON.stringify(step).slice(1, -1) : step;
    json += `,{"step":"${name}","action":"${action}","ms":${decimal(ms)}`;
    if (times !== undefined) json += `,"times":${times}`;
    if (failed !== undefined) json += `,"failed":${failed}`;
    json += "}";
  }
  return json && `[${json.slice(1)}]`;
}
