/** One request: its map, its link, how long such ones take, and what becomes of it. */

import { createMap, hasWebGL, library, loadStyle } from "./map/basemap.js";

const root = document.getElementById("request");
const { jurisdiction, id } = root.dataset;

showMap();
showUsual();
addShare();
follow();

async function showMap() {
  const box = document.getElementById("map");
  if (!box || !hasWebGL()) return;
  const center = [Number(box.dataset.long), Number(box.dataset.lat)];
  const style = await loadStyle(jurisdiction);
  const map = await createMap(box, { style, address: box.dataset.address, center, zoom: 15, scrollZoom: false });
  const { Marker } = await library();
  new Marker({ color: "#0b5cad" }).setLngLat(center).addTo(map);
}

/** Half of such reports near here took at most so many days, if enough are known. */
async function showUsual() {
  const box = document.getElementById("usual");
  if (!box) return;
  const { cell, service, words } = box.dataset;
  const resolution = parseInt(cell[1], 16); // the second digit of an H3 cell
  const answer = await fetch(`/maps/${jurisdiction}/h3/${resolution}.json?cells=${cell}&service_code=${encodeURIComponent(service)}`);
  const days = answer.ok && (await answer.json()).cells[0]?.median_days;
  if (days === false || days === null || days === undefined) return;
  box.textContent = words.replace("{days}", days);
  for (const each of [box, document.getElementById("usual-label")]) each.hidden = false;
}

function addShare() {
  const [button, link] = ["share", "link"].map((name) => document.getElementById(name));
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(link.value);
    document.getElementById("news").textContent = button.dataset.done;
  });
}

/** The same page again, as the server writes it now. */
function follow() {
  const stream = new EventSource(`/maps/${jurisdiction}/live`);
  stream.addEventListener("request", async (event) => {
    if (JSON.parse(event.data).service_request_id !== id) return;
    const answer = await fetch(location.href);
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.getElementById("request").replaceWith(page.getElementById("request"));
    const news = document.getElementById("news");
    news.textContent = news.dataset.changed;
    showUsual();
  });
  addEventListener("pagehide", () => stream.close());
}
