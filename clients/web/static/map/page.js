/** A municipality's map: hexagons that melt into points, filters, details, and what is new. */

import { createMap, hasWebGL, loadStyle, onColours } from "./basemap.js";
import { panel } from "./details.js";
import * as filters from "./filters.js";
import { draw } from "./legend.js";
import { follow } from "./live.js";
import { slider } from "./months.js";
import { search } from "./search.js";
import { element, settle, speaker } from "./words.js";

const root = document.getElementById("explorer");
const { jurisdiction, address, language } = root.dataset;
const say = speaker(root);
const form = document.getElementById("filters");
const [news, legend] = ["news", "legend"].map((id) => document.getElementById(id));
const chosenLanguage = () => (new URLSearchParams(location.search).has("lang") ? `?lang=${language}` : "");
const calm = matchMedia("(prefers-reduced-motion: reduce)");

let map;
let meaning;

start().catch((error) => {
  console.error(error);
  explain(say("map.failed"));
});

async function start() {
  if (!hasWebGL()) return explain(say("map.no_webgl"));
  const style = await loadStyle(jurisdiction, filters.toQuery(filters.read(form)));
  meaning = style.metadata["open311:legend"];
  const { bounds, center } = await view();
  map = await createMap(document.getElementById("map"), {
    style,
    address,
    hash: "map",
    center: center.slice(0, 2),
    zoom: center[2],
    maxBounds: grow(bounds),
    locale: {
      "Map.Title": say("map.map"),
      "NavigationControl.ZoomIn": say("map.zoom_in"),
      "NavigationControl.ZoomOut": say("map.zoom_out"),
      "AttributionControl.ToggleAttribution": say("map.sources"),
    },
  });
  globalThis.theMap = map; // for the curious, and for tests
  map.on("zoom", () => draw(legend, meaning, map.getZoom(), say));
  draw(legend, meaning, map.getZoom(), say);
  listen();
  search(document.getElementById("search"), jurisdiction, say, go);
  addShare();
  if (form) await addFilters();
}

/** Where the requests are. */
async function view() {
  const answer = await fetch(`/maps/${jurisdiction}/tiles/requests.json`);
  return answer.json();
}

/** Room around the bounds, so that what lies at the edge can be moved to the middle. */
function grow([west, south, east, north]) {
  const [wide, high] = [Math.max(1, east - west), Math.max(1, north - south)];
  return [Math.max(-180, west - wide), Math.max(-85, south - high), Math.min(180, east + wide), Math.min(85, north + high)];
}

function explain(sentence) {
  const box = document.getElementById("no-map");
  box.textContent = sentence;
  box.hidden = false;
}

function listen() {
  const details = panel(document.getElementById("details"), { jurisdiction, say, language, query: chosenLanguage });
  const near = (point) => [
    [point.x - 6, point.y - 6],
    [point.x + 6, point.y + 6],
  ];
  map.on("click", ({ point }) => {
    const found = map.queryRenderedFeatures(near(point)).filter((each) => ["requests", "hexes"].includes(each.sourceLayer));
    const request = found.find((each) => each.properties.service_request_id);
    const hexagon = map.queryRenderedFeatures(point).find((each) => each.properties.cell);
    if (request) details.showRequest(request.properties.service_request_id);
    else if (hexagon && !("discreet" in root.dataset)) details.showHexagon(hexagon.properties);
    else details.close();
  });
  map.on("mousemove", ({ point }) => {
    const found = map.queryRenderedFeatures(near(point)).some((each) => each.properties.cell || each.properties.service_request_id);
    map.getCanvas().style.cursor = found ? "pointer" : "";
  });
  map.on("moveend", settle(list, 400));
  document.querySelector("nav").addEventListener("focusin", keepView);
  document.querySelector("nav").addEventListener("pointerdown", keepView);
  addEventListener("keydown", (event) => event.key === "Escape" && details.close());
  onColours(async () => {
    const style = await loadStyle(jurisdiction, filters.toQuery(filters.read(form)));
    meaning = style.metadata["open311:legend"];
    map.setStyle(style, { diff: false });
    draw(legend, meaning, map.getZoom(), say);
  });
}

async function addFilters() {
  form.addEventListener("change", apply);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    apply();
  });
  form.querySelector("button").hidden = true;
  const services = Object.fromEntries(
    [...form.elements.namedItem("service_code").options].map((option) => [option.value, option.text]),
  );
  follow(jurisdiction, refresh, (request) => {
    const service = services[request.service_code] ?? request.service_code;
    news.textContent = say(request.new ? "map.new" : "map.changed", { service });
  });
  const answer = await fetch(`/maps/${jurisdiction}/summary.json`);
  if (!answer.ok) return;
  slider(document.getElementById("months"), (await answer.json()).months, say, (first, last) => {
    filters.setPeriod(form, first, last);
    apply();
  });
}

/** Show what the form says. */
function apply() {
  const chosen = filters.read(form);
  filters.keep(chosen);
  const query = filters.toQuery(chosen);
  for (const name of ["requests", "hexes"])
    map.getSource(name).setUrl(`${location.origin}/maps/${jurisdiction}/tiles/${name}.json${query && "?"}${query}`);
  list();
}

/** Ask for the tiles anew; the old ones stay until the new are there. */
function refresh() {
  for (const name of ["requests", "hexes"]) map.refreshTiles(name);
  list();
}

let listing;

/** The list below shows what the map shows: the same page, as the server writes it. */
async function list() {
  listing?.abort();
  listing = new AbortController();
  const bounds = map.getBounds();
  const box = [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
  const query = new URLSearchParams(location.search);
  query.set("bbox", box.map((degrees) => degrees.toFixed(5)).join(","));
  try {
    const answer = await fetch(`?${query}`, { signal: listing.signal });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.getElementById("listed").replaceWith(page.getElementById("listed"));
    document.getElementById("list-hint").hidden = false;
  } catch {
    // another list is asked for already, or the network is away: what is there stays
  }
}

/** Move to a place that was searched for. */
function go({ lat, long, kind }) {
  const zoom = ["address", "ward", "suburb", "township"].includes(kind) ? 15 : 13;
  map[calm.matches ? "jumpTo" : "flyTo"]({ center: [long, lat], zoom });
  map.getCanvas().focus();
}

/** Who changes the language keeps filters and view. */
function keepView() {
  for (const link of document.querySelectorAll("nav a[hreflang]")) {
    const url = new URL(location.href);
    url.searchParams.set("lang", link.hreflang);
    link.href = url;
  }
}

function addShare() {
  const button = element("button", { type: "button", class: "share" }, say("map.share"));
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(location.href);
    news.textContent = say("map.copied");
  });
  root.querySelector(".top").append(button);
}
