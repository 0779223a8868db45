import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import type * as Grpc from "@grpc/grpc-js";

const root = join(__dirname, "../..");
const pulumi = createRequire(createRequire(__filename).resolve("@pulumi/pulumi"));
const grpc: typeof Grpc = pulumi("@grpc/grpc-js");
const services = pulumi("@pulumi/pulumi/proto/provider_grpc_pb");
const messages = pulumi("@pulumi/pulumi/proto/provider_pb");
const engineServices = pulumi("@pulumi/pulumi/proto/engine_grpc_pb");
const structs = pulumi("google-protobuf/google/protobuf/struct_pb");
const { Empty } = pulumi("google-protobuf/google/protobuf/empty_pb");

export type Values = Record<string, unknown>;

/** What the process logged to the engine. */
export interface LogLine {
  readonly urn: string;
  readonly message: string;
  readonly ephemeral: boolean;
}

/** Thrown for a gRPC error; `failed` holds the details of a partial failure. */
export class RpcFailure extends Error {
  constructor(
    message: string,
    readonly failed:
      | { readonly id: string; readonly reasons: readonly string[]; readonly properties: Values }
      | undefined,
  ) {
    super(message);
  }
}

/** The dynamic provider process that Pulumi ships, spoken to as the engine does. */
export class ProviderProcess {
  readonly log: LogLine[] = [];
  /** Everything that the process printed besides its port. */
  printed = "";

  private constructor(
    private readonly child: ChildProcess,
    private readonly engine: Grpc.Server,
  ) {}

  private client: Record<
    string,
    (request: unknown, callback: (error: Grpc.ServiceError | null, reply: never) => void) => void
  > = {};

