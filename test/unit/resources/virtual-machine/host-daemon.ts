import type { Libvirt } from "../../../../provider/libvirt/api";
import { LibvirtError } from "../../../../provider/libvirt/errors";

/** Documents of a host by their names, as its libvirt would show them. */
export interface HostDocuments {
  readonly devices?: Readonly<Record<string, string>>;
  /** By uuid; the name is `vm-<uuid>`. */
  readonly domains?: Readonly<Record<string, string>>;
  readonly pools?: Readonly<Record<string, string>>;
  /** What libvirt tells of the host's volume groups. */
  readonly volumeGroups?: string;
  readonly interfaces?: Readonly<Record<string, string>>;
  /** virSecretUsageType by uuid or usage. */
  readonly secrets?: Readonly<Record<string, number>>;
  readonly capabilities?: string;
  /** What is asked for as if it were a program. */
  readonly folders?: readonly string[];
  /** Features of a CPU by its model, all told. */
  readonly cpus?: Readonly<Record<string, readonly string[]>>;
  /** Calls that fail, with what libvirt says. */
  readonly failing?: Readonly<Record<string, string>>;
}

interface Arguments {
  readonly uuid?: string;
  readonly usageID?: string;
  readonly name?: string;
  readonly flags?: number;
  readonly emulatorbin?: string | undefined;
  readonly dom?: { readonly uuid: string };
  readonly pool?: { readonly name: string };
  readonly iface?: { readonly name: string };
  readonly xmlDesc?: string;
  readonly xmlCPUs?: readonly string[];
}

const onlyInactive = 1 << 30;

/** A libvirt that knows these documents, and keeps the mediated devices that it is told to make. */
export class HostDaemon {
  /** Calls that change something, in their order. */
  readonly changes: string[] = [];
  /** Mediated devices, and whether they are started. */
  readonly mediated = new Map<string, boolean>();
  private readonly devices: Record<string, string>;

  constructor(private readonly documents: HostDocuments) {
    this.devices = { ...documents.devices };
  }

  get libvirt(): Libvirt {
    return { call: this.call } as unknown as Libvirt;
  }

  private readonly call = async (procedure: string, args: Arguments): Promise<unknown> => {
    const failure = this.documents.failing?.[procedure];
    if (failure !== undefined) throw new LibvirtError(1, 0, failure, procedure);
    const { domains = {}, pools = {}, interfaces = {}, capabilities = "", cpus = {} } = this.documents;
    const name = args.name ?? "";
    switch (procedure) {
      case "CONNECT_LIST_ALL_DOMAINS":
        return { domains: Object.keys(domains).map((uuid) => ({ name: `vm-${uuid}`, uuid, id: -1 })) };
      case "DOMAIN_GET_XML_DESC": {
        const xml = domains[args.dom?.uuid ?? ""];
        if (xml === undefined) throw new LibvirtError(42, 0, "no domain with matching uuid", procedure);
        return { xml };
      }
      case "CONNECT_LIST_ALL_STORAGE_POOLS":
        return { pools: Object.keys(pools).map((pool) => ({ name: pool, uuid: pool })) };
      case "CONNECT_FIND_STORAGE_POOL_SOURCES":
        return { xml: this.documents.volumeGroups ?? "<sources/>" };
      case "STORAGE_POOL_GET_XML_DESC":
        return { xml: Object.values(pools)[0] };
      case "CONNECT_LIST_ALL_INTERFACES":
        return { ifaces: Object.keys(interfaces).map((iface) => ({ name: iface, mac: "" })) };
      case "INTERFACE_GET_XML_DESC":
        return { xml: interfaces[args.iface?.name ?? ""] };
      case "CONNECT_LIST_ALL_NODE_DEVICES": {
        const inactive = ((args.flags ?? 0) & onlyInactive) !== 0;
        const names = Object.keys(this.devices).filter((device) => !inactive || this.mediated.get(device) === false);
        return { devices: names.map((device) => ({ name: device })) };
      }
      case "NODE_DEVICE_GET_XML_DESC": {
        const xml = this.devices[name];
        if (xml === undefined) throw new LibvirtError(53, 0, "no node device with matching name", procedure);
        return { xml };
      }
      case "SECRET_LOOKUP_BY_UUID":
      case "SECRET_LOOKUP_BY_USAGE": {
        const wanted = args.uuid ?? args.usageID ?? "";
        const usageType = this.documents.secrets?.[wanted];
        if (usageType !== undefined) return { secret: { uuid: wanted, usageType } };
        throw new LibvirtError(66, 0, `Secret not found: no secret with matching ${wanted}`, procedure);
      }
      case "CONNECT_GET_DOMAIN_CAPABILITIES":
        this.judge(args.emulatorbin);
        return { capabilities };
      case "CONNECT_GET_CAPABILITIES":
        return { capabilities };
      case "CONNECT_BASELINE_HYPERVISOR_CPU": {
        const cpu = args.xmlCPUs?.[0] ?? "";
        const named = [...cpu.matchAll(/<feature [^>]*name='([^']+)'/g)].map(([, feature]) => feature);
        const features = [...(cpus[/<model[^>]*>([^<]+)</.exec(cpu)?.[1] ?? ""] ?? []), ...named];
        return {
          cpu: `<cpu>${features.map((feature) => `<feature policy='require' name='${feature}'/>`).join("")}</cpu>`,
        };
      }
      default:
        return this.change(procedure, args);
    }
  };

  /** As libvirt does before it runs a program. */
  private judge(program: string | undefined): void {
    if (!program?.startsWith("/sys/")) return;
    const said = this.documents.folders?.includes(program)
      ? `QEMU binary ${program} is not executable: Is a directory`
      : `Cannot check QEMU binary ${program}: No such file or directory`;
    throw new LibvirtError(38, 10, said, "CONNECT_GET_DOMAIN_CAPABILITIES");
  }

  private change(procedure: string, { name = "", xmlDesc = "" }: Arguments): unknown {
    this.changes.push(procedure);
    switch (procedure) {
      case "NODE_DEVICE_DEFINE_XML": {
        const made = `mdev_${/<uuid>([^<]+)</.exec(xmlDesc)?.[1]?.replaceAll("-", "_")}_0000_65_00_0`;
        this.devices[made] = xmlDesc;
        this.mediated.set(made, false);
        return { dev: { name: made } };
      }
      case "NODE_DEVICE_CREATE":
        this.mediated.set(name, true);
        return {};
      case "NODE_DEVICE_SET_AUTOSTART":
        return {};
      case "NODE_DEVICE_DESTROY":
        this.mediated.set(name, false);
        return {};
      case "NODE_DEVICE_UNDEFINE":
        this.mediated.delete(name);
        delete this.devices[name];
        return {};
      default:
        throw new Error(`unexpected call of ${procedure}`);
    }
  }
}
