/** What happens in the municipality, as it happens. */

import { settle } from "./words.js";

/** Other processes hear of a change a little later than the one that tells us. */
const AFTER_MS = 400;
const LONGEST_MS = 2000;

/**
 * @param {string} jurisdiction
 * @param {() => void} refresh called when tiles changed
 * @param {(request: {service_code: string, new: boolean}) => void} tell called for each request
 */
export function follow(jurisdiction, refresh, tell) {
  const later = settle(refresh, AFTER_MS, LONGEST_MS);
  const stream = new EventSource(`/maps/${jurisdiction}/live`);
  stream.addEventListener("request", (event) => {
    tell(JSON.parse(event.data));
    later();
  });
  for (const name of ["gone", "reset"]) stream.addEventListener(name, later);
  addEventListener("pagehide", () => stream.close());
}
