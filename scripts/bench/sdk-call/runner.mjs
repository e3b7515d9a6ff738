// Makes a bundle's calls as often as it is asked to, and says what processor time each took.
const { calls } = await import(process.argv[2]);

process.on("message", async ({ name, count, atOnce }) => {
  const call = calls[name];
  let left = count;
  const before = process.cpuUsage();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (left > 0) {
        left -= 1;
        await call();
      }
    }),
  );
  const { user, system } = process.cpuUsage(before);
  process.send((user + system) / count);
});
process.on("disconnect", () => process.exit());
process.send("ready");
