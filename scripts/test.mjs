// Runs all suites, one after the other, and continues after a suite that failed. Then prints their figures, and as the
// last line "N passed, N failed". Exit status: 1 if a test failed.
//   node scripts/test.mjs [SUITE …]
// SHARD=2/3 runs the second of three parts of the files of each suite of vitest.
import { spawn } from "node:child_process";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { relative, resolve } from "node:path";

/** The directory in which suites write figures to print (name: number), in files *.json. */
const figures = "build/figures";
const reports = "build/reports";
/** vhca/run adds a line for each boot. */
const boots = `${figures}/boots`;

/** Returns a suite that is one command, which succeeds or fails. */
const check = (title, ...command) => ({ title, command, minutes: 5 });
/** Returns a suite that is a project of vitest.config.ts. */
const project = (name, minutes, title, ...more) => ({
  title,
  minutes,
  report: `${reports}/${name}.json`,
  command: [
    "node_modules/.bin/vitest",
    "run",
    ...[name, ...more].flatMap((each) => ["--project", each]),
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${reports}/${name}.json`,
    ...(process.env.SHARD ? [`--shard=${process.env.SHARD}`] : []),
  ],
});

/** Time limit: the fixed number of cases takes a minute, and FUZZ_SECONDS adds more cases. */
const fuzzMinutes = 15 + Number(process.env.FUZZ_SECONDS ?? 0) / 60;

const suites = {
  format: check("format and lint", "node_modules/.bin/biome", "check", "--error-on-warnings", "."),
  spelling: check("spelling", "node_modules/.bin/cspell", "lint", "--no-progress", "--quiet", "**"),
  prose: check("prose", "node", "scripts/prose.mjs"),
  types: check("types of the program", "node_modules/.bin/tsc", "--noEmit"),
  "test-types": check("types of the tests", "node_modules/.bin/tsc", "--noEmit", "-p", "tsconfig.test.json"),
  unit: project("unit", 15, "unit tests", "unit-mocking"),
  simulator: project("simulator", 15, "simulator"),
  native: project("native", 15, "tests of the executable, as shipped and with sanitizers", "native-asan"),
  fuzz: project("fuzz", fuzzMinutes, "fuzzers, on the sources and on both executables"),
  e2e: project("e2e", 70, "tests in the virtual node"),
};

/**
 * Runs a command in a separate process group, which is killed as a whole after a time limit or on a signal.
 * @returns {Promise<boolean>} whether the command exited with 0.
 */
function succeeds([program, ...args], minutes) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: "inherit", detached: true });
    const end = () => process.kill(-child.pid, "SIGKILL");
    const timer = setTimeout(() => {
      console.error(`run ${program}: killed after the time limit of ${minutes} minutes`);
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

/**
 * Runs a suite and counts its cases. A suite that failed without a failed case has crashed, which counts as a failure.
 */
async function run({ title, command, minutes, report }) {
  console.log(`\n== ${title}`);
  const begin = performance.now();
  const succeeded = await succeeds(command, minutes);
  const seconds = (performance.now() - begin) / 1000;
  let [passed, failed, skipped] = report ? [0, 0, 0] : [succeeded ? 1 : 0, 0, 0];
  let failures = [];
  try {
    if (report) {
      const content = JSON.parse(await readFile(report));
      const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = content;
      [passed, failed, skipped] = [numPassedTests, numFailedTests, numPendingTests + numTodoTests];
      failures = content.testResults.flatMap(failuresOf);
    }
  } catch (error) {
    console.error(`read the report of ${title}: ${error.message}`);
    failed = 1;
  }
  if (!succeeded && failed === 0) failed = 1;
  return { title, passed, failed, skipped, seconds, failures };
}

/** The failed cases of one file of a report of Vitest, each as its name and the first lines of its message. */
function failuresOf({ name, status, message, assertionResults }) {
  const file = relative(process.cwd(), name);
  const failed = assertionResults.filter((result) => result.status === "failed");
  if (failed.length === 0) return status === "failed" ? [`${file}: ${firstLines(message)}`] : [];
  return failed.map(
    (result) => `${file}: ${result.fullName}: ${firstLines(result.failureMessages.join("\n"))}`,
  );
}

const firstLines = (text) => text.split("\n").slice(0, 3).join(" ").slice(0, 400);

/** Prints the figures of the tests (test/support/figures.ts), and how often a virtual node was booted. */
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

const selected = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(suites);
await rm(figures, { recursive: true, force: true });
await rm(reports, { recursive: true, force: true });
await mkdir(figures, { recursive: true });
await mkdir(reports, { recursive: true });
process.env.VHCA_BOOTS = resolve(boots);

const results = [];
for (const name of selected) {
  if (!(name in suites))
    throw new Error(`unknown suite ${name}; use one or more of ${Object.keys(suites).join(", ")}`);
  results.push(await run(suites[name]));
}

console.log("\n== results");
for (const { title, passed, failed, skipped, seconds } of results) {
  const notes = [`${passed} passed`, failed > 0 && `${failed} FAILED`, skipped > 0 && `${skipped} skipped`];
  console.log(`  ${title}: ${notes.filter(Boolean).join(", ")} (${seconds.toFixed(1)} s)`);
}
await printFigures();
// They come last because of a long output a CI often shows only the end.
for (const failure of results.flatMap(({ failures }) => failures)) console.log(`  FAILED ${failure}`);
const sum = (key) => results.reduce((total, result) => total + result[key], 0);
console.log(`${sum("passed")} passed, ${sum("failed")} failed`);
process.exitCode = sum("failed") > 0 ? 1 : 0;
