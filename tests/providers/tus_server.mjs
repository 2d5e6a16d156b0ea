// A real tus server for tests: node tus_server.mjs PACKAGES FOLDER
// PACKAGES holds node_modules with @tus/server and @tus/file-store; what is uploaded is kept in FOLDER. Writes its port
// on a line of stdout, listens on loopback, and ends when its stdin does.

import http from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [packages, directory] = process.argv.slice(2);
const { resolve } = createRequire(join(packages, "package.json"));
const load = (name) => import(pathToFileURL(resolve(name)).href);
const [{ Server }, { FileStore }] = await Promise.all([load("@tus/server"), load("@tus/file-store")]);

const tus = new Server({ path: "/files", datastore: new FileStore({ directory }), lockDrainTimeout: 50 });
const server = http.createServer(tus.handle.bind(tus));
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit()).resume();
