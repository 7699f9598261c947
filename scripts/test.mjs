// Runs all tests, one suite after the other, also when one of them has failed; then prints what they said, in figures,
// and as the last line "N passed, N failed". Exit status 1 where anything failed.
//   node scripts/test.mjs [SUITE …]
import { spawn } from "node:child_process";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { resolve } from "node:path";

/** A suite writes what it wants to be known (name: number) to a file *.json in here. */
const figures = "build/figures";
const reports = "build/reports";
/** vhca/run adds a line for each boot. */
const boots = `${figures}/boots`;

/** A command that either succeeds or does not. */
const check = (title, ...command) => ({ title, command, minutes: 5 });
/** A project of vitest.config.ts. */
const project = (name, minutes, title, ...more) => ({
  title,
  minutes,
  report: `${reports}/${name}.json`,
  command: [
    "node_modules/.bin/vitest",
    "run",
    ...[name, ...more].flatMap((one) => ["--project", one]),
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${reports}/${name}.json`,
  ],
});

/** A fixed number of cases takes a minute; FUZZ_SECONDS asks for more. */
const fuzzMinutes = 15 + Number(process.env.FUZZ_SECONDS ?? 0) / 60;

const suites = {
  format: check("format and lint", "node_modules/.bin/biome", "check", "--error-on-warnings", "."),
  types: check("types of the program", "node_modules/.bin/tsc", "--noEmit"),
  "test-types": check("types of the tests", "node_modules/.bin/tsc", "--noEmit", "-p", "tsconfig.test.json"),
  unit: project("unit", 15, "unit tests"),
  simulator: project("simulator", 15, "simulator"),
  native: project("native", 15, "tests of the executable, as shipped and with sanitizers", "native-asan"),
  fuzz: project("fuzz", fuzzMinutes, "fuzzers, on the sources and on both executables"),
  e2e: project("e2e", 70, "tests in the virtual node"),
};

/**
 * Runs a command in a process group of its own, which is ended as a whole when it takes too long or we are told to stop.
 * @returns {Promise<boolean>} Did it exit with 0?
 */
function succeeds([program, ...args], minutes) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: "inherit", detached: true });
    const end = () => process.kill(-child.pid, "SIGKILL");
    const timer = setTimeout(() => {
      console.error(`${program} takes longer than ${minutes} minutes and is ended`);
      end();
    }, minutes * 60_000);
    const stop = (signal) => {
      end();
      process.kill(process.pid, signal);
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, stop);
    const settle = (success) => {
      clearTimeout(timer);
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.off(signal, stop);
      resolve(success);
    };
    child.once("error", (error) => {
      console.error(`${program}: ${error.message}`);
      settle(false);
    });
    child.once("close", (status) => settle(status === 0));
  });
}

/** Cases passed, failed and skipped. A suite that failed without a failed case has crashed: that is a failure too. */
async function run({ title, command, minutes, report }) {
  console.log(`\n== ${title}`);
  const begin = performance.now();
  const succeeded = await succeeds(command, minutes);
  const seconds = (performance.now() - begin) / 1000;
  let [passed, failed, skipped] = report ? [0, 0, 0] : [succeeded ? 1 : 0, 0, 0];
  try {
    if (report) {
      const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(
        await readFile(report),
      );
      [passed, failed, skipped] = [numPassedTests, numFailedTests, numPendingTests + numTodoTests];
    }
  } catch (error) {
    console.error(`${title}: no report: ${error.message}`);
    failed = 1;
  }
  if (!succeeded && failed === 0) failed = 1;
  return { title, passed, failed, skipped, seconds };
}

/** What tests have to say of themselves (test/support/figures.ts), and how often a virtual node was booted. */
async function printFigures() {
  const sums = new Map();
  for (const file of await readdir(figures)) {
    if (!file.endsWith(".json")) continue;
    const content = JSON.parse(await readFile(`${figures}/${file}`));
    for (const [name, value] of Object.entries(content)) sums.set(name, (sums.get(name) ?? 0) + value);
  }
  const booted = await readFile(boots, "utf8").catch(() => "");
  sums.set("virtual nodes booted", booted.split("\n").length - 1);
  for (const [name, value] of sums) console.log(`  ${name}: ${value}`);
}

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(suites);
await rm(figures, { recursive: true, force: true });
await rm(reports, { recursive: true, force: true });
await mkdir(figures, { recursive: true });
await mkdir(reports, { recursive: true });
process.env.VHCA_BOOTS = resolve(boots);

const results = [];
for (const name of wanted) {
  if (!(name in suites))
    throw new Error(`no such suite: ${name}; there are ${Object.keys(suites).join(", ")}`);
  results.push(await run(suites[name]));
}

console.log("\n== results");
for (const { title, passed, failed, skipped, seconds } of results) {
  const notes = [`${passed} passed`, failed > 0 && `${failed} FAILED`, skipped > 0 && `${skipped} skipped`];
  console.log(`  ${title}: ${notes.filter(Boolean).join(", ")} (${seconds.toFixed(1)} s)`);
}
await printFigures();
const sum = (key) => results.reduce((total, result) => total + result[key], 0);
console.log(`${sum("passed")} passed, ${sum("failed")} failed`);
process.exitCode = sum("failed") > 0 ? 1 : 0;
