/** A map of a municipality: its style, its tiles, and nothing from any other host. */

const HERE = new URL(".", import.meta.url);
const DARK = matchMedia("(prefers-color-scheme: dark)");

/** Whether this browser can draw maps at all. */
export function hasWebGL() {
  const canvas = document.createElement("canvas");
  return Boolean(canvas.getContext("webgl2") || canvas.getContext("webgl"));
}

let loading;

/** The library, loaded when the first map is wanted. */
export function library() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("../vendor/maplibre-gl.js", HERE).href;
    script.onload = () => {
      globalThis.maplibregl.setWorkerUrl(new URL("../vendor/maplibre-gl-worker.js", HERE).href);
      resolve(globalThis.maplibregl);
    };
    script.onerror = () => reject(new Error("the map library did not load"));
    document.head.append(script);
  });
  return loading;
}

/** The path of one of our own addresses, whatever host the page was reached at. */
function local(url, address) {
  return address && url.startsWith(address) ? location.origin + url.slice(address.length) : url;
}

/**
 * A style of a municipality in the colours that the reader prefers; `query` filters its requests.
 * @param {string} jurisdiction @param {string} query
 * @param {string} layer the only one to be shown; all, if none is named
 */
export async function loadStyle(jurisdiction, query = "", layer = "") {
  const theme = DARK.matches ? "dark" : "light";
  const answer = await fetch(`/maps/${jurisdiction}/styles/${layer || theme}.json?theme=${theme}`);
  if (!answer.ok) throw new Error(`the style is not there: ${answer.status}`);
  const style = await answer.json();
  for (const name of ["requests", "hexes"])
    if (query && style.sources[name]) style.sources[name].url += `?${query}`;
  return style;
}

/**
 * A map in an element.
 * @param {HTMLElement} container
 * @param {{style: object, address?: string, language?: string} & Record<string, unknown>} options
 */
export async function createMap(container, { address = "", ...options }) {
  const { Map, NavigationControl, AttributionControl } = await library();
  container.hidden = false;
  const map = new Map({
    container,
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    maxZoom: 19,
    // asked each time, so what changed shows at once; what did not is an answer without a body
    transformRequest: (url, kind) => ({
      url: local(url, address),
      ...(kind === "Tile" && { cache: "no-cache" }),
    }),
    ...options,
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new NavigationControl({ showCompass: false }), "top-right");
  map.addControl(new AttributionControl({ compact: true }), "bottom-right");
  return map;
}

/** Call with a new style whenever the reader changes from light to dark or back. */
export function onColours(call) {
  DARK.addEventListener("change", call);
}
