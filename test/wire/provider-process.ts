import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";

const root = join(__dirname, "../..");
const fromPulumi = createRequire(createRequire(join(root, "package.json")).resolve("@pulumi/pulumi"));
const { ResourceProviderClient } = fromPulumi("@pulumi/pulumi/proto/provider_grpc_pb");
const messages = fromPulumi("@pulumi/pulumi/proto/provider_pb");
const { EngineService } = fromPulumi("@pulumi/pulumi/proto/engine_grpc_pb");
const { Empty } = fromPulumi("google-protobuf/google/protobuf/empty_pb");
const { Status } = fromPulumi("@pulumi/pulumi/proto/status_pb");
const { Struct } = fromPulumi("google-protobuf/google/protobuf/struct_pb");

export type Properties = Readonly<Record<string, unknown>>;

/** What the engine writes for a value that is not known yet. */
export const unknownOnWire = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** How a secret looks on the wire. */
export function secret(value: unknown): Properties {
  return { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", value };
}

export interface LogLine {
  readonly severity: number;
  readonly message: string;
  readonly urn: string;
  readonly ephemeral: boolean;
}

/** A create or update that left something behind, as the engine is told of it. */
export class InitFailed extends Error {
  constructor(
    readonly id: string,
    readonly properties: Properties,
    readonly reasons: readonly string[],
  ) {
    super(`resource ${id} is half made: ${reasons.join("; ")}`);
  }
}

// biome-ignore lint/suspicious/noExplicitAny: the stubs that Pulumi ships are untyped at run time
type Message = any;

/** The dynamic provider that Pulumi ships, in a process of its own, spoken to as the engine does. */
export class ProviderProcess {
  /** Lines that reached the engine's log service. */
  readonly log: LogLine[] = [];
  private readonly engine = new grpc.Server();
  private child: ChildProcess | undefined;
  private client: Message;
  private printed = "";

  constructor(
    private readonly folder = root,
    private readonly environment: NodeJS.ProcessEnv = {},
  ) {}

  /** What the process printed on standard error. */
  get output(): string {
    return this.printed;
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  async start(config: Properties = {}): Promise<void> {
    const script = fromPulumi.resolve("@pulumi/pulumi/cmd/dynamic-provider");
    const child = spawn(process.execPath, [script, `127.0.0.1:${await this.serveEngine()}`], {
      cwd: this.folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, PULUMI_NODEJS_PROJECT: "wire", ...this.environment },
    });
    this.child = child;
    child.stderr.on("data", (chunk) => {
      this.printed += chunk;
    });
    const port = await new Promise<string>((resolve, reject) => {
      child.once("exit", (code) => reject(new Error(`the provider process ended with ${code}: ${this.printed}`)));
      child.stdout.once("data", (chunk) => resolve(String(chunk).trim()));
    });
    this.client = new ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
    const request = new messages.ConfigureRequest();
    request.setArgs(Struct.fromJavaScript(config));
    await this.send("configure", request);
  }

  async stop(): Promise<void> {
    this.client?.close();
    this.engine.forceShutdown();
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }

  /** Asks the process to end, as the engine does; answers how long it took. */
  async interrupt(): Promise<number> {
    const { child } = this;
    const started = Date.now();
    if (!child) return 0;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGINT");
    await ended;
    return Date.now() - started;
  }

  /** An engine that dies: its sockets go one after the other. Answers how long the process outlived it, at most 10 s. */
  async abandon(): Promise<number> {
    const { child } = this;
    const ended = new Promise((resolve) => child?.once("exit", resolve));
    this.client?.close();
    await new Promise((resolve) => setTimeout(resolve, 300));
    this.engine.forceShutdown();
    const started = Date.now();
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 10_000))]);
    const taken = Date.now() - started;
    await this.stop();
    return taken;
  }

  /** What the engine sends at a first Ctrl-C. */
  async cancel(): Promise<void> {
    await this.send("cancel", new Empty());
  }

  async check(news: Properties, olds: Properties = {}): Promise<{ inputs: Properties; failures: Properties[] }> {
    const request = new messages.CheckRequest();
    request.setOlds(Struct.fromJavaScript(olds));
    request.setNews(Struct.fromJavaScript(news));
    const response = await this.send("check", request);
    return { inputs: response.getInputs().toJavaScript(), failures: response.toObject().failuresList };
  }

  async diff(id: string, olds: Properties, news: Properties) {
    const request = new messages.DiffRequest();
    request.setId(id);
    request.setOlds(Struct.fromJavaScript(olds));
    request.setNews(Struct.fromJavaScript(news));
    const response = await this.send("diff", request);
    const answers = ["unknown", "none", "some"] as const;
    return {
      changes: answers[response.getChanges() as 0 | 1 | 2],
      replaces: response.getReplacesList() as string[],
      deleteBeforeReplace: response.getDeletebeforereplace() as boolean,
    };
  }

  async create(inputs: Properties): Promise<{ id: string; state: Properties }> {
    const request = new messages.CreateRequest();
    request.setProperties(Struct.fromJavaScript(inputs));
    const response = await this.send("create", request);
    return { id: response.getId(), state: response.getProperties().toJavaScript() };
  }

  async read(id: string, state: Properties): Promise<{ id: string; state: Properties; inputs?: Properties }> {
    const request = new messages.ReadRequest();
    request.setId(id);
    request.setProperties(Struct.fromJavaScript(state));
    const response = await this.send("read", request);
    return {
      id: response.getId(),
      state: response.getProperties()?.toJavaScript(),
      inputs: response.getInputs()?.toJavaScript(),
    };
  }

  async update(id: string, olds: Properties, news: Properties): Promise<Properties> {
    const request = new messages.UpdateRequest();
    request.setId(id);
    request.setOlds(Struct.fromJavaScript(olds));
    request.setNews(Struct.fromJavaScript(news));
    return (await this.send("update", request)).getProperties().toJavaScript();
  }

  async delete(id: string, state: Properties): Promise<void> {
    const request = new messages.DeleteRequest();
    request.setId(id);
    request.setProperties(Struct.fromJavaScript(state));
    await this.send("delete", request);
  }

  /** The engine's side: a log service that keeps every line. */
  private serveEngine(): Promise<number> {
    this.engine.addService(EngineService, {
      log: (call: Message, callback: (error: null, answer: unknown) => void) => {
        const { severity, message, urn, ephemeral } = call.request.toObject();
        this.log.push({ severity, message, urn, ephemeral });
        callback(null, new Empty());
      },
    });
    return new Promise((resolve, reject) => {
      this.engine.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      );
    });
  }

  private send(method: string, request: Message): Promise<Message> {
    return new Promise((resolve, reject) => {
      this.client[method](request, (error: grpc.ServiceError | null, response: Message) => {
        if (error) reject(initFailure(error) ?? error);
        else resolve(response);
      });
    });
  }
}

/** The half-made resource that an error of create or update carries. */
function initFailure(error: grpc.ServiceError): InitFailed | undefined {
  const [bytes] = error.metadata?.get("grpc-status-details-bin") ?? [];
  if (!(bytes instanceof Buffer)) return undefined;
  const [detail] = Status.deserializeBinary(bytes).getDetailsList();
  const failed = detail.unpack(messages.ErrorResourceInitFailed.deserializeBinary, "pulumirpc.ErrorResourceInitFailed");
  return new InitFailed(failed.getId(), failed.getProperties().toJavaScript(), failed.getReasonsList());
}
