import { hyper, int, list, optional, string, struct, uint, uuid } from "../codec";
import { network, proc } from "./define";

const flags = { flags: uint };
const onNetwork = { net: network };

const lease = struct({
  iface: string,
  expirytime: hyper,
  type: int,
  mac: optional(string),
  iaid: optional(string),
  ipaddr: string,
  prefix: uint,
  hostname: optional(string),
  clientid: optional(string),
});

const networkPort = struct({ net: network, uuid });

/** Networks. */
export const networkProcedures = {
  NETWORK_LOOKUP_BY_NAME: proc(46, { name: string }, onNetwork),
  NETWORK_DEFINE_XML: proc(41, { xml: string }, onNetwork),
  NETWORK_CREATE: proc(39, onNetwork, {}),
  NETWORK_DESTROY: proc(42, onNetwork, {}),
  NETWORK_UNDEFINE: proc(49, onNetwork, {}),
  NETWORK_GET_XML_DESC: proc(43, { ...onNetwork, ...flags }, { xml: string }),
  NETWORK_UPDATE: proc(
    291,
    { ...onNetwork, command: uint, section: uint, parentIndex: int, xml: string, ...flags },
    {},
  ),
  NETWORK_GET_AUTOSTART: proc(44, onNetwork, { autostart: int }),
  NETWORK_SET_AUTOSTART: proc(48, { ...onNetwork, autostart: int }, {}),
  NETWORK_IS_ACTIVE: proc(152, onNetwork, { active: int }),
  NETWORK_IS_PERSISTENT: proc(153, onNetwork, { persistent: int }),
  NETWORK_GET_DHCP_LEASES: proc(
    341,
    { ...onNetwork, mac: optional(string), needResults: int, ...flags },
    { leases: list(lease, 65536), ret: uint },
  ),
  NETWORK_LIST_ALL_PORTS: proc(
    404,
    { network, needResults: int, ...flags },
    { ports: list(networkPort, 16384), ret: uint },
  ),
  NETWORK_PORT_LOOKUP_BY_UUID: proc(405, { network, uuid }, { port: networkPort }),
};
