/**
 * Milliseconds of processor time that this process spends on some work: what the work takes, however busy the machine is with other things.
 */
export async function processorTime(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
