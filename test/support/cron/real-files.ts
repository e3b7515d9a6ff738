/**
 * What stands in cron.yaml files of public repositories, as facts: the expressions as they are written there, and the
 * mistakes; names and urls are others.
 */

/** A task that Elastic Beanstalk runs, and its next ten runs in UTC after Saturday 28 February 2026, 12:34. */
export interface RealTask {
  readonly expression: string;
  /** How the file comes by it. */
  readonly use: string;
  readonly runs: readonly string[];
}

/** Ten times of one pattern: the n-th from 0 to 9. */
const ten = (time: (index: number) => string): string[] => Array.from({ length: 10 }, (_, index) => time(index));
const two = (value: number): string => String(value).padStart(2, "0");
const inMarch = (day: number, time: string): string => `2026-03-${two(day)} ${time}`;

export const realTasks: readonly RealTask[] = [
  {
    expression: "* * * * *",
    use: "starts a framework's own scheduler, a reminder, a scraper (the most common file of all)",
    runs: ten((index) => `2026-02-28 12:${35 + index}`),
  },
  {
    expression: "*/1 * * * *",
    use: "a sample's only task",
    runs: ten((index) => `2026-02-28 12:${35 + index}`),
  },
  {
    expression: "*/3 * * * *",
    use: "finds out why a schedule does not run",
    runs: ["12:36", "12:39", "12:42", "12:45", "12:48", "12:51", "12:54", "12:57", "13:00", "13:03"].map(
      (time) => `2026-02-28 ${time}`,
    ),
  },
  {
    expression: "*/5 * * * *",
    use: "looks for feeds to import",
    runs: ["12:35", "12:40", "12:45", "12:50", "12:55", "13:00", "13:05", "13:10", "13:15", "13:20"].map(
      (time) => `2026-02-28 ${time}`,
    ),
  },
  {
    expression: "*/15 * * * *",
    use: "sends what is due",
    runs: ["12:45", "13:00", "13:15", "13:30", "13:45", "14:00", "14:15", "14:30", "14:45", "15:00"].map(
      (time) => `2026-02-28 ${time}`,
    ),
  },
  {
    expression: "*/30 * * * *",
    use: "starts a framework's own scheduler",
    runs: ["13:00", "13:30", "14:00", "14:30", "15:00", "15:30", "16:00", "16:30", "17:00", "17:30"].map(
      (time) => `2026-02-28 ${time}`,
    ),
  },
  { expression: "0 * * * *", use: "fills a database", runs: ten((index) => `2026-02-28 ${13 + index}:00`) },
  {
    expression: "0 */2 * * *",
    use: "copies data from another service",
    runs: [
      ...["14", "16", "18", "20", "22"].map((hour) => `2026-02-28 ${hour}:00`),
      ...["00", "02", "04", "06", "08"].map((hour) => inMarch(1, `${hour}:00`)),
    ],
  },
  {
    expression: "0 */4 * * *",
    use: "copies data from another service",
    runs: [
      ...["16", "20"].map((hour) => `2026-02-28 ${hour}:00`),
      ...["00", "04", "08", "12", "16", "20"].map((hour) => inMarch(1, `${hour}:00`)),
      ...["00", "04"].map((hour) => inMarch(2, `${hour}:00`)),
    ],
  },
  {
    expression: "0 */6 * * *",
    use: "cleans up sessions",
    runs: [
      "2026-02-28 18:00",
      ...[1, 2].flatMap((day) => ["00:00", "06:00", "12:00", "18:00"].map((time) => inMarch(day, time))),
      inMarch(3, "00:00"),
    ],
  },
  {
    expression: "0 */12 * * *",
    use: "AWS's own example",
    runs: ten((index) => inMarch(1 + Math.floor(index / 2), index % 2 === 0 ? "00:00" : "12:00")),
  },
  { expression: "0 0 * * *", use: "brings a database up to date", runs: ten((index) => inMarch(1 + index, "00:00")) },
  { expression: "0 2 * * *", use: "makes the day's reports", runs: ten((index) => inMarch(1 + index, "02:00")) },
  { expression: "0 7 * * *", use: "fetches a list", runs: ten((index) => inMarch(1 + index, "07:00")) },
  {
    expression: "0 13 * * *",
    use: "imports records",
    runs: ["2026-02-28 13:00", ...ten((index) => inMarch(1 + index, "13:00")).slice(0, 9)],
  },
  {
    expression: "0 15 * * *",
    use: "works through what was imported two hours before",
    runs: ["2026-02-28 15:00", ...ten((index) => inMarch(1 + index, "15:00")).slice(0, 9)],
  },
  {
    expression: "0 23 * * *",
    use: "AWS's own example, and a framework's",
    runs: ["2026-02-28 23:00", ...ten((index) => inMarch(1 + index, "23:00")).slice(0, 9)],
  },
  {
    expression: "0 7 * * 1-5",
    use: "a working day's morning",
    runs: [2, 3, 4, 5, 6, 9, 10, 11, 12, 13].map((day) => inMarch(day, "07:00")),
  },
  {
    expression: "0 0 * * 0",
    use: "cleans up once a week",
    runs: [
      ...[1, 8, 15, 22, 29].map((day) => inMarch(day, "00:00")),
      ...["04-05", "04-12", "04-19", "04-26", "05-03"].map((day) => `2026-${day} 00:00`),
    ],
  },
  {
    expression: "0 9 * * MON",
    use: "makes the week's report",
    runs: [
      ...[2, 9, 16, 23, 30].map((day) => inMarch(day, "09:00")),
      ...["04-06", "04-13", "04-20", "04-27", "05-04"].map((day) => `2026-${day} 09:00`),
    ],
  },
];

/** Files that were put beside a worker and could not do what they say. */
export const brokenFiles: readonly { readonly mistake: string; readonly text: string; readonly fix: RegExp }[] = [
  {
    mistake: "dashes that a text program made long, around an expression for another scheduler",
    text: 'version: 1\ncron:\n — name: "task"\n   url: "/task"\n   schedule: "0/30 0/1 * 1/1 * ? *"\n',
    fix: /long dash/,
  },
  {
    mistake: "long dashes, and a macro without quotes",
    text: 'version: 1\ncron:\n — name: "task"\n   url: "/task"\n   schedule: @hourly',
    fix: /long dash/,
  },
  {
    mistake: "curly quotes, which belong to the text",
    text: "version: 1\ncron:\n  - name: “task”\n    url: “/task”\n    schedule: “0 2 * * 1-5”\n",
    fix: /straight quotes/,
  },
  {
    mistake: "a step without a range, which other crons take",
    text: 'version: 1\ncron:\n  - name: "task"\n    url: "/task"\n    schedule: "0/15 * * * *"\n',
    fix: /write 0-59\/15/,
  },
  {
    mistake: "six fields, meant as seconds, read by Elastic Beanstalk as minutes",
    text: 'version: 1\ncron:\n  - name: "task"\n    url: "/task"\n    schedule: "*/30 * * * * *"\n',
    fix: /write "\*\/30 \* \* \* \*"/,
  },
  {
    mistake: "a line of a crontab",
    text: "* * * * * /usr/bin/wget -O /dev/null http://task.example\n",
    fix: /in quotes|mend the YAML/,
  },
  {
    mistake: "Google's cron.yaml",
    text: 'cron:\n- description: "task"\n  url: /task\n  schedule: every 24 hours\n',
    fix: /version: 1/,
  },
];
