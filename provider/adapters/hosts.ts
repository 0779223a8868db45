import type { HostReference } from "../core/handler";
import type { Libvirt } from "../libvirt/api";
import { connect } from "../libvirt/connection";
import { openDialer } from "../transport/open";

type Connection = Awaited<ReturnType<typeof connect>>;

/** Every connection of this process: one per host and way to reach it, shared by all resources and calls. */
export class Hosts {
  private readonly connections = new Map<string, Promise<Connection>>();
  private privateKey: string | undefined;
  private passphrase: string | undefined;

  /** Takes keys from the stack's secret config. Synchronous: the engine may call an operation before it has awaited this. */
  configure(config: { get(key: string): unknown }): void {
    this.privateKey = stringOrUndefined(config.get("kvm:sshPrivateKey"));
    this.passphrase = stringOrUndefined(config.get("kvm:sshPassphrase"));
  }

  connect(host: HostReference): Promise<Libvirt> {
    const key = JSON.stringify([host.uri, host.hostKey, host.identityFile, host.identityEnv, host.uuid]);
    const existing = this.connections.get(key);
    if (existing) return existing;
    const opening = this.open(host);
    this.connections.set(key, opening);
    // A host that could not be reached is tried anew by the next resource.
    opening.catch(() => this.connections.delete(key));
    return opening;
  }

  async close(): Promise<void> {
    const open = [...this.connections.values()];
    this.connections.clear();
    await Promise.allSettled(open.map(async (connection) => (await connection).close()));
  }

  private async open(host: HostReference): Promise<Connection> {
    const dialer = openDialer({
      uri: host.uri,
      ...(host.hostKey !== undefined && { hostKey: host.hostKey }),
      ...(host.identityFile !== undefined && { identityFile: host.identityFile }),
      ...(host.identityEnv !== undefined && { identityEnv: host.identityEnv }),
      ...(this.privateKey !== undefined && { privateKey: this.privateKey }),
      ...(this.passphrase !== undefined && { passphrase: this.passphrase }),
    });
    return connect({
      uri: host.uri,
      driverUri: dialer.driverUri,
      dialer,
      ...(host.uuid !== undefined && { expectedHostUuid: host.uuid }),
    });
  }
}

function stringOrUndefined(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
