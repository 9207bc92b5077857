// Fails where the page grows beyond what it may weigh: gzip bytes of the first load's JavaScript, and of the builder's.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const assets = join(import.meta.dirname, "..", "dist", "assets");
const first = { names: [], bytes: 0, limit: 110_000 };
const builder = { names: [], bytes: 0, limit: 120_000 };
for (const name of readdirSync(assets)) {
  const isBuilder = /^builder-/.test(name);
  if (!name.endsWith(".js") && !isBuilder) continue; // the builder's CSS counts too
  const part = isBuilder ? builder : first;
  part.names.push(name);
  part.bytes += gzipSync(readFileSync(join(assets, name)), { level: 9 }).length;
}
let failed = false;
for (const [title, { names, bytes, limit }] of Object.entries({ first, builder })) {
  console.log(`${title}: ${(bytes / 1000).toFixed(1)} kB gzip of ${limit / 1000} (${names.join(", ")})`);
  failed ||= bytes > limit;
}
process.exit(failed ? 1 : 0);
