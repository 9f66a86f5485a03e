/** What is known of the hexagon or request that was chosen. */

import { element } from "./words.js";

/**
 * @param {HTMLElement} box
 * @param {{jurisdiction: string, say: Function, language: string, query: () => string}} page
 */
export function panel(box, page) {
  const { say, jurisdiction } = page;
  let asked = 0;

  function close() {
    asked += 1;
    box.hidden = true;
    box.replaceChildren();
  }

  function show(...children) {
    const button = element("button", { type: "button", class: "close", "aria-label": say("map.close") }, "\u00d7");
    button.addEventListener("click", close);
    box.replaceChildren(button, ...children);
    box.hidden = false;
  }

  async function ask(url) {
    const number = (asked += 1);
    const answer = await fetch(url);
    const told = answer.ok ? await answer.json() : null;
    return number === asked ? told : null;
  }

  /** A hexagon: what the tile says at once, and its services as soon as they are there. */
  async function showHexagon({ cell, count, open, median_days }) {
    const facts = [
      element("h2", {}, say("map.hexagon", { count: count.toLocaleString() })),
      element("p", {}, say("map.still_open", { count: open.toLocaleString() })),
    ];
    if (median_days !== undefined) facts.push(element("p", {}, say("map.median", { days: median_days })));
    show(...facts);
    const told = await ask(`/maps/${jurisdiction}/h3/cells/${cell}.json`);
    if (!told?.services.length) return;
    const rows = told.services
      .slice(0, 5)
      .map((each) => element("li", {}, `${each.service_name}: ${each.count.toLocaleString()}`));
    show(...facts, element("h3", {}, say("map.top")), element("ol", {}, ...rows));
  }

  /** A request, as the API tells it to everybody. */
  async function showRequest(id) {
    const found = await ask(`/open311/${jurisdiction}/v2/requests/${encodeURIComponent(id)}.json`);
    if (!found?.[0]) return;
    const [request] = found;
    const day = new Date(request.requested_datetime).toLocaleDateString(page.language);
    const parts = [
      element("h2", {}, request.service_name),
      element(
        "p",
        {},
        element("span", { class: `state ${request.status}` }, say(`map.${request.status}`)),
        ` ${day}`,
      ),
    ];
    if (request.address) parts.push(element("p", {}, request.address));
    if (request.description) parts.push(element("p", { class: "words" }, request.description));
    const photo = small(request.media_url);
    if (photo) parts.push(element("img", { src: photo, alt: request.service_name, loading: "lazy" }));
    const link = `/${jurisdiction}/requests/${encodeURIComponent(id)}${page.query()}`;
    parts.push(element("p", {}, element("a", { href: link }, say("map.follow"))));
    show(...parts);
  }

  return { close, showHexagon, showRequest };
}

/** The small picture of one of our own photos; others are not loaded. */
function small(url) {
  const path = url && new URL(url, location.href).pathname;
  return path?.startsWith("/media/") ? path.replace(/(\.\w+)$/, "-small$1") : null;
}
