import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Hosts } from "../../provider/adapters/hosts";
import { virtTypesOf } from "../../provider/resources/host/facts";
import { parse } from "../../provider/schema/tree";
import { Stack } from "../../test/engine/pulumi";
import { cacheFolder, type Lab, startLab } from "../../test/lab/lab";
import { run } from "../../test/lab/processes";
import { readConsole } from "./console";

const root = join(__dirname, "../..");

const interrupt = new AbortController();
// The first one ends what runs and takes everything down; a second one ends the demo at once.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => interrupt.abort(new Error(`it was interrupted (${signal})`)));
}

/** One step of the demo, with the time that it took. */
async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
  interrupt.signal.throwIfAborted();
  const started = Date.now();
  const taken = () => `${((Date.now() - started) / 1000).toFixed(1)} s`;
  console.log(`\n${name}`);
  try {
    const result = await work();
    console.log(`  done in ${taken()}`);
    return result;
  } catch (error) {
    console.log(`  FAILED after ${taken()}`);
    // Whatever a command says that was interrupted, this is why. The signal may still wait to be told of.
    await new Promise((resolve) => setImmediate(resolve));
    interrupt.signal.throwIfAborted();
    throw new Error(`the step "${name}" failed.\n${error instanceof Error ? error.message : String(error)}`);
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { keep: { type: "boolean" }, uri: { type: "string" } } });
  const keep = values.keep === true;
  const lab = values.uri === undefined ? await embeddedHost(keep) : undefined;
  const uri = values.uri ?? lab?.host.uri ?? "";
  let stack: Stack | undefined;
  try {
    stack = demoStack(uri, lab, values.uri === undefined ? "qemu" : await virtTypeOf(uri));
    await show(stack, lab, uri);
    if (keep) tellHowToLookAround(stack, lab, uri);
    else await takeDown(stack, lab);
  } catch (error) {
    if (stack) await (keep ? tellHowToLookAround(stack, lab, uri) : tidyUp(stack, lab, uri));
    throw error;
  } finally {
    if (!keep) await lab?.stop();
  }
}

function demoStack(hostUri: string, lab: Lab | undefined, virtType: string): Stack {
  return new Stack({
    program: join(root, "examples/quickstart"),
    // Identities come from the stack's name: two demos on one host must not be the same deployment.
    name: `demo-${randomBytes(2).toString("hex")}`,
    config: {
      hostUri,
      virtType,
      image: join(cacheFolder(), "guest/guest.qcow2"),
      ...(lab && { serialLog: "/var/log/libvirt/qemu/db-serial.log" }),
    },
    onLine: (line) => {
      // Progress dots of a terminal that is not there.
      if (!/^(@ |\.+$)/.test(line.trim())) console.log(`    ${line}`);
    },
  });
}

function embeddedHost(keep: boolean): Promise<Lab> {
  return step("Start an embedded KVM host: namespaces with their own libvirtd, sshd and storage", async () => {
    await checkNamespaces();
    const lab = await startLab({ keep });
    console.log(`  reached over ssh on loopback port ${lab.host.sshPort}`);
    return lab;
  });
}

/** Root of a container may lack the rights that the embedded host is made of. */
async function checkNamespaces(): Promise<void> {
  const probe = [
    "unshare",
    "-n",
    "-m",
    "-u",
    "-i",
    "-p",
    "-C",
    "--fork",
    "ip",
    "link",
    "add",
    "probe",
    "type",
    "bridge",
  ];
  const { code, stderr } = await run(probe, false);
  if (code === 0) return;
  throw new Error(
    `namespaces with a network of their own cannot be made here: ${stderr.trim()}\nIn a container, give it the rights (docker run --privileged); or take a host of yours: npm run demo -- --uri URI`,
  );
}

