import type { Chardev } from "./chardev";
import type { Inputs } from "./rows";
import { entriesOf, fault, type MachineRule, saysAll } from "./rule-entries";

/** Of four the first is kept for `console`. */
const extraIsaPorts = 3;

/** Rules of what the guest talks through. */
export const chardevRules: readonly MachineRule[] = [
  {
    needs: ["serials"],
    check: ({ serials }) =>
      entriesOf<Inputs["serials"][string]>(serials)
        .filter(([, { model }]) => model === "isa-serial")
        .slice(extraIsaPorts)
        .map(([key]) =>
          fault(
            `serials.${key}.model`,
            `ISA has room for ${extraIsaPorts} ports beside that of console; use model: "pci-serial"`,
          ),
        ),
  },
  {
    needs: [],
    check: ({ serials, consoles, redirdevs }) =>
      Object.entries({ serials, consoles, redirdevs }).flatMap(([map, devices]) =>
        entriesOf<{ source?: Chardev }>(devices).flatMap(([key, { source }]) => [
          ...(source?.type === "unix" && source.path === undefined
            ? [fault(`${map}.${key}.source.path`, "is required: libvirt names sockets of channels only")]
            : []),
          ...(source?.type === "spicevmc" && map !== "redirdevs"
            ? [fault(`${map}.${key}.source.type`, 'spicevmc is for channels and redirdevs; use "spiceport"')]
            : []),
        ]),
      ),
  },
  {
    needs: ["biosSerial", "console", "serials"],
    check: (inputs) => {
      const { biosSerial, console, serials } = inputs;
      return biosSerial && !console && Object.keys(serials).length === 0 && saysAll(inputs)
        ? [fault("biosSerial", "needs a serial port: console: true, or one of serials")]
        : [];
    },
  },
];
