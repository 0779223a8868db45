import type { LabHost } from "../../test/lab/host";

/** Waits for a line on the guest's serial console; answers what the pattern's group caught. */
export async function readConsole(
  host: LabHost,
  domain: string,
  wanted: RegExp,
  seconds: number,
  signal: AbortSignal,
): Promise<string> {
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    signal.throwIfAborted();
    const text = await host.exec(`cat /var/log/libvirt/qemu/${domain}-serial.log 2>/dev/null || true`);
    const found = wanted.exec(text.stdout.replaceAll("\r", ""));
    if (found) return found[1] ?? found[0];
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`the guest did not say ${wanted.source} within ${seconds} s`);
}
