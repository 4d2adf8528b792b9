// Files of the API, saved by the browser under the API's own names.

import { send, unreachable } from "../api.js";
import { h } from "../dom.js";

const KEPT_MS = 60_000; // some browsers begin to read the file later

/** GET a file and save it. Throw ProblemError when the API refuses it, or the connection breaks. */
export async function saveFile(path, { query, signal }) {
  const response = await send("GET", path, { query, signal });
  const [, name] = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition"));
  const content = await response.blob().catch((error) => {
    throw signal.aborted ? error : unreachable();
  });
  const address = URL.createObjectURL(content);
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), KEPT_MS);
}
