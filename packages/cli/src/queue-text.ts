/** What `tendril queues` and `tendril schedules` print. */
import { membersOf } from "@tendril/client/job-json";
import { paint } from "./paint.ts";
import { columnLines, plainLine } from "./plain-text.ts";
import { tableLines } from "./plan-table.ts";
import { listOf } from "./remote-pages.ts";

/** What `GET /queues` answers, as a table. */
export function queuesText(answer: unknown): string {
  const rows = listOf(membersOf(answer).queues).map((each) => {
    const { name, fifo, waiting, delayed, in_flight: inFlight, dead_letters: dead, paused } = membersOf(each);
    const state = paused === true ? "paused" : paused === false ? "running" : "?";
    return [name, fifo === true ? "fifo" : "standard", state, waiting, delayed, inFlight, dead].map(word);
  });
  if (rows.length === 0) return "no queues";
  const head = ["QUEUE", "KIND", "STATE", "WAITING", "DELAYED", "IN FLIGHT", "DEAD"];
  const [first = "", ...lines] = columnLines([head, ...rows], [0]);
  return [paint("dim", first), ...lines].join("\n");
}

/** What `GET /schedules` answers, as a table; a schedule's next runs in UTC. */
export function schedulesText(answer: unknown): string {
  const rows = listOf(membersOf(answer).schedules).map((each) => {
    const { name, job_type: type, expression, timezone, enabled, next_runs: runs } = membersOf(each);
    const next = enabled === false ? "disabled" : listOf(runs).slice(0, 2).map(minute).join(", ") || "never";
    return [word(name), word(type), `${word(expression)} ${word(timezone)}; next ${next}`];
  });
  return rows.length === 0 ? "no schedules" : tableLines(rows).join("\n");
}

const minute = (time: unknown): string => `${word(time).slice(0, 16).replace("T", " ")}Z`;

const word = (value: unknown): string => (value === undefined || value === null ? "?" : plainLine(String(value)));
