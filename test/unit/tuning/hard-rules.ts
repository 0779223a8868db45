import type { Placement } from "../../../provider/tuning/placement";
import type { Claim, HostLimits, Request } from "../../../provider/tuning/request";
import type { HostTopology } from "../../../provider/tuning/topology";

/** What a set of guests was placed on. */
export interface Case {
  readonly host: HostTopology;
  readonly limits: HostLimits;
  readonly claims: readonly Claim[];
  readonly requests: readonly Request[];
}

/**
 * The hard rules of placement, written down a second time: nothing here comes from the planner but its types. Answers
 * what is broken, in words.
 */
export function brokenRules(given: Case, placements: readonly Placement[]): string[] {
  const { requests } = given;
  const faults =
    requests.length === placements.length ? [] : [`${placements.length} answers to ${requests.length} requests`];
  const pairs = requests.flatMap((request, index) => {
    const answer = placements[index];
    return answer ? [{ request, answer }] : [];
  });
  for (const { request, answer } of pairs) {
    const own = answer.fits ? fitting(given, request, answer) : refused(answer);
    faults.push(...own.map((fault) => `${request.name}: ${fault}`));
  }
  const placed = pairs.filter(({ answer }) => answer.fits);
  return [...faults, ...cpuRules(given, placed), ...pageRules(given, placed), ...deviceRules(given, placed)];
}

type Pair = { readonly request: Request; readonly answer: Placement };

function refused({ explain, owned, vcpus }: Placement): string[] {
  const facts = explain.filter((line) => !line.startsWith("remedy: "));
  return [
    ...(facts.length === 0 ? ["refused without a fact"] : []),
    ...(facts.length === explain.length ? ["refused without a remedy"] : []),
    ...(owned.length + vcpus.length > 0 ? ["refused and yet given CPUs"] : []),
  ];
}

/** CPUs that share a core, by each of them. */
function coresOf(host: HostTopology): Map<number, readonly number[]> {
  return new Map(
    host.cells.flatMap(({ cpus }) => cpus.map((cpu) => [cpu.id, [...new Set([cpu.id, ...cpu.siblings])]] as const)),
  );
}

function ownersAmong(request: Request): number[] {
  const all = Array.from({ length: request.maxVcpus }, (_, vcpu) => vcpu);
  if (request.policy === "shared") return [];
  return request.policy === "dedicated" ? all : all.filter((vcpu) => request.dedicatedVcpus?.includes(vcpu));
}

function fitting({ host, limits }: Case, request: Request, answer: Placement): string[] {
  const faults: string[] = [];
  const rule = (holds: boolean, fault: string) => void (holds || faults.push(fault));
  const cores = coresOf(host);
  const { vcpus, owned, topology } = answer;
  rule(answer.explain.length > 0, "placed without a word");
  rule(vcpus.length === request.maxVcpus, `${vcpus.length} sets for ${request.maxVcpus} vCPUs`);
  rule(
    vcpus.every((cpus) => cpus.length > 0),
    "a vCPU without CPUs",
  );
  rule(
    [...vcpus.flat(), ...owned, ...answer.emulator].every((cpu) => cores.has(cpu)),
    "a CPU that is not online",
  );
  rule(answer.emulator.length > 0, "QEMU's own threads have no CPU");
  rule(answer.iothreads.length === request.iothreads, "not as many IOThreads as asked");
  rule(
    answer.iothreads.every((cpus) => cpus.length > 0),
    "an IOThread without CPUs",
  );
  const pinned = ownersAmong(request).map((vcpu) => vcpus[vcpu] ?? []);
  rule(
    pinned.every((cpus) => cpus.length === 1),
    "a vCPU that should own a CPU has a set",
  );
  const expected = [...pinned.flat(), ...(request.emulator === "isolate" ? answer.emulator : [])].sort((a, b) => a - b);
  rule(expected.join() === owned.join(), `owns ${owned}, but its pins are ${expected}`);
  rule(
    owned.every((cpu) => !limits.housekeeping.includes(cpu)),
    "owns a housekeeping CPU",
  );
  rule(
    owned.every((cpu) => limits.dedicated?.includes(cpu) ?? true),
    "owns a CPU off the dedicated set",
  );
  if (request.smt === "isolate") {
    rule(
      new Set(owned.map((cpu) => Math.min(...(cores.get(cpu) ?? [])))).size === owned.length,
      "two of its CPUs on one core",
    );
  }
  const product = topology
    ? topology.sockets * topology.dies * topology.clusters * topology.cores * topology.threads
    : 0;
  rule(product === request.maxVcpus, `a topology of ${product} vCPUs`);
  if (topology && topology.threads > 1) {
    const together = vcpus.every(([cpu = -1], vcpu) => {
      const first = vcpus[vcpu - (vcpu % topology.threads)]?.[0] ?? -1;
      return cores.get(first)?.includes(cpu);
    });
    rule(together, "threads of the guest that are no siblings");
  }
  if (answer.cells.length === 0) return faults;
  rule(new Set(answer.cells).size === answer.cells.length, "two guest cells in one host cell");
  rule(
    answer.guestCells
      .flatMap((cell) => cell.vcpus)
      .sort((a, b) => a - b)
      .join() === vcpus.map((_, id) => id).join(),
    "guest cells do not hold each vCPU once",
  );
  rule(
    answer.guestCells.reduce((sum, cell) => sum + cell.memoryKiB, 0) === request.memoryKiB,
    "guest cells do not hold the memory",
  );
  for (const [index, id] of answer.cells.entries()) {
    const inside = new Set(host.cells.find((cell) => cell.id === id)?.cpus.map((cpu) => cpu.id));
    const guest = answer.guestCells[index];
    const pages = answer.pages[index];
    rule(
      guest?.vcpus.every((vcpu) => vcpus[vcpu]?.every((cpu) => inside.has(cpu))) ?? false,
      `a vCPU outside of its cell ${id}`,
    );
    rule(pages?.cell === id, `pages of cell ${pages?.cell} for a guest cell in ${id}`);
    const bytes = (pages?.count ?? 0) * (pages?.sizeKiB ?? 0);
    const small = (pages?.sizeKiB ?? 0) <= 64;
    rule(
      small ? bytes >= (guest?.memoryKiB ?? 0) : bytes === guest?.memoryKiB,
      `${bytes} KiB of pages for ${guest?.memoryKiB} KiB`,
    );
    if (typeof request.pages === "number") rule(pages?.sizeKiB === request.pages, "pages of another size than asked");
    if (request.pages === "large") rule(!small, "ordinary pages instead of huge ones");
  }
  const far = request.devices.filter(
    (device) => device.locality === "required" && !answer.cells.includes(device.cell ?? -1),
  );
  rule(
    far.every(({ cell }) => cell === undefined && host.cells.length === 1),
    "a required device is not local",
  );
  return faults;
}

