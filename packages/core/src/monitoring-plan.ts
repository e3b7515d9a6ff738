import { type Report, readSeconds, within } from "./plan-values.ts";
import type { MonitoringOptions, QueueOptions } from "./tier.ts";

/** Who is told when something is wrong, and in which stages anybody is. */
export interface MonitoringPlan {
  /** Absent: the alarms go to a topic that nobody is subscribed to yet. */
  readonly email?: string;
  readonly stages: readonly string[];
}

/** Beyond the longest that one delivery may take: then jobs wait, whatever they do. */
const patienceSeconds = 600;

/** Plans the alarms; what is no address, or no stage's name, is reported. */
export function planMonitoring({ email, stages }: MonitoringOptions = {}, report: Report): MonitoringPlan {
  if (email !== undefined && !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email)) {
    report({
      where: "monitoring.email",
      given: JSON.stringify(email),
      allowed: "one address, such as ops@example.com",
      fix: "For several people subscribe a list, or more of them to the topic itself.",
    });
  }
  for (const stage of stages ?? []) {
    if (/^[a-zA-Z0-9-]+$/.test(stage)) continue;
    report({ where: "monitoring.stages", given: JSON.stringify(stage), allowed: "letters, digits and -" });
  }
  return { ...(email === undefined ? {} : { email }), stages: stages ?? ["production"] };
}

/** The age of a queue's oldest message at which its alarm goes off, in seconds. */
export function planAlarmAfter(
  where: string,
  { alarmAfter }: QueueOptions,
  { retentionSeconds, workerTimeoutSeconds }: { retentionSeconds: number; workerTimeoutSeconds: number },
  report: Report,
): number {
  if (alarmAfter === undefined) return Math.min(patienceSeconds + workerTimeoutSeconds, retentionSeconds);
  const seconds = readSeconds(where, alarmAfter, report);
  if (!Number.isNaN(retentionSeconds)) within(where, seconds, [60, retentionSeconds], "seconds", report);
  return seconds;
}
