/** Where the municipalities of this installation are; each leads to its own map. */

import { createMap, hasWebGL, library, loadStyle } from "./basemap.js";
import { element } from "./words.js";

const box = document.getElementById("map");

if (hasWebGL()) start().catch(() => (box.hidden = true));

async function start() {
  const { jurisdictions } = await (await fetch("/maps/")).json();
  const cities = jurisdictions.filter((city) => city.center);
  if (!cities.length) return;
  const { LngLatBounds, Marker } = await library();
  const bounds = new LngLatBounds();
  for (const { center } of cities) bounds.extend(center);
  const map = await createMap(box, {
    style: await loadStyle(cities[0].jurisdiction_id, "", "boundaries"),
    address: box.dataset.address,
    bounds,
    fitBoundsOptions: { padding: 60, maxZoom: 8 },
    scrollZoom: false,
  });
  for (const { jurisdiction_id: id, name, center } of cities) {
    const link = element("a", { class: "city", href: `/${id}` }, name);
    new Marker({ element: link, anchor: "bottom" }).setLngLat(center).addTo(map);
    for (const name of ["role", "aria-label", "tabindex"]) link.removeAttribute(name); // it is a link
  }
  globalThis.theMap = map; // for the curious, and for tests
}
