#!/usr/bin/env node
import { enableCompileCache } from "node:module";
import { TendrilError } from "@tendril/core/errors";
import { readCommand, usage } from "./command-line.ts";

enableCompileCache(); // the second start of a command takes half the time

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
    case "help":
      console.log(usage);
      break;
    default:
      command satisfies never;
  }
} catch (error) {
  process.exitCode = 1;
  // What a user can mend is one line; anything else is a fault of Tendril's own, and then the stack helps to report it.
  console.error(error instanceof TendrilError ? `tendril: ${error.message}` : error);
}
