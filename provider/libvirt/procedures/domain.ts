import { int, list, opaque, optional, params, string, struct, uhyper, uint, uuid } from "../codec";
import { domain, proc } from "./define";

const flags = { flags: uint };
const dom = { dom: domain };

/** Domains: definition, life cycle, state, guest, and what is changed while they run. */
export const domainProcedures = {
  DOMAIN_LOOKUP_BY_NAME: proc(23, { name: string }, dom),
  DOMAIN_LOOKUP_BY_UUID: proc(24, { uuid }, dom),
  DOMAIN_DEFINE_XML: proc(11, { xml: string }, dom),
  DOMAIN_DEFINE_XML_FLAGS: proc(350, { xml: string, ...flags }, dom),
  DOMAIN_CREATE_XML: proc(10, { xmlDesc: string, ...flags }, dom),
  DOMAIN_CREATE_WITH_FLAGS: proc(196, { ...dom, ...flags }, dom),
  DOMAIN_GET_XML_DESC: proc(14, { ...dom, ...flags }, { xml: string }),
  DOMAIN_GET_STATE: proc(212, { ...dom, ...flags }, { state: int, reason: int }),
  DOMAIN_IS_ACTIVE: proc(150, dom, { active: int }),
  DOMAIN_IS_PERSISTENT: proc(151, dom, { persistent: int }),
  DOMAIN_SHUTDOWN_FLAGS: proc(258, { ...dom, ...flags }, {}),
  DOMAIN_SUSPEND: proc(34, dom, {}),
  DOMAIN_RESUME: proc(28, dom, {}),
  DOMAIN_PM_WAKEUP: proc(267, { ...dom, ...flags }, {}),
  DOMAIN_DESTROY_FLAGS: proc(234, { ...dom, ...flags }, {}),
  DOMAIN_UNDEFINE_FLAGS: proc(231, { ...dom, ...flags }, {}),
  DOMAIN_GET_AUTOSTART: proc(15, dom, { autostart: int }),
  DOMAIN_SET_AUTOSTART: proc(29, { ...dom, autostart: int }, {}),
  DOMAIN_RENAME: proc(358, { ...dom, newName: optional(string), ...flags }, { retcode: int }),
  DOMAIN_SET_METADATA: proc(
    264,
    { ...dom, type: int, metadata: optional(string), key: optional(string), uri: optional(string), ...flags },
    {},
  ),
  DOMAIN_SET_LIFECYCLE_ACTION: proc(390, { ...dom, type: uint, action: uint, ...flags }, {}),
  DOMAIN_HAS_MANAGED_SAVE_IMAGE: proc(183, { ...dom, ...flags }, { result: int }),
  DOMAIN_MANAGED_SAVE: proc(182, { ...dom, ...flags }, {}),
  DOMAIN_MANAGED_SAVE_GET_XML_DESC: proc(388, { ...dom, ...flags }, { xml: string }),
  DOMAIN_ATTACH_DEVICE_FLAGS: proc(160, { ...dom, xml: string, ...flags }, {}),
  DOMAIN_DETACH_DEVICE_ALIAS: proc(392, { ...dom, alias: string, ...flags }, {}),
  DOMAIN_UPDATE_DEVICE_FLAGS: proc(174, { ...dom, xml: string, ...flags }, {}),
  DOMAIN_SET_VCPUS_FLAGS: proc(199, { ...dom, nvcpus: uint, ...flags }, {}),
  DOMAIN_SET_MEMORY_FLAGS: proc(204, { ...dom, memory: uhyper, ...flags }, {}),
  DOMAIN_SET_MEMORY_STATS_PERIOD: proc(308, { ...dom, period: int, ...flags }, {}),
  DOMAIN_PIN_VCPU_FLAGS: proc(225, { ...dom, vcpu: uint, cpumap: opaque(2048), ...flags }, {}),
  DOMAIN_PIN_EMULATOR: proc(279, { ...dom, cpumap: opaque(2048), ...flags }, {}),
  DOMAIN_PIN_IOTHREAD: proc(352, { ...dom, iothreadsId: uint, cpumap: opaque(2048), ...flags }, {}),
  DOMAIN_ADD_IOTHREAD: proc(355, { ...dom, iothreadId: uint, ...flags }, {}),
  DOMAIN_DEL_IOTHREAD: proc(356, { ...dom, iothreadId: uint, ...flags }, {}),
  DOMAIN_SET_IOTHREAD_PARAMS: proc(402, { ...dom, iothreadId: uint, params: params(64), ...flags }, {}),
  DOMAIN_SET_BLKIO_PARAMETERS: proc(205, { ...dom, params: params(16), ...flags }, {}),
  DOMAIN_SET_MEMORY_PARAMETERS: proc(197, { ...dom, params: params(16), ...flags }, {}),
  DOMAIN_SET_SCHEDULER_PARAMETERS_FLAGS: proc(219, { ...dom, params: params(16), ...flags }, {}),
  DOMAIN_SET_BLOCK_IO_TUNE: proc(252, { ...dom, disk: string, params: params(32), ...flags }, {}),
  DOMAIN_SET_NUMA_PARAMETERS: proc(254, { ...dom, params: params(16), ...flags }, {}),
  DOMAIN_BLOCK_RESIZE: proc(251, { ...dom, disk: string, size: uhyper, ...flags }, {}),
  DOMAIN_GET_BLOCK_INFO: proc(
    194,
    { ...dom, path: string, ...flags },
    { allocation: uhyper, capacity: uhyper, physical: uhyper },
  ),
  DOMAIN_INTERFACE_ADDRESSES: proc(
    353,
    { ...dom, source: uint, ...flags },
    {
      ifaces: list(
        struct({
          name: string,
          hwaddr: optional(string),
          addrs: list(struct({ type: int, addr: string, prefix: uint }), 2048),
        }),
        2048,
      ),
    },
  ),
  DOMAIN_AGENT_SET_RESPONSE_TIMEOUT: proc(420, { ...dom, timeout: int, ...flags }, { result: int }),
};
