import { execFileSync, spawnSync } from "node:child_process";
import { inRepository } from "./guest.ts";
import type { TestNode } from "./node.ts";

/** The address of Prometheus in the guest. */
const address = "127.0.0.1/9090";
/** How often it scrapes the agents and evaluates the rules, s. */
export const scrapeInterval = 60;

const configuration = `global: {scrape_interval: ${scrapeInterval}s, evaluation_interval: ${scrapeInterval}s}
rule_files: [/host/alerts.yaml]
scrape_configs:
  - job_name: ib-sriov
    file_sd_configs: [{files: [targets.json]}]
`;

/** The targets of a scrape: the agent at its default address. */
const agents = [{ targets: ["127.0.0.1:9410"], labels: { instance: "node" } }];
/** A target that does not answer. */
const downAgent = { targets: ["127.0.0.1:9411"], labels: { instance: "other" } };

/** A series of a query's result. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

/** Returns the files that a guest needs for {@link Prometheus}: Debian's executable, and the alert rules. */
export function prometheusFiles(): string[] {
  const script = 'printf %s "$UNPACKED"';
  const unpacked = execFileSync("scripts/with", ["prometheus", "sh", "-c", script], {
    cwd: inRepository("."),
    encoding: "utf8",
  });
  return [`${unpacked}/usr/bin/prometheus`, inRepository("deploy/monitoring/alerts.yaml")];
}

/** Returns the errors of `promtool check metrics`; "" if the metrics follow Prometheus's rules. */
export function metricsErrors(text: string): string {
  const { stdout, stderr } = spawnSync("scripts/with", ["prometheus", "promtool", "check", "metrics"], {
    cwd: inRepository("."),
    encoding: "utf8",
    input: text,
  });
  return stdout + stderr;
}

/** A Prometheus in the guest, which scrapes the node's agent. */
export class Prometheus {
  constructor(private readonly node: TestNode) {}

  async start(): Promise<void> {
    await this.node.shell(`mkdir -p /tmp/prometheus; cd /tmp/prometheus
      cat >prometheus.yml <<'END'
${configuration}END
      echo '${JSON.stringify(agents)}' >targets.json
      /host/prometheus --config.file=prometheus.yml --web.listen-address=127.0.0.1:9090 >log 2>&1 &
      until grep -q 'Server is ready' log; do kill -0 $! || { cat log >&2; exit 1; }; sleep 0.1; done`);
  }

  /** Adds a node whose agent does not run. */
  async addNodeWithoutAgent(): Promise<void> {
    await this.node.shell(`cd /tmp/prometheus; echo '${JSON.stringify([...agents, downAgent])}' >targets.new
      mv targets.new targets.json`);
  }

  /** Returns the data of an answer of the HTTP API. */
  async get<T>(path: string): Promise<T> {
    const answer = await this.node.shell(
      `exec 3<>/dev/tcp/${address}; printf '%s\\r\\nHost: node\\r\\n\\r\\n' 'GET ${path} HTTP/1.0' >&3; cat <&3`,
    );
    const { status, data, error } = JSON.parse(answer.slice(answer.indexOf("\r\n\r\n")));
    if (status !== "success") throw new Error(`${decodeURIComponent(path)}: ${error}`);
    return data;
  }

  /** Evaluates a query now. */
  async query(query: string): Promise<readonly Series[]> {
    const path = `/api/v1/query?query=${encodeURIComponent(query)}`;
    return (await this.get<{ result: readonly Series[] }>(path)).result;
  }

  /** Returns the alerts that have fired since the start, with the values of the labels that differ, sorted. */
  async firedAlerts(): Promise<string[]> {
    const fired = await this.query('max_over_time(ALERTS{alertstate="firing"}[1d])');
    return fired
      .map(({ metric: { alertname, verb, code, condition, task } }) =>
        [alertname, verb, code, condition, task].filter(Boolean).join(" "),
      )
      .sort();
  }
}
