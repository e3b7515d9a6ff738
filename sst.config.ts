/// <reference path="./.sst/platform/config.d.ts" />

export default $config({
  async app(input) {
    const { tier } = await import("./packages/jobs/src/tier.ts");
    const production = input.stage === "production";
    return {
      name: tier.name,
      home: "aws",
      removal: production ? "retain" : "remove",
      protect: production && process.env.TENDRIL_UNPROTECT !== "1",
    };
  },
  async run() {
    await import("./stacks/plan.ts"); // a tier that cannot be planned ends here, before anything is made
    await import("./stacks/stage.ts");
    await import("./stacks/functions.ts");
    await import("./stacks/network.ts");
    await import("./stacks/database.ts");
    const { queues } = await import("./stacks/queues.ts");
    await import("./stacks/claims.ts");
    await import("./stacks/migrations.ts");
    await import("./stacks/workers.ts");
    await import("./stacks/schedules.ts");
    await import("./stacks/sources.ts");
    const { api } = await import("./stacks/api.ts");
    await import("./stacks/monitoring.ts");
    return {
      api: api.url,
      ...Object.fromEntries(queues.map((queue) => [`queue ${queue.plan.name}`, queue.main.url])),
    };
  },
});
