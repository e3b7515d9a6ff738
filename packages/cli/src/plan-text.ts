/** What `tendril plan` prints, for people. */

import { callsPerJob } from "@tendril/core/call-budget";
import type { EnvironmentCost } from "@tendril/core/cost-beanstalk";
import { callsPerSecondOfHalfAcu, databaseOf, hoursPerMonth } from "@tendril/core/cost-database";
import { wordDuration } from "@tendril/core/duration";
import type { PermissionStatement, PermittedResource, RolePlan } from "@tendril/core/permissions";
import { type PriceName, priceOf } from "@tendril/core/prices";
import type { NumberOrigin } from "@tendril/core/provenance";
import { paint } from "./paint.ts";
import type { PlanReport } from "./plan-report.ts";
import { tableLines, widest, wrap } from "./plan-table.ts";

/** All of a report, plain and at most 100 columns wide; headings are bold in a terminal. */
export function planText(report: PlanReport): string {
  return [
    ...titleLines(report),
    ...section("Resources", resourceLines(report)),
    ...section("Numbers, and where they come from", numberLines(report.numbers)),
    ...section("Permissions, by role", roleLines(report.roles)),
    ...section(`Cost a month, US dollars, ${report.prices.region}`, costLines(report)),
    ...section("Instead: an Elastic Beanstalk worker environment, under the same load", beanstalkLines(report)),
    ...burstSections(report),
    ...section("What the costs take for granted", noteLines(report)),
  ].join("\n");
}

function titleLines({ tier, stage }: PlanReport): string[] {
  const text = `${tier}, stage ${stage}: what \`npx sst deploy --stage ${stage}\` would make`;
  return wrap(text, widest).map((line, index) => (index === 0 ? paint("bold", tier) + line.slice(tier.length) : line));
}

function section(title: string, lines: readonly string[]): string[] {
  return ["", paint("bold", title), ...lines];
}

function resourceLines({ resources }: PlanReport): string[] {
  return tableLines(resources.map(({ kind, name, text }) => [kind, name, text]));
}

function numberLines(numbers: readonly NumberOrigin[]): string[] {
  const rows = [...Map.groupBy(numbers, ({ of }) => of)].flatMap(([of, numbersOf]) => [
    [of],
    ...numbersOf.map(({ label, value, unit, how }) => [`  ${label}`, wordValue(value, unit), how]),
  ]);
  return tableLines(rows);
}

function wordValue(value: number, unit: NumberOrigin["unit"]): string {
  if (unit !== "seconds") return unit === "MB" ? `${value} MB` : String(value);
  return value > 0 && value % 86_400 === 0 ? wordDuration(value * 1000) : `${value} s`;
}

function roleLines(roles: readonly RolePlan[]): string[] {
  const rows = roles.flatMap(({ name, assumedBy, statements, managedPolicies }) => [
    [`${name}, assumed by ${assumedBy}`],
    ...statements.flatMap(statementRows),
    ...managedPolicies.map((policy) => [`  AWS's ${policy}`, "its own logs"]),
  ]);
  return tableLines(rows);
}

function statementRows({ actions, resources, condition }: PermissionStatement): string[][] {
  const on = resources.map(wordResource).join(", ");
  const only = Object.values(condition ?? {}).flatMap((tests) => Object.entries(tests));
  const when = only.map(([variable, values]) => `, if ${variable} is ${values.join(" or ")}`).join("");
  return actions.map((action, index) => [`  ${action}`, index === 0 ? `${on}${when}` : ""]);
}

function wordResource(resource: PermittedResource): string {
  switch (resource.kind) {
    case "queue":
      return `queue ${resource.queue}`;
    case "dead letters":
      return `dead letters of ${resource.queue}`;
    case "mapping":
      return `mapping of ${resource.queue}`;
    case "role":
      return `role ${resource.role}`;
    case "stream":
      return `stream ${resource.stream}`;
    default:
      return resource.kind;
  }
}

function costLines({ cost, load }: PlanReport): string[] {
  const memories = [...new Set(Object.values(load.memoryMb))].sort((a, b) => a - b);
  const rows = cost.lines.map(({ item, amount, price, usd }) => {
    return [item, wordAmount(amount), priceOf(price).unit, wordPrice(price), money(usd)];
  });
  const columns = [{}, { align: "right" }, {}, {}, { align: "right" }] as const;
  const lines = tableLines([...rows, ["total", "", "", "", money(cost.usd)]], columns);
  const runs = `${wordAmount(cost.runs)} ${cost.runs === 1 ? "run" : "runs"} of schedules`;
  const jobs = `${wordAmount(load.jobsPerMonth)} jobs of ${load.secondsPerJob} s in ${memories.join(" or ")} MB that come through the API, and ${runs}`;
  return [...wrap(jobs, widest - 2).map((line) => `  ${line}`), ...lines.slice(0, -1), ...lines.slice(-1).map(bold)];
}

function beanstalkLines({ beanstalk, cost, sleeping }: PlanReport): string[] {
  const [first] = beanstalk;
  const amounts = (of: (each: EnvironmentCost) => number): string[] => beanstalk.map((each) => money(of(each)));
  const names = beanstalk.map(({ environment, instances }) => `${instances} × ${environment.instance}`);
  const items = (first?.lines ?? []).map(({ item }, index) => [
    item,
    ...amounts(({ lines }) => lines[index]?.usd ?? 0),
  ]);
  const totals = [
    ["total", ...amounts(({ usd }) => usd)],
    ["the same with this tier's Aurora", ...amounts(({ usdWithAurora }) => usdWithAurora)],
    ["this tier", ...amounts(() => cost.usd)],
    ...(sleeping === null ? [] : [["this tier, with a database that sleeps", ...amounts(() => sleeping.usd)]]),
  ];
  const lines = tableLines(
    [["", ...names], ...items, ...totals],
    ["", ...names].map((name) => (name === "" ? {} : { align: "right" })),
  );
  return [...lines.slice(0, -totals.length), ...lines.slice(-totals.length).map(bold)];
}

