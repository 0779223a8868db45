import { type Connection, connect } from "../libvirt/connection";
import { openDialer } from "../transport/open";
import type { TransportOptions } from "../transport/options";

/** Opens the libvirt daemon that `options.uri` names. */
export function openConnection(options: TransportOptions): Promise<Connection> {
  const dialer = openDialer(options);
  return connect({ uri: options.uri, driverUri: dialer.driverUri, dialer });
}
