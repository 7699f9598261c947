// A signal ends ADD and DEL, at each of their system calls; the node loses nothing. The tests use the real host-local,
// which keeps running when the plugin is killed.
import { afterAll, expect, test } from "vitest";
import { reportFigures } from "../support/figures.ts";
import { commandLine, hostLocal, network } from "./harness/cni.ts";
import { compile } from "./harness/compile.ts";
import { inRepository, quote } from "./harness/guest.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";
import { systemCallNames } from "./harness/system-calls.ts";

const node = testNode({ files: [compile("test/e2e/guest/tracer.c"), inRepository("test/e2e/guest/end.sh")] });
const [vf] = vfs;
const config = network(vf, {
  link_state: "enable",
  guid: "02:00:00:00:00:00:00:77",
  ipam: hostLocal(["10.1.0.0/24"]),
});

/** Number of cases between comparisons of the whole node, because a comparison takes as long as a case. */
const stride = 16;
/** Time limit for a sweep, ms: one and a half minutes on two cores, and ten times as long on a busy machine. */
const sweepTime = 1_500_000;
const names = systemCallNames();
const cases = new Map<string, number>();

afterAll(() => {
  const total = [...cases.values()].reduce((sum, each) => sum + each, 0);
  reportFigures("e2e-signals", { "calls of the plugin ended in the virtual node": total });
  console.log([...cases].map(([kind, count]) => `${kind}: ${count} cases`).join(", "));
});

/** A call that a signal ended. */
interface Case {
  readonly number: number;
  readonly systemCall: string;
  readonly status: number;
  readonly answer: string;
}

/** Runs a part of guest/end.sh. Returns its cases, and whether the plugin makes no more system calls. */
async function run(kind: string, from: number, to: number): Promise<{ ended: Case[]; isOver: boolean }> {
  const { status, stdout, stderr } = await node.guest.execute(
    `bash /host/end.sh ${kind} ${from} ${to}`,
    1200,
  );
  const lines = stdout.trimEnd().split("\n");
  const named = (number: string) => `${names.get(Number(number)) ?? "none"} (${number})`;
  if (status !== 0) {
    const problem = lines
      .at(-1)
      ?.replace(/^(problem at \d+) (\S*)/, (_, at, call) => `${at}, ${named(call)}:`);
    throw new Error(`${kind}: ${problem}\n${stderr}status ${status}`);
  }
  const ended = lines.flatMap((line) => {
    const [word, number, systemCall = "", code, answer = ""] = line.split(" ");
    if (word !== "case") return [];
    const text = Buffer.from(answer, "base64").toString("utf8");
    return [{ number: Number(number), systemCall: named(systemCall), status: Number(code), answer: text }];
  });
  return { ended, isOver: lines.includes("over") };
}

/** Ends the plugin at every system call, and compares the node. Returns the cases of ended calls. */
async function sweep(kind: string): Promise<Case[]> {
  const found: Case[] = [];
  await node.unchanged(async () => {
    await node.shell(`printf %s ${quote(JSON.stringify(config))} >/tmp/config`);
    const before = await node.snapshot();
    for (let from = 1, isOver = false; !isOver; from += stride) {
      const part = await run(kind, from, from + stride - 1);
      isOver = part.isOver;
      found.push(...part.ended.slice(0, isOver ? -1 : undefined));
      try {
        await node.expectSnapshot(before);
      } catch (error) {
        await findCase(kind, from, before);
        throw error;
      }
    }
  });
  cases.set(kind, found.length);
  return found;
}

/** Finds the case after which the node differs, and fails with its number. */
async function findCase(kind: string, from: number, before: string[]): Promise<void> {
  await node.reset();
  for (let number = from; number < from + stride; number++) {
    const { ended } = await run(kind, number, number);
    expect(await node.snapshot(), `${kind}, ended at system call ${number}, ${ended[0]?.systemCall}`).toEqual(
      before,
    );
  }
}