function burstSections({ bursts, load }: PlanReport): string[] {
  return (bursts ?? []).flatMap(({ queue, jobs, ways }) => {
    const rows = ways.map(({ name, course }) => [
      name,
      wordTime(course.drainedMs / 1000),
      wordAmount(Math.round(course.jobsPerSecond)),
      wordAmount(course.peakConcurrency),
      course.limit,
    ]);
    const columns = [{}, { align: "right" }, { align: "right" }, { align: "right" }, {}] as const;
    const heads = ["maximum concurrency", "takes", "jobs/s", "batches at once", "bound by"];
    const title = `A burst of ${wordAmount(jobs)} jobs of ${load.secondsPerJob} s on the queue ${queue}`;
    const fifo = ["  A FIFO queue has as many batches at once as it has message groups with jobs."];
    return section(title, ways.length === 0 ? fifo : tableLines([heads, ...rows], columns));
  });
}

function wordTime(seconds: number): string {
  if (seconds < 100) return `${seconds.toFixed(1)} s`;
  return seconds < 6000 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function noteLines(report: PlanReport): string[] {
  const { tier, instance } = report.assumptions;
  const { minimumAcu } = databaseOf(report.stage);
  const awake = `${Math.round(report.cost.awakeHours)} of the month's ${hoursPerMonth} hours`;
  const unseen = Object.values(report.prices.used).some(({ seen }) => seen === undefined);
  const notes = [
    `List prices on demand, gathered on ${report.prices.on} (packages/core/src/prices.ts has each with its source); no free tier is taken off, which is the account's; no taxes, no data transfer, no support.`,
    ...(unseen ? ["* from memory: nothing public was at hand that quotes it."] : []),
    ...(report.sources > 0
      ? ["Jobs that sources bring come besides, and so does what SNS, EventBridge, S3 and Kinesis ask for."]
      : []),
    ...largeInputsNotes(report),
    "Jobs come at random, evenly over the month; every job type has as many; none fails; a batch has one job, unless the mapping's window gathers more.",
    `A job whose effects happen once makes ${callsPerJob("exactly-once", "done", 1).database + tier.statementsPerJob} Data API calls (begin, claim, one statement, commit), or, when it only writes (\`commit: "grouped"\`), one for all of its batch. It asks for ${tier.ioPerJob} I/O requests, and leaves ${tier.ledgerBytesPerJob} bytes in the ledger. The app's own tables have ${tier.databaseGb} GB. A call of more than 32 KB may count as several; whether the Data API's reading of the password is paid for is not known, and none of it is counted.`,
    `The database is awake for ${awake}${minimumAcu > 0 ? ": in this stage it never sleeps" : ": it sleeps when nobody has used it for five minutes. A schedule that comes more often keeps it awake"}. Half an ACU answers ${callsPerSecondOfHalfAcu} calls a second.`,
    `A job takes ${tier.apiSecondsPerRequest * 1000} ms of the API's function. Logs: ${tier.workerLogBytesPerJob} bytes a job in the worker, ${tier.apiLogBytesPerRequest} in the API. A queue that is empty has ${tier.pollers} pollers, each asking every ${tier.pollSeconds} seconds.`,
    `An instance runs ${instance.jobsAtOnce} jobs at once and is to be busy for ${instance.utilisation * 100} % of the time at most; it has ${instance.diskGb} GB of disk and a public address. There is no load balancer, and nothing receives requests: jobs are sent to the queue by others. RDS is a db.t4g.micro with ${instance.databaseGb} GB. Logs, metrics, alarms and traces are left out there, not here.`,
  ];
  return notes.flatMap((note) =>
    wrap(note, widest - 4).map((line, index) => `  ${index === 0 && !note.startsWith("*") ? "- " : "  "}${line}`),
  );
}

/** How many inputs are large, the load does not say. */
function largeInputsNotes({ resources, numbers }: PlanReport): string[] {
  if (!resources.some(({ kind, name }) => kind === "bucket" && name === "large-inputs")) return [];
  const days = numbers.find(({ path }) => path === "largeInputs.expiryDays")?.value ?? 0;
  const [write, read, storage] = (["s3Writes", "s3Reads", "s3Storage"] as const).map((name) => priceOf(name).usd);
  return [
    `Inputs that lie in S3 come besides: for a million of them $${write} to write and $${read} to read, and $${storage} a GB and month for ${days} days.`,
  ];
}

const bold = (line: string): string => paint("bold", line);

/** Dollars, with cents up to a thousand dollars. */
function money(usd: number): string {
  const digits = usd < 1000 ? 2 : 0;
  return usd.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function wordAmount(amount: number): string {
  return amount.toLocaleString("en-US", { maximumFractionDigits: amount < 100 ? 2 : 0 });
}

function wordPrice(name: PriceName): string {
  const { usd, per, seen } = priceOf(name);
  const many = per === 1_000_000 ? " per million" : ` per ${wordAmount(per)}`;
  return `${usd}${per === 1 ? "" : many}${seen === undefined ? " *" : ""}`;
}
