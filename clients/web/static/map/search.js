/** Find a place by its name. */

import { element } from "./words.js";

/**
 * @param {HTMLFormElement} form with an input and a list
 * @param {string} jurisdiction @param {(key: string) => string} say
 * @param {(place: {lat: number, long: number, name: string, kind: string}) => void} choose
 */
export function search(form, jurisdiction, say, choose) {
  const [input, list] = [form.querySelector("input"), form.querySelector("ul")];

  function close() {
    list.hidden = true;
    list.replaceChildren();
  }

  let asked = 0;

  async function ask() {
    const number = (asked += 1);
    const answer = await fetch(`/maps/${jurisdiction}/places.json?limit=6&q=${encodeURIComponent(input.value)}`);
    const places = answer.ok ? (await answer.json()).places : [];
    if (number !== asked) return;
    const rows = places.map((place) => {
      const button = element("button", { type: "button" }, place.name, element("small", {}, ` ${place.municipality ?? ""}`));
      button.addEventListener("click", () => {
        close();
        input.value = place.name;
        choose(place);
      });
      return element("li", {}, button);
    });
    list.replaceChildren(...(rows.length ? rows : [element("li", {}, say("map.no_place"))]));
    list.hidden = false;
    list.querySelector("button")?.focus();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (input.value.trim()) ask();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    close();
    input.focus();
  });
  form.hidden = false;
}
