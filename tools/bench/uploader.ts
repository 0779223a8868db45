import { openConnection } from "../../provider/adapters/client";
import { readAhead } from "../../provider/images/read-ahead";

/**
 * uploader.js URI POOL VOLUME IMAGE: connects, uploads, and prints the seconds that this took. A process of its own is as
 * cold as a deployment's.
 */
async function main([uri = "", pool = "", name = "", image = ""]: readonly string[]): Promise<void> {
  const started = performance.now();
  const connection = await openConnection({ uri });
  try {
    await connection.upload({ pool, name, key: "" }, readAhead(image), { sparse: true });
  } finally {
    await connection.close();
  }
  console.log((performance.now() - started) / 1000);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
