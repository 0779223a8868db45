import { int, list, optional, params, string, uhyper, uint } from "../codec";
import { domain, hostInterface, network, nodeDevice, pool, proc } from "./define";

const xml = { xml: string };
const lists = { needResults: int, flags: uint };

/** The connection, the node, its devices, and the lists of everything on it. */
export const hostProcedures = {
  CONNECT_OPEN: proc(1, { name: optional(string), flags: uint }, {}),
  CONNECT_GET_VERSION: proc(4, {}, { hvVersion: uhyper }),
  CONNECT_GET_LIB_VERSION: proc(157, {}, { libVersion: uhyper }),
  CONNECT_GET_HOSTNAME: proc(59, {}, { hostname: string }),
  AUTH_LIST: proc(66, {}, { types: list(int, 20) }),
  AUTH_POLKIT: proc(70, {}, { complete: int }),
  CONNECT_GET_CAPABILITIES: proc(7, {}, { capabilities: string }),
  CONNECT_GET_DOMAIN_CAPABILITIES: proc(
    342,
    {
      emulatorbin: optional(string),
      arch: optional(string),
      machine: optional(string),
      virttype: optional(string),
      flags: uint,
    },
    { capabilities: string },
  ),
  CONNECT_BASELINE_HYPERVISOR_CPU: proc(
    394,
    {
      emulator: optional(string),
      arch: optional(string),
      machine: optional(string),
      virttype: optional(string),
      xmlCPUs: list(string, 256),
      flags: uint,
    },
    { cpu: string },
  ),
  NODE_GET_CELLS_FREE_MEMORY: proc(101, { startCell: int, maxcells: int }, { cells: list(uhyper, 1024) }),
  NODE_GET_FREE_PAGES: proc(
    340,
    { pages: list(uint, 1024), startCell: int, cellCount: uint, flags: uint },
    { counts: list(uhyper, 1024) },
  ),
  NODE_ALLOC_PAGES: proc(
    347,
    { pageSizes: list(uint, 1024), pageCounts: list(uhyper, 1024), startCell: int, cellCount: uint, flags: uint },
    { ret: int },
  ),
  NODE_GET_MEMORY_PARAMETERS: proc(289, { nparams: int, flags: uint }, { params: params(64), nparams: int }),
  NODE_SET_MEMORY_PARAMETERS: proc(288, { params: params(64), flags: uint }, {}),
  CONNECT_LIST_ALL_DOMAINS: proc(273, lists, { domains: list(domain, 16384), ret: uint }),
  CONNECT_LIST_ALL_NETWORKS: proc(283, lists, { nets: list(network, 16384), ret: uint }),
  CONNECT_LIST_ALL_STORAGE_POOLS: proc(281, lists, { pools: list(pool, 16384), ret: uint }),
  CONNECT_LIST_ALL_NODE_DEVICES: proc(285, lists, { devices: list(nodeDevice, 65536), ret: uint }),
  CONNECT_LIST_ALL_INTERFACES: proc(284, lists, { ifaces: list(hostInterface, 16384), ret: uint }),
  NODE_DEVICE_GET_XML_DESC: proc(114, { name: string, flags: uint }, xml),
  NODE_DEVICE_DEFINE_XML: proc(428, { xmlDesc: string, flags: uint }, { dev: nodeDevice }, { since: "7.3.0" }),
  NODE_DEVICE_CREATE: proc(430, { name: string, flags: uint }, {}, { since: "7.3.0" }),
  NODE_DEVICE_DESTROY: proc(124, { name: string }, {}),
  NODE_DEVICE_UNDEFINE: proc(429, { name: string, flags: uint }, {}, { since: "7.3.0" }),
  NODE_DEVICE_SET_AUTOSTART: proc(434, { name: string, autostart: int }, {}, { since: "7.8.0" }),
  INTERFACE_LOOKUP_BY_NAME: proc(128, { name: string }, { iface: hostInterface }),
  INTERFACE_GET_XML_DESC: proc(130, { iface: hostInterface, flags: uint }, xml),
  CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY: proc(316, { eventID: int, dom: optional(domain) }, { callbackID: int }),
};