/** KVM where the host has it; emulation is slow but shows the same. */
function virtTypeOf(uri: string): Promise<string> {
  return step(`Ask ${uri} whether it has KVM`, async () => {
    const hosts = new Hosts();
    try {
      const libvirt = await hosts.connect({ uri });
      const { capabilities } = await libvirt.call("CONNECT_GET_CAPABILITIES", {});
      const found = virtTypesOf(parse(capabilities)).includes("kvm") ? "kvm" : "qemu";
      console.log(found === "kvm" ? "  yes" : "  no: the guest is emulated");
      return found;
    } finally {
      await hosts.close();
    }
  });
}

async function show(stack: Stack, lab: Lab | undefined, uri: string): Promise<void> {
  await step("Make a stack", () => stack.init());
  await step("pulumi up: host, network, pool, image, disk, cloud-init medium, guest", () => stack.up());
  const { ip, uuid, name } = await stack.outputs();
  console.log(`  guest ${name} (${uuid}) has the address ${ip}`);
  if (typeof ip !== "string" || ip === "")
    throw new Error(`the guest has no address; look at its console: virsh -c '${uri}' console ${name}`);
  if (lab) {
    await step("Read a line from inside the guest, over its serial console", async () => {
      const line = await readConsole(lab.host, "db", /GUEST-READY (.*)/, 60, interrupt.signal);
      console.log(`  the guest says: ${line}`);
    });
  }
  await step("pulumi up again: nothing may change", () => stack.upWithoutChanges());
}

async function takeDown(stack: Stack, lab: Lab | undefined): Promise<void> {
  await step("pulumi destroy", () => stack.destroy());
  stack.remove();
  if (!lab) return;
  await step("See that nothing is left on the host", () => checkEmpty(lab));
  await step("Take the embedded host down", () => lab.stop());
}

/** After a failure. The embedded host ends with all that is on it; one of the user's is to be left as it was. */
async function tidyUp(stack: Stack, lab: Lab | undefined, uri: string): Promise<void> {
  if (!lab && stack.isThere) {
    console.log("\npulumi destroy, to tidy up");
    const { code } = await stack.run("destroy", "--yes", "--skip-preview");
    // Without the state nobody would know what is still there.
    if (code !== 0) {
      tellHowToLookAround(stack, lab, uri);
      return;
    }
  }
  stack.remove();
  if (!interrupt.signal.aborted) console.log("\nTo look at the host as it stands then: npm run demo -- --keep");
}

/** What destroy left behind on the host must be nothing. */
async function checkEmpty(lab: Lab): Promise<void> {
  const left = await lab.host.exec(
    "virsh -q list --all --name; virsh -q net-list --all --name; virsh -q pool-list --all --name",
  );
  if (left.stdout.trim() !== "")
    throw new Error(`these were left on the host: ${left.stdout.trim().split("\n").join(", ")}`);
}

function tellHowToLookAround(stack: Stack, lab: Lab | undefined, uri: string): void {
  const variables = Object.entries(stack.shellEnvironment).map(([key, value]) => `export ${key}=${quoted(value)}`);
  const virsh = `virsh -c ${quoted(lab?.host.socketUri ?? uri)}`;
  console.log("\nKept running. Look around:");
  console.log(`  ${virsh} list --all`);
  console.log(`  ${virsh} console $(${virsh} list --name | grep db-)     # leave with Ctrl+]`);
  if (lab) {
    const files = `-i ${lab.host.identityFile} -o UserKnownHostsFile=${lab.host.knownHosts}`;
    console.log(`  ssh -p ${lab.host.sshPort} ${files} root@127.0.0.1`);
  }
  console.log("Go on with the stack:");
  for (const line of variables) console.log(`  ${line}`);
  console.log(`  cd ${quoted(root)}`);
  console.log(`  pulumi -C examples/quickstart up --stack ${stack.name}`);
  console.log(`End it:\n  pulumi -C examples/quickstart destroy --yes --stack ${stack.name}`);
  const files = stack.leftovers.map(quoted).join(" ");
  if (lab) console.log(`  node -r ./tools/register.cjs tools/demo/stop.ts ${files} ${lab.folder}`);
  else console.log(`  rm -r ${files}`);
}

/** A word of a shell's command line. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

main().catch((error: unknown) => {
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
});
