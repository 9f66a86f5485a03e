/** What the colours mean at the zoom that is shown. */

import { element } from "./words.js";

/**
 * @param {HTMLElement} box @param {object} meaning the style's `open311:legend`
 * @param {number} zoom @param {(key: string, values?: object) => string} say
 */
export function draw(box, meaning, zoom, say) {
  const rows = zoom >= meaning.points_from ? points(meaning, say) : hexagons(meaning, zoom, say);
  box.replaceChildren(...rows);
  box.hidden = false;
}

function points(meaning, say) {
  return ["open", "closed"].map((status) => {
    const mark = element("span", { class: `mark ${status}` });
    mark.style.setProperty("--colour", meaning[status]);
    return element("p", {}, mark, say(`map.${status}`));
  });
}

function hexagons(meaning, zoom, say) {
  const last = meaning.resolutions.length - 1;
  const { starts, colours } = meaning.hexes[meaning.resolutions[Math.min(last, Math.floor(zoom))]];
  const rows = labels(starts, say).map((label, number) => {
    const mark = element("span", { class: "mark fill" });
    mark.style.setProperty("--colour", colours[number]);
    return element("p", {}, mark, label);
  });
  return [element("h2", {}, say("map.legend_hexes")), ...rows];
}

function labels(starts, say) {
  const firsts = [1, ...starts];
  return firsts.map((first, number) => {
    const next = firsts[number + 1];
    if (next === undefined) return say("map.or_more", { number: first.toLocaleString() });
    return next - first === 1 ? `${first}` : `${first.toLocaleString()} \u2013 ${(next - 1).toLocaleString()}`;
  });
}
