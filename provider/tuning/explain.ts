import type { HostState } from "./capacity";
import { named, tooNear } from "./cost";
import { formatCpuSet } from "./cpu-set";
import type { Refusal } from "./feasibility";
import type { Request } from "./request";
import type { Found } from "./search";

function list(cpus: readonly number[]): string {
  return formatCpuSet(cpus) || "none";
}

/** What was chosen, cell by cell, and what it costs. */
export function explainChoice(state: HostState, request: Request, found: Found, kept: boolean): string[] {
  const lines = found.fits.map(({ state: cell, need, pick, floating, pages, devicePages, addedPages }, index) => {
    const own = pick.cpus.length > 0 ? [`owns CPUs ${list(pick.cpus)}`] : [];
    const float = floating.length > 0 ? [`floats over CPUs ${list(floating)}`] : [];
    const memory = [pages, ...devicePages].map((item) => `${item.count} pages of ${item.sizeKiB} KiB`).join(" and ");
    const added = addedPages > 0 ? [`of which ${addedPages} are added to the host's`] : [];
    return `guest cell ${index} (vCPUs ${list(need.vcpus)}) on host cell ${cell.cell.id}: ${[...own, ...float, memory, ...added].join(", ")}`;
  });
  const owned = new Set(found.fits.flatMap((fit) => fit.pick.cpus));
  const beside = state.ledger.claims
    .filter((claim) => claim.shared.some((cpu) => owned.has(cpu)))
    .map((claim) => claim.name);
  const near = tooNear(
    state,
    request,
    found.fits.map((fit) => fit.state.cell),
  );
  const terms = named(found.cost).filter((term) => term.value !== 0);
  return [
    ...(kept ? [whyThere(request)] : []),
    ...lines,
    ...(beside.length > 0
      ? [
          `${[...beside].sort().join(", ")} may float onto its CPUs; declare dedicatedCpus on the host to keep such guests off`,
        ]
      : []),
    ...(near.length > 0 ? [`shares a cell with ${near.join(", ")} of its group "${request.apart}"`] : []),
    ...(request.emulator === "housekeeping" && state.housekeeping.length === 0
      ? ["QEMU's own threads run on the guest's CPUs; declare housekeepingCpus on the host to take them off"]
      : []),
    terms.length > 0
      ? `cost: ${terms.map(({ name, value }) => `${name} ${Math.round(value * 100) / 100}`).join(", ")}`
      : "cost: 0 in every term",
  ];
}

/** Why a place that was known before was taken. */
function whyThere({ pinned, previous }: Request): string {
  if (pinned) return "is where its pins say";
  return previous?.suggested
    ? "goes where it was suggested: the hard rules hold there"
    : "stays where it is: the hard rules still hold";
}

/** Every fact that speaks against the guest, each once, and then what to do. */
export function explainRefusal(refusals: readonly Refusal[]): string[] {
  const facts = [...new Set(refusals.map((item) => item.fact))];
  const remedies = [...new Set(refusals.map((item) => item.remedy))];
  return [...facts, ...remedies.map((remedy) => `remedy: ${remedy}`)];
}
