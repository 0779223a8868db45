import { isPcie } from "./general";
import type { Inputs } from "./rows";
import { duplicates, entriesOf, fault, given, isMore, type MachineRule, type Nic, saysAll } from "./rule-entries";

type Hostdev = Inputs["hostDevices"][string];
const kinds = ["pci", "usb", "scsi", "mdev"] as const;
/** What only one kind of device has. */
const belongs: Readonly<Record<(typeof kinds)[number], readonly string[]>> = {
  pci: ["managed", "locality", "rom", "acpiIndex"],
  usb: ["startupPolicy", "guestReset"],
  scsi: ["readonly", "shareable"],
  mdev: ["display", "ramfb", "mdevFrom"],
};

/** PCI addresses that the inputs ask for, with the place that asks. */
export function pciDevicesOf({ hostDevices, nics }: Pick<Inputs, "hostDevices" | "nics">): [string, string][] {
  return [
    ...entriesOf<Hostdev>(hostDevices).map(([key, { pci }]) => [`hostDevices.${key}.pci`, pci] as const),
    ...entriesOf<Nic>(nics).map(([key, { hostdev }]) => [`nics.${key}.hostdev.address`, hostdev?.address] as const),
  ].flatMap(([at, address]): [string, string][] => (typeof address === "string" ? [[at, address]] : []));
}

/** Faults of the cell on whose bus a device is to hang. */
export function cellFaults(cell: unknown, at: string, kind: string, { machine, numa }: Inputs) {
  const cells = numa?.cells;
  return [
    ...(kind === "pci" || kind === "mdev" ? [] : [fault(at, "only a pci or mdev device hangs on a PCI bus")]),
    ...(isPcie(machine) ? [] : [fault(at, 'needs machine: "q35"')]),
    ...(cells === undefined || (Array.isArray(cells) && isMore(cell, cells.length - 1))
      ? [fault(at, `there is no cell ${cell} in numa.cells`)]
      : []),
  ];
}

export const hostdevRules: readonly MachineRule[] = [
  {
    needs: ["machine", "graphics"],
    check: (inputs) =>
      entriesOf<Hostdev>(inputs.hostDevices).flatMap(([key, device]) => {
        const at = `hostDevices.${key}`;
        const [kind, ...more] = kinds.filter((name) => device[name] !== undefined);
        if (kind === undefined) return [fault(at, `needs one of ${kinds.join(", ")}`)];
        if (more.length > 0) return [fault(at, `is both ${kind} and ${more.join(" and ")}; give one`)];
        const wrong = kinds
          .filter((other) => other !== kind)
          .flatMap((other) => given(device, belongs[other]).map((name) => [name, other]));
        return [
          ...wrong.map(([name, other]) => fault(`${at}.${name}`, `only a ${other} device has it`)),
          ...(device.display === true && Object.keys(inputs.graphics).length === 0 && saysAll(inputs)
            ? [fault(`${at}.display`, "needs graphics: there is nothing to show it on")]
            : []),
          ...(device.ramfb === true && device.display !== true ? [fault(`${at}.ramfb`, "needs display: true")] : []),
          ...(device.cell === undefined ? [] : cellFaults(device.cell, `${at}.cell`, kind, inputs)),
          ...(device.bootOrder !== undefined && kind === "mdev"
            ? [fault(`${at}.bootOrder`, "nothing is booted from a mediated device")]
            : []),
        ];
      }),
  },
  {
    needs: [],
    check: (inputs) => [
      ...duplicates(pciDevicesOf(inputs), "the device"),
      ...duplicates(
        entriesOf<Hostdev>(inputs.hostDevices).map(([key, { mdev }]) => [`hostDevices.${key}.mdev`, mdev]),
        "the mediated device",
      ),
      ...(["usb", "scsi"] as const).flatMap((kind) =>
        duplicates(
          entriesOf<Hostdev>(inputs.hostDevices).map(([key, { [kind]: device }]) => [
            `hostDevices.${key}.${kind}`,
            device && JSON.stringify(device),
          ]),
          "the device",
        ),
      ),
      ...duplicates(
        entriesOf<Hostdev>(inputs.hostDevices).map(([key, { ramfb }]) => [
          `hostDevices.${key}.ramfb`,
          ramfb === true || undefined,
        ]),
        "the frame buffer of the firmware",
      ),
    ],
  },
];
