// Stands in for pulumi-language-nodejs where the Pulumi CLI was built from its Go module, which does not bring it.
// Serves the LanguageRuntime service on a free loopback port that it prints, and runs programs with the Node SDK's
// own `cmd/run`.
const { createRequire } = require("node:module");
const { spawn } = require("node:child_process");
const { connect } = require("node:net");
const { join } = require("node:path");

const sdkRoot = process.env.PULUMI_KVM_SDK_ROOT ?? join(__dirname, "..");
const fromSdk = createRequire(createRequire(join(sdkRoot, "package.json")).resolve("@pulumi/pulumi"));
const grpc = fromSdk("@grpc/grpc-js");
const services = fromSdk("@pulumi/pulumi/proto/language_grpc_pb.js");
const messages = fromSdk("@pulumi/pulumi/proto/language_pb.js");
const plugins = fromSdk("@pulumi/pulumi/proto/plugin_pb.js");
const { Empty } = fromSdk("google-protobuf/google/protobuf/empty_pb.js");
const { version } = fromSdk("@pulumi/pulumi/package.json");

/** cmd/run ends with it after it has told the user what is wrong. */
const saidItAlready = 32;
let engineAddress = process.argv.at(-1);

const answer = (make) => (_call, callback) => callback(null, make());

function handshake(call, callback) {
  engineAddress = call.request.getEngineAddress() || engineAddress;
  callback(null, new messages.LanguageHandshakeResponse());
}

function run(call, callback) {
  const request = call.request;
  const info = request.getInfo();
  const folder = info?.getProgramDirectory() || request.getPwd();
  // The program's own SDK: one instance of it must serve the program and what runs it.
  const runner = createRequire(join(folder, "package.json")).resolve("@pulumi/pulumi/cmd/run");
  const flag = (name, value) => (value === undefined || value === "" ? [] : [`--${name}`, String(value)]);
  const words = [
    ...flag("monitor", request.getMonitorAddress()),
    ...flag("engine", engineAddress),
    ...flag("organization", request.getOrganization()),
    ...flag("project", request.getProject()),
    ...flag("stack", request.getStack()),
    ...flag("pwd", request.getPwd()),
    ...flag("root-directory", info?.getRootDirectory()),
    ...(request.getDryrun() ? ["--dry-run"] : []),
    ...flag("parallel", request.getParallel()),
    info?.getEntryPoint() || request.getProgram() || ".",
    ...request.getArgsList(),
  ];
  const program = spawn(process.execPath, [runner, ...words], {
    cwd: request.getPwd(),
    stdio: ["ignore", "inherit", "inherit"],
    env: {
      ...process.env,
      // As the official host does: TypeScript unless Pulumi.yaml says `typescript: false`.
      PULUMI_NODEJS_TYPESCRIPT: String(info?.getOptions()?.toJavaScript().typescript !== false),
      PULUMI_CONFIG: JSON.stringify(Object.fromEntries(request.getConfigMap().toObject())),
      PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
    },
  });
  // Comes after each answer as well, and before the port of an engine that was killed is closed.
  call.on("cancelled", endWithEngine);
  program.on("close", (code, signal) => {
    const response = new messages.RunResponse();
    if (code === saidItAlready) response.setBail(true);
    else if (code !== 0) response.setError(`the program ended with ${signal ?? `exit code ${code}`}`);
    callback(null, response);
  });
}

/** An engine that lives ends this process itself. */
function endWithEngine() {
  const [host, port] = engineAddress.split(":");
  const socket = connect(Number(port), host, () => {
    socket.destroy();
    setTimeout(endWithEngine, 500);
  });
  socket.on("error", () => process.exit(1));
}

function pluginInfo() {
  const info = new plugins.PluginInfo();
  info.setVersion(version);
  return info;
}

const server = new grpc.Server();
server.addService(services.LanguageRuntimeService, {
  handshake,
  run,
  getPluginInfo: answer(pluginInfo),
  getRequiredPlugins: answer(() => new messages.GetRequiredPluginsResponse()),
  getRequiredPackages: answer(() => new messages.GetRequiredPackagesResponse()),
  installDependencies: (call) => call.end(),
  cancel: answer(() => new Empty()),
});
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.stdout.write(`${port}\n`);
  // A destroy runs no program, whose end would tell.
  setTimeout(endWithEngine, 5000);
});
