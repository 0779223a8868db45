import { topologyOf } from "../../../provider/resources/host-topology";
import { parse } from "../../../provider/schema/tree";
import { coresOf, distanceBetween } from "../../../provider/tuning/topology";

const cpu = (id: number, siblings: string, core = id) =>
  `<cpu id='${id}' socket_id='0' die_id='0' core_id='${core}' siblings='${siblings}'/>`;
const host = (cells: string, cache = "") =>
  parse(`<capabilities><host><topology><cells>${cells}</cells></topology>${cache}</host></capabilities>`);

const smt = host(
  `<cell id='0'><memory unit='KiB'>1024</memory><pages unit='KiB' size='1048576'>2</pages>
   <pages unit='KiB' size='4'>256</pages>
   <distances><sibling id='0' value='10'/><sibling id='1' value='32'/></distances>
   <cpus num='4'>${cpu(0, "0,2")}${cpu(1, "1,3")}${cpu(2, "0,2", 0)}<cpu id='3'/></cpus></cell>
   <cell id='1'><memory unit='MiB'>3</memory><cpus num='0'/></cell>`,
  "<cache><bank id='0' level='2' cpus='0'/><bank id='0' level='3' cpus='0,2'/></cache>",
);

describe("topologyOf", () => {
  const topology = topologyOf(smt);
  const [near, far] = topology.cells;

  it("reads memory in its unit, pools in order, distances, and cells without CPUs", () => {
    expect(near).toMatchObject({
      memoryKiB: 1024,
      pages: [
        { sizeKiB: 4, total: 256 },
        { sizeKiB: 1048576, total: 2 },
      ],
    });
    expect(far).toMatchObject({ memoryKiB: 3072, cpus: [] });
    expect(near && far && distanceBetween(near, far)).toBe(32);
    expect(near && far && distanceBetween(far, near)).toBe(20);
  });

  it("leaves out CPUs that are off, as siblings too", () => {
    expect(topology.offline).toEqual([3]);
    expect(near && coresOf(near)).toEqual([[0, 2], [1]]);
  });

  it("groups by the last cache level, and by die where libvirt names no bank", () => {
    expect(topology.cacheGroups).toEqual([[0, 2], [1]]);
  });

  it("takes CPUs without any detail for cores of their own", () => {
    const plain = topologyOf(host("<cell id='0'><cpus num='2'><cpu id='0'/><cpu id='1'/></cpus></cell>"));
    expect(plain.offline).toEqual([]);
    expect(plain.cells.map(coresOf)).toEqual([[[0], [1]]]);
  });

  it.each([
    ["another document", parse("<domain/>"), /<domain> holds no host\/topology\/cells/],
    ["a negative id", host("<cell id='-1'/>"), /<cell>\/@id of the capabilities is "-1"/],
    ["an unknown unit", host("<cell id='0'><memory unit='X'>1</memory></cell>"), /unknown unit "X"/],
  ])("refuses %s", (_name, document, message) => {
    expect(() => topologyOf(document)).toThrow(message);
  });
});
