import { char, int, list, optional, string, uhyper, uint, uuid } from "../codec";
import { pool, proc, secret, volume } from "./define";

const flags = { flags: uint };
const onPool = { pool };
const onVolume = { vol: volume };

/** Storage pools, volumes and secrets. */
export const storageProcedures = {
  CONNECT_FIND_STORAGE_POOL_SOURCES: proc(75, { type: string, srcSpec: optional(string), ...flags }, { xml: string }),
  STORAGE_POOL_LOOKUP_BY_NAME: proc(84, { name: string }, onPool),
  STORAGE_POOL_DEFINE_XML: proc(77, { xml: string, ...flags }, onPool),
  STORAGE_POOL_CREATE_XML: proc(76, { xml: string, ...flags }, onPool),
  STORAGE_POOL_CREATE: proc(78, { ...onPool, ...flags }, {}),
  STORAGE_POOL_BUILD: proc(79, { ...onPool, ...flags }, {}),
  STORAGE_POOL_DESTROY: proc(80, onPool, {}),
  STORAGE_POOL_UNDEFINE: proc(82, onPool, {}),
  STORAGE_POOL_REFRESH: proc(83, { ...onPool, ...flags }, {}),
  STORAGE_POOL_GET_INFO: proc(87, onPool, { state: char, capacity: uhyper, allocation: uhyper, available: uhyper }),
  STORAGE_POOL_GET_XML_DESC: proc(88, { ...onPool, ...flags }, { xml: string }),
  STORAGE_POOL_GET_AUTOSTART: proc(89, onPool, { autostart: int }),
  STORAGE_POOL_SET_AUTOSTART: proc(90, { ...onPool, autostart: int }, {}),
  STORAGE_POOL_IS_ACTIVE: proc(154, onPool, { active: int }),
  STORAGE_POOL_IS_PERSISTENT: proc(155, onPool, { persistent: int }),
  STORAGE_POOL_LIST_ALL_VOLUMES: proc(
    282,
    { ...onPool, needResults: int, ...flags },
    { vols: list(volume, 16384), ret: uint },
  ),
  STORAGE_VOL_CREATE_XML: proc(93, { ...onPool, xml: string, ...flags }, onVolume),
  STORAGE_VOL_CREATE_XML_FROM: proc(125, { ...onPool, xml: string, clonevol: volume, ...flags }, onVolume),
  STORAGE_VOL_LOOKUP_BY_NAME: proc(95, { ...onPool, name: string }, onVolume),
  STORAGE_VOL_LOOKUP_BY_PATH: proc(97, { path: string }, onVolume),
  STORAGE_POOL_LOOKUP_BY_VOLUME: proc(86, onVolume, onPool),
  STORAGE_VOL_GET_XML_DESC: proc(99, { ...onVolume, ...flags }, { xml: string }),
  STORAGE_VOL_GET_PATH: proc(100, onVolume, { name: string }),
  STORAGE_VOL_RESIZE: proc(260, { ...onVolume, capacity: uhyper, ...flags }, {}),
  STORAGE_VOL_UPLOAD: proc(208, { ...onVolume, offset: uhyper, length: uhyper, ...flags }, {}),
  STORAGE_VOL_DOWNLOAD: proc(209, { ...onVolume, offset: uhyper, length: uhyper, ...flags }, {}),
  STORAGE_VOL_WIPE_PATTERN: proc(259, { ...onVolume, algorithm: uint, ...flags }, {}),
  STORAGE_VOL_DELETE: proc(94, { ...onVolume, ...flags }, {}),
  SECRET_LOOKUP_BY_UUID: proc(141, { uuid: uuid }, { secret }),
  SECRET_LOOKUP_BY_USAGE: proc(147, { usageType: int, usageID: string }, { secret }),
  SECRET_DEFINE_XML: proc(142, { xml: string, ...flags }, { secret }),
  SECRET_GET_XML_DESC: proc(143, { secret, ...flags }, { xml: string }),
  SECRET_UNDEFINE: proc(146, { secret }, {}),
};
