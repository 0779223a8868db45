import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

/** One node of the accessibility tree, as a screen reader gets it. */
export interface Accessible {
  readonly role: string;
  readonly name: string;
  readonly description: string;
}

type Answer = { readonly id?: number; readonly result?: Record<string, unknown>; readonly error?: { message: string } };

/** Debian's Chromium without a window, driven over a pipe (`--remote-debugging-pipe`): messages end with a zero byte. */
export class Chromium {
  private readonly profile = mkdtempSync(join(tmpdir(), "kvm-chromium-"));
  private readonly process: ChildProcess;
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private session = "";
  private count = 0;

  private constructor() {
    const quiet = ["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"];
    this.process = spawn(
      "chromium",
      [
        ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-sync", ...quiet],
        ...["--remote-debugging-pipe", `--user-data-dir=${this.profile}`, "about:blank"],
      ],
      { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] },
    );
    let text = "";
    (this.process.stdio[4] as Readable).setEncoding("utf8").on("data", (chunk: string) => {
      const parts = (text + chunk).split("\0");
      text = parts.pop() ?? "";
      for (const part of parts) {
        const answer = JSON.parse(part) as Answer;
        if (answer.id !== undefined) this.waiting.get(answer.id)?.(answer);
      }
    });
  }

  /** Starts a browser with one page. */
  static async start(): Promise<Chromium> {
    const browser = new Chromium();
    const { targetId } = await browser.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await browser.send("Target.attachToTarget", { targetId, flatten: true });
    browser.session = String(sessionId);
    for (const domain of ["Page", "Accessibility", "Network"]) await browser.send(`${domain}.enable`);
    return browser;
  }

  /** One command of the DevTools protocol; the process's end rejects it. */
  send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = ++this.count;
    return new Promise((resolve, reject) => {
      const ended = () => reject(new Error(`chromium ended during ${method}`));
      this.process.once("exit", ended);
      this.waiting.set(id, ({ result, error }) => {
        this.waiting.delete(id);
        this.process.off("exit", ended);
        if (error) reject(new Error(`${method}: ${error.message}`));
        else resolve(result ?? {});
      });
      const message = { id, method, params, ...(this.session !== "" && { sessionId: this.session }) };
      (this.process.stdio[3] as Writable).write(`${JSON.stringify(message)}\0`);
    });
  }

  /** Shows a file in a window of that size. */
  async show(file: string, width: number, scheme: "light" | "dark" = "light"): Promise<void> {
    const features = [{ name: "prefers-color-scheme", value: scheme }];
    const screen = { width, height: 900, deviceScaleFactor: 1, mobile: false };
    await this.send("Emulation.setEmulatedMedia", { features });
    await this.send("Emulation.setDeviceMetricsOverride", screen);
    await this.send("Page.navigate", { url: `file://${file}` });
    await this.evaluate(
      "new Promise((done) => (document.readyState === 'complete' ? done() : addEventListener('load', done)))",
    );
  }

  /** The value of an expression in the page. */
  async evaluate<T>(expression: string): Promise<T> {
    const answer = await this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    const { result, exceptionDetails } = answer as {
      result: { value: T };
      exceptionDetails?: { exception?: { description: string } };
    };
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? "the expression threw");
    return result.value;
  }

  /** Presses and releases a key by its DOM name, such as "Tab". */
  async press(key: string, modifiers = 0): Promise<void> {
    const codes: Record<string, number> = {
      Tab: 9,
      Enter: 13,
      End: 35,
      Home: 36,
      ArrowLeft: 37,
      ArrowUp: 38,
      ArrowRight: 39,
      ArrowDown: 40,
    };
    const event = { key, code: key, windowsVirtualKeyCode: codes[key] ?? 0, modifiers };
    await this.send("Input.dispatchKeyEvent", { type: "rawKeyDown", ...event });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", ...event });
  }

  /** The accessibility tree, in the order of the page, without what readers skip. */
  async accessible(): Promise<Accessible[]> {
    const { nodes } = await this.send("Accessibility.getFullAXTree");
    type Node = {
      ignored: boolean;
      role?: { value: string };
      name?: { value: string };
      description?: { value: string };
    };
    return (nodes as Node[])
      .filter(({ ignored }) => !ignored)
      .map(({ role, name, description }) => ({
        role: role?.value ?? "",
        name: name?.value ?? "",
        description: description?.value ?? "",
      }));
  }

  /** The whole page as a PNG image. */
  async screenshot(): Promise<Buffer> {
    const { data } = await this.send("Page.captureScreenshot", { format: "png", captureBeyondViewport: true });
    return Buffer.from(String(data), "base64");
  }

  /** Ends the browser and removes its profile. */
  async close(): Promise<void> {
    const gone = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill("SIGKILL");
    await gone;
    // Its children write on for a moment.
    if (existsSync(this.profile)) rmSync(this.profile, { recursive: true, force: true, maxRetries: 20 });
  }
}
