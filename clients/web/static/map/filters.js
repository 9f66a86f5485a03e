/** What is shown: service, status and period, in the form, in the page's address, and in queries. */

const NAMES = ["service_code", "status", "start_date", "end_date"];

/** @typedef {Record<string, string>} Chosen by the names of GeoReport's parameters */

/** What the form says. @param {HTMLFormElement | null} form @returns {Chosen} */
export function read(form) {
  if (!form) return {};
  const given = new FormData(form);
  return Object.fromEntries(NAMES.map((name) => [name, String(given.get(name) ?? "")]).filter(([, value]) => value));
}

/** Put a period into the form. @param {HTMLFormElement} form @param {string} start @param {string} end */
export function setPeriod(form, start, end) {
  form.elements.namedItem("start_date").value = start;
  form.elements.namedItem("end_date").value = end;
}

/** The query for tiles and hexagons; the last day is meant whole. @param {Chosen} chosen */
export function toQuery(chosen) {
  const query = new URLSearchParams(chosen);
  if (chosen.end_date) query.set("end_date", `${chosen.end_date}T23:59:59`);
  return query.toString();
}

/** Keep the filters in the address, so that it can be shared. @param {Chosen} chosen */
export function keep(chosen) {
  const url = new URL(location.href);
  for (const name of NAMES)
    if (chosen[name]) url.searchParams.set(name, chosen[name]);
    else url.searchParams.delete(name);
  history.replaceState(null, "", url);
}
