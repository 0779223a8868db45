import { rmSync } from "node:fs";
import { stopLab } from "../../test/lab/lab";

// Ends what `npm run demo -- --keep` left: the last argument is the folder of the embedded host, the ones before it
// are what its stack keeps in files.
const [lab, ...files] = process.argv.slice(2).reverse();
if (lab === undefined) {
  console.error("usage: node -r ./tools/register.cjs tools/demo/stop.ts [FILE...] FOLDER");
  process.exitCode = 2;
} else {
  stopLab(lab);
  for (const file of files) rmSync(file, { recursive: true, force: true });
}