test(
  "ADD is killed at every system call: DEL restores the node",
  async () => {
    const killed = await sweep("ADD-DEL");
    expect(killed.length).toBeGreaterThan(150);
    expect(new Set(killed.map(({ status }) => status))).toEqual(new Set([137]));
  },
  sweepTime,
);

test(
  "ADD is killed at every system call with an effect, without a DEL: the next container's ADD and DEL restore the node",
  async () => {
    const killed = await sweep("ADD-ADD");
    expect(killed.length).toBeGreaterThan(30);
    expect(new Set(killed.map(({ status }) => status))).toEqual(new Set([137]));
  },
  sweepTime,
);

test(
  "DEL is killed at every system call: the next DEL restores the node",
  async () => {
    const killed = await sweep("DEL-DEL");
    expect(killed.length).toBeGreaterThan(120);
    expect(new Set(killed.map(({ status }) => status))).toEqual(new Set([137]));
  },
  sweepTime,
);

test(
  "ADD gets SIGTERM at every system call with an effect: it rolls back, and reports that",
  async () => {
    const ended = await sweep("TERM");
    expect(ended.length).toBeGreaterThan(30);
    for (const { number, systemCall, status, answer } of ended) {
      const where = `SIGTERM at system call ${number}, ${systemCall}: ${answer}`;
      // Before its first change, ADD simply ends; when it is about to report success, it reports success.
      if (status === 143) expect(answer, where).toBe("");
      else if (status === 0) expect(JSON.parse(answer), where).toHaveProperty("ips");
      else
        expect(JSON.parse(answer), where).toMatchObject({
          code: 11,
          msg: expect.stringContaining("SIGTERM"),
        });
    }
    const count = (code: number) => ended.filter(({ status }) => status === code).length;
    expect(count(1)).toBeGreaterThan(20);
    expect(count(0)).toBeLessThan(10);
  },
  sweepTime,
);

const fake = { ...config, ipam: { type: "fake" } };

test("ADD gets SIGTERM while the IPAM plugin runs: the IPAM plugin completes, and its lease is released", () =>
  node.unchanged(async () => {
    await node.plugin(
      "fake",
      `echo $CNI_COMMAND >>/tmp/ipam-calls; [ $CNI_COMMAND = ADD ] || exit 0
      kill -TERM $PPID; sleep 0.5; echo ended >>/tmp/ipam-calls
      echo '{"cniVersion":"1.0.0","ips":[{"address":"10.1.0.5/24"}]}'`,
    );
    const answer = await node.refused({ command: "ADD", netns: "a", config: fake });
    expect(answer).toMatchObject({ code: 11, msg: expect.stringContaining("SIGTERM") });
    expect(await node.shell("cat /tmp/ipam-calls; rm /tmp/ipam-calls")).toBe("ADD\nended\nDEL\n");
  }));

// A write to `bind` cannot be interrupted, so the plugin handles SIGTERM when the write returns.
test("ADD gets SIGTERM while the driver binds", () =>
  node.unchanged(async () => {
    const delay = (ms: number) => node.shell(`echo ${ms} >/sys/module/vhca/parameters/probe_delay_ms`);
    await delay(700);
    const add = commandLine(plugin, { command: "ADD", netns: "a", config });
    const outcome = await node.guest.execute(`{ ${add}; } >/tmp/answer & pipe=$!
      until set -- $(pidof ib-sriov) && grep -q msleep /proc/[0-9]*/wchan 2>/dev/null; do :; done
      for process in $*; do [ "$(cat /proc/$process/wchan)" = msleep ] || kill -TERM $process; done
      wait $pipe; status=$?; cat /tmp/answer; exit $status`);
    expect(outcome.status).toBe(1);
    expect(JSON.parse(outcome.stdout)).toMatchObject({ code: 11 });
    await delay(0);
  }));
