/** Commands whose effect outlives the statement and its transaction. */
const sessionCommands = new Set(["SET", "RESET", "DISCARD", "LISTEN", "UNLISTEN", "PREPARE", "DECLARE", "LOAD"]);

const local = /^\s*set\s+(?:local|transaction|constraints)\b/i;
const temporary = /\btemp(?:orary)?\b/i;
const sessionFunctions = /\bpg_(?:try_)?advisory_lock|\bset_config\s*\([^()]*\bfalse\s*\)/i;

/**
 * Whether a statement may have left something in its session (a setting, a temporary table, a session lock, a prepared
 * statement), which the next user of the connection must not find. `command` is its tag's first word.
 */
export function changesSession(sql: string, command: string): boolean {
  if (sessionCommands.has(command)) return !local.test(sql);
  if (command === "CREATE" || command === "SELECT") return temporary.test(sql) || sessionFunctions.test(sql);
  return sessionFunctions.test(sql);
}
