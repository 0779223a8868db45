import { domainProcedures } from "../../../provider/libvirt/procedures/domain";
import { hostProcedures } from "../../../provider/libvirt/procedures/host";
import { jobProcedures } from "../../../provider/libvirt/procedures/jobs";
import { networkProcedures } from "../../../provider/libvirt/procedures/network";
import { storageProcedures } from "../../../provider/libvirt/procedures/storage";

test("each procedure stands in one table: of two, the last would hold in silence", () => {
  const tables = [hostProcedures, domainProcedures, networkProcedures, storageProcedures, jobProcedures];
  const names = tables.flatMap((table) => Object.keys(table));
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});
