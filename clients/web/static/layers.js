/** What a layer looks like: as vector tiles in MapLibre, as pictures in OpenLayers; addresses to copy. */

import { createMap, hasWebGL, loadStyle } from "./map/basemap.js";

const HERE = new URL(".", import.meta.url);
const form = document.getElementById("preview");
const boxes = { tiles: document.getElementById("tiles"), pictures: document.getElementById("pictures") };
const { root, jurisdiction, address } = form.dataset;
const bounds = form.dataset.bounds.split(",").map(Number);

let tiles, pictures;

form.addEventListener("change", show);
for (const button of document.querySelectorAll("button[data-copy]"))
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  });
if (!hasWebGL()) form.elements.how.value = "pictures";
form.hidden = false;
await show();

async function show() {
  const { layer, how } = form.elements;
  for (const [name, box] of Object.entries(boxes)) box.hidden = name !== how.value;
  if (how.value === "tiles") await showTiles(layer.value);
  else await showPictures(layer.value);
}

async function showTiles(layer) {
  const style = await loadStyle(jurisdiction, "", layer);
  if (tiles) return tiles.setStyle(style);
  tiles = await createMap(boxes.tiles, { style, address, bounds, fitBoundsOptions: { padding: 20 } });
  globalThis.theMap = tiles; // for the curious, and for tests
}

/** Where the maps are, whatever host the page was reached at. */
function local(path) {
  return location.origin + root.slice(address.length) + path;
}

async function showPictures(layer) {
  pictures ??= await openPictures();
  pictures.getLayers().item(0).getSource().updateParams({ LAYERS: layer });
}

async function openPictures() {
  await load("vendor/ol.js");
  const { ol } = globalThis;
  const source = new ol.source.ImageWMS({ url: local("/wms"), params: { LAYERS: "" } });
  const map = new ol.Map({
    target: boxes.pictures,
    layers: [new ol.layer.Image({ source })],
    view: new ol.View(),
  });
  const extent = ol.proj.transformExtent(bounds, "EPSG:4326", "EPSG:3857");
  map.getView().fit(extent, { padding: [20, 20, 20, 20] });
  globalThis.thePictures = map;
  return map;
}

function load(name) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL(name, HERE).href;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${name} did not load`));
    document.head.append(script);
  });
}
