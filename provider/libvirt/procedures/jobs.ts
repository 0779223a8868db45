import { int, list, opaque, optional, params, string, uhyper, uint } from "../codec";
import { checkpoint, domain, proc, snapshot } from "./define";

const flags = { flags: uint };
const dom = { dom: domain };
const parameters = { params: params(64) };
const cookieIn = { cookieIn: opaque(4194304) };
const cookieOut = { cookieOut: opaque(4194304) };

/** Snapshots, checkpoints, backups, block jobs, migration, launch security and throttle groups. */
export const jobProcedures = {
  DOMAIN_LIST_ALL_SNAPSHOTS: proc(
    274,
    { ...dom, needResults: int, ...flags },
    { snapshots: list(snapshot, 16384), ret: int },
  ),
  DOMAIN_SNAPSHOT_CREATE_XML: proc(185, { ...dom, xmlDesc: string, ...flags }, { snap: snapshot }),
  DOMAIN_SNAPSHOT_LOOKUP_BY_NAME: proc(189, { ...dom, name: string, ...flags }, { snap: snapshot }),
  DOMAIN_SNAPSHOT_GET_XML_DESC: proc(186, { snap: snapshot, ...flags }, { xml: string }),
  DOMAIN_SNAPSHOT_DELETE: proc(193, { snap: snapshot, ...flags }, {}),
  DOMAIN_REVERT_TO_SNAPSHOT: proc(192, { snap: snapshot, ...flags }, {}),
  DOMAIN_SNAPSHOT_CURRENT: proc(191, { ...dom, ...flags }, { snap: snapshot }),
  DOMAIN_SNAPSHOT_GET_PARENT: proc(244, { snap: snapshot, ...flags }, { snap: snapshot }),
  DOMAIN_LIST_ALL_CHECKPOINTS: proc(
    413,
    { ...dom, needResults: int, ...flags },
    { checkpoints: list(checkpoint, 16384), ret: int },
  ),
  DOMAIN_CHECKPOINT_CREATE_XML: proc(411, { ...dom, xmlDesc: string, ...flags }, { checkpoint }),
  DOMAIN_CHECKPOINT_LOOKUP_BY_NAME: proc(415, { ...dom, name: string, ...flags }, { checkpoint }),
  DOMAIN_CHECKPOINT_GET_XML_DESC: proc(412, { checkpoint, ...flags }, { xml: string }),
  DOMAIN_CHECKPOINT_DELETE: proc(417, { checkpoint, ...flags }, {}),
  DOMAIN_BACKUP_BEGIN: proc(421, { ...dom, backupXml: string, checkpointXml: optional(string), ...flags }, {}),
  DOMAIN_BACKUP_GET_XML_DESC: proc(422, { ...dom, ...flags }, { xml: string }),
  DOMAIN_GET_JOB_STATS: proc(298, { ...dom, ...flags }, { type: int, ...parameters }),
  DOMAIN_ABORT_JOB: proc(164, dom, {}),
  DOMAIN_GET_BLOCK_JOB_INFO: proc(
    238,
    { ...dom, path: string, ...flags },
    { found: int, type: int, bandwidth: uhyper, cur: uhyper, end: uhyper },
  ),
  DOMAIN_BLOCK_JOB_ABORT: proc(237, { ...dom, path: string, ...flags }, {}),
  DOMAIN_BLOCK_COMMIT: proc(
    290,
    { ...dom, disk: string, base: optional(string), top: optional(string), bandwidth: uhyper, ...flags },
    {},
  ),
  DOMAIN_GET_LAUNCH_SECURITY_INFO: proc(396, { ...dom, ...flags }, parameters),
  DOMAIN_SET_LAUNCH_SECURITY_STATE: proc(439, { ...dom, ...parameters, ...flags }, {}, { since: "8.0.0" }),
  DOMAIN_SET_THROTTLE_GROUP: proc(
    451,
    { ...dom, group: string, params: params(32), ...flags },
    {},
    { since: "11.2.0" },
  ),
  DOMAIN_DEL_THROTTLE_GROUP: proc(452, { ...dom, group: optional(string), ...flags }, {}, { since: "11.2.0" }),
  DOMAIN_MIGRATE_BEGIN3_PARAMS: proc(302, { ...dom, ...parameters, ...flags }, { ...cookieOut, xml: string }),
  DOMAIN_MIGRATE_PREPARE3_PARAMS: proc(
    303,
    { ...parameters, ...cookieIn, ...flags },
    { ...cookieOut, uriOut: optional(string) },
  ),
  DOMAIN_MIGRATE_PERFORM3_PARAMS: proc(
    305,
    { ...dom, dconnuri: optional(string), ...parameters, ...cookieIn, ...flags },
    cookieOut,
  ),
  DOMAIN_MIGRATE_FINISH3_PARAMS: proc(
    306,
    { ...parameters, ...cookieIn, ...flags, cancelled: int },
    { ...dom, ...cookieOut },
  ),
  DOMAIN_MIGRATE_CONFIRM3_PARAMS: proc(307, { ...dom, ...parameters, ...cookieIn, ...flags, cancelled: int }, {}),
};
