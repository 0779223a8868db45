import { stopLab } from "../../test/lab/lab";

// Ends the embedded host that `npm run demo -- --keep` left running. The argument is its folder.
const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: node -r ./tools/register.cjs tools/demo/stop.ts FOLDER");
  process.exitCode = 2;
} else {
  stopLab(folder);
}
