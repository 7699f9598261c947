import type { StepTrace } from "./trace.ts";

/**
 * Steps as a JSON list; "" where there are none. Every call makes one, of some ten steps, and JSON.stringify takes
 * twice as long.
 */
export function stepsJson(steps: readonly StepTrace[]): string {
  let json = "";
  let before = "[";
  for (const { step, action, ms, times, failed } of steps) {
    // Steps have names of ours, which are words. What is waited for can be a plugin with any name.
    const name = action === "wait" ? JSON.stringify(step).slice(1, -1) : step;
    let more = "";
    if (times !== undefined) more += `,"times":${times}`;
    if (failed !== undefined) more += `,"failed":${failed}`;
    json += `${before}{"step":"${name}","action":"${action}","ms":${decimal(ms)}${more}}`;
    before = ",";
  }
  return json && `${json}]`;
}

/** A number with three decimals at the most: the engine needs ten times as long for one that is not whole. */
function decimal(number: number): string {
  const thousandths = Math.round(number * 1000);
  const whole = Math.floor(thousandths / 1000);
  const rest = thousandths - whole * 1000;
  return rest === 0 ? `${whole}` : `${whole}.${rest < 10 ? "00" : rest < 100 ? "0" : ""}${rest}`;
}