  static async start(cwd = root): Promise<ProviderProcess> {
    const engine = new grpc.Server();
    const lines: LogLine[] = [];
    engine.addService(engineServices.EngineService, {
      log(
        call: { request: { getUrn(): string; getMessage(): string; getEphemeral(): boolean } },
        callback: (error: null, reply: unknown) => void,
      ) {
        const { request } = call;
        lines.push({ urn: request.getUrn(), message: request.getMessage(), ephemeral: request.getEphemeral() });
        callback(null, new Empty());
      },
      getRootResource: (_call: unknown, callback: (error: Error) => void) => callback(new Error("not here")),
      setRootResource: (_call: unknown, callback: (error: Error) => void) => callback(new Error("not here")),
      startDebugging: (_call: unknown, callback: (error: Error) => void) => callback(new Error("not here")),
    });
    const enginePort = await new Promise<number>((resolve, reject) => {
      engine.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      );
    });
    const script = pulumi.resolve("@pulumi/pulumi/cmd/dynamic-provider");
    const child = spawn(process.execPath, [script, `127.0.0.1:${enginePort}`], {
      cwd,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, PULUMI_NODEJS_PROJECT: "wire" },
    });
    const provider = new ProviderProcess(child, engine);
    Object.assign(provider, { log: lines });
    const port = await new Promise<string>((resolve, reject) => {
      let text = "";
      child.stdout?.on("data", (chunk: Buffer) => {
        text += chunk;
        const found = /^(\d+)\n/.exec(text);
        if (found?.[1] !== undefined) resolve(found[1]);
        else provider.printed += chunk;
      });
      child.stderr?.on("data", (chunk: Buffer) => {
        provider.printed += chunk;
      });
      child.on("exit", (code) => reject(new Error(`the provider process ended with ${code}: ${provider.printed}`)));
    });
    provider.client = new services.ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
    await provider.configure({});
    return provider;
  }

  async stop(): Promise<void> {
    this.child.removeAllListeners("exit");
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGINT");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), 4500);
    if (this.child.exitCode === null) await ended;
    clearTimeout(timer);
    this.engine.forceShutdown();
  }

  configure(config: Values): Promise<unknown> {
    const request = new messages.ConfigureRequest();
    request.setArgs(structs.Struct.fromJavaScript(config));
    return this.send("configure", request);
  }

  async check(
    olds: Values,
    news: Values,
  ): Promise<{ inputs: Values; failures: { property: string; reason: string }[] }> {
    const request = new messages.CheckRequest();
    request.setOlds(structs.Struct.fromJavaScript(olds));
    request.setNews(structs.Struct.fromJavaScript(news));
    const reply = (await this.send("check", request)) as {
      getInputs(): { toJavaScript(): Values };
      getFailuresList(): { getProperty(): string; getReason(): string }[];
    };
    const failures = reply
      .getFailuresList()
      .map((item) => ({ property: item.getProperty(), reason: item.getReason() }));
    return { inputs: reply.getInputs().toJavaScript(), failures };
  }

  async diff(
    id: string,
    olds: Values,
    news: Values,
  ): Promise<{ changes: number; replaces: string[]; deleteBeforeReplace: boolean }> {
    const request = new messages.DiffRequest();
    request.setId(id);
    request.setOlds(structs.Struct.fromJavaScript(olds));
    request.setNews(structs.Struct.fromJavaScript(news));
    const reply = (await this.send("diff", request)) as {
      getChanges(): number;
      getReplacesList(): string[];
      getDeletebeforereplace(): boolean;
    };
    return {
      changes: reply.getChanges(),
      replaces: reply.getReplacesList(),
      deleteBeforeReplace: reply.getDeletebeforereplace(),
    };
  }

  async create(inputs: Values): Promise<{ id: string; properties: Values }> {
    const request = new messages.CreateRequest();
    request.setProperties(structs.Struct.fromJavaScript(inputs));
    return stored(await this.send("create", request));
  }

  async read(id: string, state: Values): Promise<{ id: string; properties: Values; inputs: Values | undefined }> {
    const request = new messages.ReadRequest();
    request.setId(id);
    request.setProperties(structs.Struct.fromJavaScript(state));
    const reply = (await this.send("read", request)) as StoredReply & {
      getInputs(): { toJavaScript(): Values } | undefined;
    };
    return { ...stored(reply), inputs: reply.getInputs()?.toJavaScript() };
  }

  async update(id: string, olds: Values, news: Values): Promise<Values> {
    const request = new messages.UpdateRequest();
    request.setId(id);
    request.setOlds(structs.Struct.fromJavaScript(olds));
    request.setNews(structs.Struct.fromJavaScript(news));
    return ((await this.send("update", request)) as StoredReply).getProperties().toJavaScript();
  }

  async delete(id: string, state: Values): Promise<void> {
    const request = new messages.DeleteRequest();
    request.setId(id);
    request.setProperties(structs.Struct.fromJavaScript(state));
    await this.send("delete", request);
  }

  private send(method: string, request: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.client[method]?.(request, (error, reply) => {
        if (error) reject(new RpcFailure(error.details || error.message, partialFailure(error)));
        else resolve(reply);
      });
    });
  }
}

interface StoredReply {
  getId(): string;
  getProperties(): { toJavaScript(): Values };
}

function stored(reply: unknown): { id: string; properties: Values } {
  const { getId, getProperties } = reply as StoredReply;
  return {
    id: getId.call(reply),
    properties: (getProperties.call(reply) as { toJavaScript(): Values } | undefined)?.toJavaScript() ?? {},
  };
}

function partialFailure(error: Grpc.ServiceError): RpcFailure["failed"] {
  const [bytes] = error.metadata?.get("grpc-status-details-bin") ?? [];
  if (!Buffer.isBuffer(bytes)) return undefined;
  const { Status } = pulumi("@pulumi/pulumi/proto/status_pb");
  const [detail] = Status.deserializeBinary(bytes).getDetailsList();
  const failure = messages.ErrorResourceInitFailed.deserializeBinary(detail.getValue());
  return { id: failure.getId(), reasons: failure.getReasonsList(), properties: failure.getProperties().toJavaScript() };
}
