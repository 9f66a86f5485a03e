/** The report form with a map, previews and a memory; without this script it works step by step. */

import { keepDraft, restoreDraft } from "./report/draft.js";
import { showPhotos } from "./report/photos.js";
import { choosePlace } from "./report/place.js";
import { element } from "./map/words.js";

const root = document.getElementById("report");
const { jurisdiction, address } = root.dataset;
const words = document.getElementById("words").dataset;
const news = document.getElementById("news");

/** One of the words, with its values. @param {string} name @param {Record<string, unknown>} values */
const say = (name, values = {}) => (words[name] ?? "").replace(/\{(\w+)\}/g, (_, key) => String(values[key] ?? ""));

start();

function start() {
  document.getElementById("faults")?.focus();
  const place = document.getElementById("place-form");
  if (place) choosePlace(place, document.getElementById("map"), { jurisdiction, address, say, news });
  const services = document.getElementById("services");
  if (services) filterServices(document.getElementById("search-form"), services);
  const details = document.getElementById("details-form");
  if (details) addDetails(details);
}

/** Show, as one types, the services with all the words in them. */
function filterServices(form, list) {
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const nothing = element("p", { class: "note", hidden: "" }, say("noServices"));
  list.append(nothing);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.elements.namedItem("q").addEventListener("input", (event) => {
    const wanted = plain(event.target.value).split(/\s+/).filter(Boolean);
    let found = 0;
    for (const group of list.querySelectorAll("details")) {
      const rows = [...group.querySelectorAll("li")];
      for (const row of rows) row.hidden = !wanted.every((word) => row.dataset.words.includes(word));
      const shown = rows.filter((row) => !row.hidden).length;
      group.hidden = !shown;
      group.open = wanted.length > 0;
      found += shown;
    }
    nothing.hidden = found > 0;
  });
}

function addDetails(form) {
  const photos = showPhotos(form, say, news);
  restoreDraft(form, jurisdiction, say);
  form.addEventListener("input", () => keepDraft(form, jurisdiction));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form, photos);
  });
}

/** Send the form; the same key each time, so that it is filed once however often it is sent. */
async function send(form, photos) {
  const button = form.querySelector("button:not([type])");
  button.disabled = true;
  news.textContent = say("sending");
  try {
    const fields = new FormData(form);
    fields.delete("photo");
    for (const photo of photos()) fields.append("photo", photo);
    const answer = await fetch(form.action, { method: "POST", body: fields });
    if (answer.ok) return location.assign(answer.url);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const steps = page.getElementById("steps");
    if (!steps) throw new Error(`the server answered ${answer.status}`);
    document.getElementById("steps").replaceWith(steps);
    news.textContent = "";
    start();
  } catch {
    keepDraft(form, jurisdiction);
    news.textContent = say("offline");
    button.textContent = say("again");
    button.disabled = false;
  }
}