function cpuRules({ host, claims }: Case, placed: readonly Pair[]): string[] {
  const faults: string[] = [];
  const owners = [
    ...claims.filter(({ name }) => !placed.some(({ request }) => request.name === name)),
    ...placed.map(({ request, answer }) => ({ name: request.name, owned: answer.owned, smt: request.smt })),
  ];
  const by = new Map<number, { name: string; smt?: string | undefined }[]>();
  for (const owner of owners) for (const cpu of owner.owned) by.set(cpu, [...(by.get(cpu) ?? []), owner]);
  const names = new Set(placed.map(({ request }) => request.name));
  for (const [cpu, list] of by) {
    if (list.length > 1 && list.some(({ name }) => names.has(name)))
      faults.push(`CPU ${cpu} has ${list.length} owners`);
  }
  for (const [cpu, siblings] of coresOf(host)) {
    for (const owner of by.get(cpu) ?? []) {
      const beside = siblings
        .flatMap((id) => by.get(id) ?? [])
        .filter(({ name }) => name !== owner.name && (names.has(name) || names.has(owner.name)));
      const whole = owner.smt !== undefined && owner.smt !== "any";
      if (whole && beside.length > 0) faults.push(`CPU ${cpu}: ${owner.name} shares its core with ${beside[0]?.name}`);
    }
  }
  for (const { request, answer } of placed) {
    const foreign = answer.vcpus.flat().filter((cpu) => by.get(cpu)?.some(({ name }) => name !== request.name));
    if (foreign.length > 0) faults.push(`${request.name} runs on CPUs ${[...new Set(foreign)]} of another`);
  }
  return faults;
}

function pageRules({ host, limits, claims }: Case, placed: readonly Pair[]): string[] {
  const others = claims.filter(({ name }) => !placed.some(({ request }) => request.name === name));
  return host.cells.flatMap((cell) =>
    cell.pages
      .filter(({ sizeKiB }) => sizeKiB > 64)
      .flatMap(({ sizeKiB, total }) => {
        const here = (list: readonly { cell: number; sizeKiB: number; count: number }[]) =>
          list.reduce((sum, item) => sum + (item.cell === cell.id && item.sizeKiB === sizeKiB ? item.count : 0), 0);
        const taken = here(placed.flatMap(({ answer }) => answer.pages));
        const left = total - here(limits.pageReserve) - here(others.flatMap(({ pages }) => pages));
        return taken > Math.max(0, left)
          ? [`cell ${cell.id}: ${taken} pages of ${sizeKiB} KiB given, ${left} there`]
          : [];
      }),
  );
}

function deviceRules({ claims }: Case, placed: readonly Pair[]): string[] {
  return placed.flatMap(({ request }, index) => {
    const others = [
      ...claims.filter(({ name }) => name !== request.name).flatMap(({ devices }) => devices),
      ...placed.slice(0, index).flatMap((other) => other.request.devices),
    ];
    const taken = request.devices.filter((device) =>
      others.some(
        ({ address, iommuGroup }) =>
          address === device.address || (iommuGroup !== undefined && iommuGroup === device.iommuGroup),
      ),
    );
    return taken.map(({ address }) => `${request.name}: device ${address} is another's, or of a group that is`);
  });
}
