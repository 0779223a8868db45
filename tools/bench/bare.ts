import type { Connection } from "../../provider/libvirt/connection";
import { domainHandle } from "../../provider/libvirt/procedures";
import { kinds } from "../../provider/resources/host-devices";

// The calls that a deployment cannot do without, and nothing around them.

/** virDomainGetXMLDesc: with passwords, of the running guest or of its definition. */
const [live, inactive] = [1, 3];

/** What Host tells of its machine. */
export async function describeHost(connection: Connection): Promise<void> {
  const machine = { emulatorbin: undefined, arch: "x86_64", machine: "q35", virttype: "qemu", flags: 0 };
  await connection.call("CONNECT_GET_CAPABILITIES", {});
  await connection.call("CONNECT_GET_HOSTNAME", {});
  await connection.call("CONNECT_GET_VERSION", {});
  await connection.call("CONNECT_GET_DOMAIN_CAPABILITIES", machine);
  const { devices } = await connection.call("CONNECT_LIST_ALL_NODE_DEVICES", { needResults: 1, flags: kinds });
  for (const { name } of devices) await connection.call("NODE_DEVICE_GET_XML_DESC", { name, flags: 0 });
}

/** A look whether it is there, the definition, and what libvirt made of it. */
export async function create(connection: Connection, uuid: string, title: string): Promise<void> {
  await connection.call("DOMAIN_LOOKUP_BY_UUID", { uuid }).catch(() => undefined);
  await connection.call("DOMAIN_LOOKUP_BY_NAME", { name: nameOf(uuid) }).catch(() => undefined);
  await connection.call("DOMAIN_DEFINE_XML_FLAGS", { xml: documentOf(uuid, title), flags: 0 });
  await read(connection, uuid, inactive);
}

export async function update(connection: Connection, uuid: string, title: string): Promise<void> {
  await stateOf(connection, uuid);
  await read(connection, uuid, inactive);
  await connection.call("DOMAIN_DEFINE_XML_FLAGS", { xml: documentOf(uuid, title), flags: 0 });
  await read(connection, uuid, inactive);
}

/** Both documents, the definition, the running guest, and both documents once more. */
export async function updateLive(connection: Connection, uuid: string, title: string): Promise<void> {
  const dom = domainHandle(uuid);
  await stateOf(connection, uuid);
  await read(connection, uuid, live);
  const xml = (await read(connection, uuid, inactive)).replace(/<title>.*<\/title>/, `<title>${title}</title>`);
  await connection.call("DOMAIN_DEFINE_XML_FLAGS", { xml, flags: 0 });
  const none = { key: undefined, uri: undefined };
  await connection.call("DOMAIN_SET_METADATA", { dom, type: 1, metadata: title, ...none, flags: 1 });
  await read(connection, uuid, live);
  await read(connection, uuid, inactive);
}

export async function destroy(connection: Connection, uuid: string): Promise<void> {
  const managedSaveSnapshotsAndNvram = 1 | 2 | 4;
  await stateOf(connection, uuid);
  await read(connection, uuid, inactive);
  await connection.call("DOMAIN_UNDEFINE_FLAGS", { dom: domainHandle(uuid), flags: managedSaveSnapshotsAndNvram });
}

/** Of so many machines that the bare calls make. */
export function uuids(vms: number): string[] {
  return Array.from({ length: vms }, (_, index) => `cccccccc-0000-4000-8000-${String(index).padStart(12, "0")}`);
}

async function stateOf(connection: Connection, uuid: string): Promise<void> {
  await connection.call("DOMAIN_GET_STATE", { dom: domainHandle(uuid), flags: 0 });
}

async function read(connection: Connection, uuid: string, flags: number): Promise<string> {
  return (await connection.call("DOMAIN_GET_XML_DESC", { dom: domainHandle(uuid), flags })).xml;
}

function nameOf(uuid: string): string {
  return `bare-${uuid.slice(-6)}`;
}

function documentOf(uuid: string, title: string): string {
  return `<domain type="qemu"><name>${nameOf(uuid)}</name><uuid>${uuid}</uuid><title>${title}</title>
    <memory unit="MiB">32</memory><os><type machine="q35">hvm</type></os><features><acpi/></features>
    <devices><serial type="pty"/><channel type="unix"><target type="virtio" name="org.qemu.guest_agent.0"/></channel>
    <rng model="virtio"><backend model="random">/dev/urandom</backend></rng></devices></domain>`;
}
