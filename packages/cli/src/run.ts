/** The command that the process was started with, to its end: it sets the exit code. */
import { TendrilError } from "@tendril/core/errors";
import { helpOf, readCommand, usage } from "./command-line.ts";
import { exitCodeOf } from "./exit-code.ts";
import { jobsCommandNames } from "./jobs-command.ts";

// A command loads its own code only: what looks into a file answers before the local AWS is read.
try {
  const command = readCommand(process.argv.slice(2), Date.now());
  switch (command.kind) {
    case "dev":
      await (await import("./dev.ts")).dev(command.options);
      break;
    case "aws":
      await (await import("./aws.ts")).aws(command.options);
      break;
    case "cron":
      await (await import("./cron.ts")).cron(command.command);
      break;
    case "plan":
      await (await import("./plan.ts")).plan(command.command);
      break;
    case "dead":
      await (await import("./dead.ts")).dead(command.command);
      break;
    case "send":
      await (await import("./send.ts")).send(command.command);
      break;
    case "jobs":
      await (await import("./jobs.ts")).jobs(command.command);
      break;
    case "completion":
      await (await import("./completion.ts")).completion(command.command, helpOf);
      break;
    case "help":
      console.log(command.topic === undefined ? usage : helpOf[command.topic]?.help);
      break;
    default:
      command satisfies never;
  }
} catch (error) {
  const asks = ["send", ...jobsCommandNames].some((name) => name === process.argv[2]);
  process.exitCode = asks ? exitCodeOf(error) : 1;
  // What a user can mend is one line; anything else is a fault of Tendril's own, and then the stack helps to report it.
  console.error(error instanceof TendrilError ? `tendril: ${error.message}` : error);
}
