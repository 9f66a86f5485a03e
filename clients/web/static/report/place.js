/** Where it is: on the map, by one's own position, or by a name. */

import { createMap, hasWebGL, library, loadStyle } from "../map/basemap.js";
import { element } from "../map/words.js";

/**
 * @param {HTMLFormElement} form @param {HTMLElement} box the map's
 * @param {{jurisdiction: string, address: string, say: Function, news: HTMLElement}} page
 */
export async function choosePlace(form, box, { jurisdiction, address, say, news }) {
  const field = (name) => form.elements.namedItem(name);
  const places = document.getElementById("places");
  let map;
  let marker;

  async function choose(lat, long, name = "") {
    field("lat").value = lat.toFixed(6);
    field("long").value = long.toFixed(6);
    news.textContent = say("chosen", { lat: lat.toFixed(5), long: long.toFixed(5) });
    if (map) {
      marker.setLngLat([long, lat]).addTo(map);
      map.easeTo({ center: [long, lat], zoom: Math.max(15, map.getZoom()) });
    }
    if (name) field("address_string").value = name;
  }

  const position = element("button", { type: "button" }, say("position"));
  position.addEventListener("click", () => {
    const failed = () => (news.textContent = say("noPosition"));
    if (!navigator.geolocation) return failed();
    const found = ({ coords }) => choose(coords.latitude, coords.longitude);
    navigator.geolocation.getCurrentPosition(found, failed, { enableHighAccuracy: true, timeout: 15_000 });
  });
  const tools = element("p", { class: "map-tools" }, position);
  form.querySelector("h2").after(tools);

  let asked = 0;
  let timer = 0;
  field("address_string").addEventListener("input", () => {
    field("lat").value = field("long").value = ""; // what is typed is another place now
    clearTimeout(timer);
    timer = setTimeout(ask, 400);
  });

  async function ask() {
    const number = (asked += 1);
    const wanted = field("address_string").value.trim();
    if (wanted.length < 3) return places.replaceChildren();
    const answer = await fetch(`/maps/${jurisdiction}/places.json?limit=5&q=${encodeURIComponent(wanted)}`);
    const found = answer.ok ? (await answer.json()).places : [];
    if (number !== asked) return;
    const rows = found.map((place) => {
      const button = element("button", { type: "button" }, place.name);
      button.addEventListener("click", () => {
        places.replaceChildren();
        choose(place.lat, place.long);
      });
      return button;
    });
    places.replaceChildren(...rows);
    news.textContent = rows.length ? say("places") : say("noPlaces");
  }

  if (!hasWebGL()) {
    news.textContent = say("noMap");
    return;
  }
  const [style, tiles] = await Promise.all([
    loadStyle(jurisdiction),
    fetch(`/maps/${jurisdiction}/tiles/requests.json`).then((answer) => answer.json()),
  ]);
  map = await createMap(box, { style, address, center: tiles.center.slice(0, 2), zoom: tiles.center[2] });
  const { Marker } = await library();
  marker = new Marker({ color: "#0b5cad", draggable: true });
  marker.on("dragend", () => choose(marker.getLngLat().lat, marker.getLngLat().lng));
  map.on("click", ({ lngLat }) => choose(lngLat.lat, lngLat.lng));
  const middle = element("button", { type: "button" }, say("middle"));
  middle.addEventListener("click", () => choose(map.getCenter().lat, map.getCenter().lng));
  tools.append(middle);
  globalThis.theMap = map; // for the curious, and for tests
  if (field("lat").value) choose(Number(field("lat").value), Number(field("long").value));
}
