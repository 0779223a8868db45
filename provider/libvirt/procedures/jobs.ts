import { int, list, optional, params, string, uhyper, uint } from "../codec";
import { checkpoint, domain, proc, snapshot } from "./define";

const flags = { flags: uint };
const dom = { dom: domain };
const parameters = { params: params(64) };

/** Snapshots, checkpoints, jobs, launch security and throttle groups. */
export const jobProcedures = {
  DOMAIN_LIST_ALL_SNAPSHOTS: proc(
    274,
    { ...dom, needResults: int, ...flags },
    { snapshots: list(snapshot, 16384), ret: int },
  ),
  DOMAIN_SNAPSHOT_GET_XML_DESC: proc(186, { snap: snapshot, ...flags }, { xml: string }),
  DOMAIN_LIST_ALL_CHECKPOINTS: proc(
    413,
    { ...dom, needResults: int, ...flags },
    { checkpoints: list(checkpoint, 16384), ret: int },
  ),
  DOMAIN_GET_JOB_STATS: proc(298, { ...dom, ...flags }, { type: int, ...parameters }),
  DOMAIN_GET_BLOCK_JOB_INFO: proc(
    238,
    { ...dom, path: string, ...flags },
    { found: int, type: int, bandwidth: uhyper, cur: uhyper, end: uhyper },
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
};
