import type { PlanCommand } from "./plan-command.ts";
import { reportOf } from "./plan-report.ts";
import { planText } from "./plan-text.ts";
import { openProject, planProject } from "./project.ts";

/** `tendril plan`: what would be deployed. Errors: `project_missing`; `tier_refused` and `cron_yaml_invalid`, each with every reason. */
export async function plan(command: PlanCommand): Promise<void> {
  const project = await openProject(process.cwd());
  const report = reportOf(project.tier, await planProject(project), command);
  console.log(command.json ? JSON.stringify(report, null, 2) : planText(report));
}
