/** What was written, kept in the browser until it is filed: networks die, and batteries. */

import { element } from "../map/words.js";

const NEVER = ["form_key", "website", "photo", "lat", "long", "service_code", "address_string", "lang"];

/** @param {HTMLFormElement} form @param {string} jurisdiction */
export function keepDraft(form, jurisdiction) {
  const fields = [...new FormData(form)].filter(([name, value]) => !NEVER.includes(name) && typeof value === "string" && value);
  const service = form.elements.namedItem("service_code").value;
  const draft = { service, key: form.elements.namedItem("form_key").value, fields };
  localStorage.setItem(`report:${jurisdiction}`, JSON.stringify(draft));
}

/**
 * Put a draft of the same service back, with its key, and say so.
 * @param {HTMLFormElement} form @param {string} jurisdiction @param {(name: string) => string} say
 */
export function restoreDraft(form, jurisdiction, say) {
  const kept = localStorage.getItem(`report:${jurisdiction}`);
  if (!kept) return;
  const { service, key, fields } = JSON.parse(kept);
  if (service !== form.elements.namedItem("service_code").value || key === form.elements.namedItem("form_key").value) return;
  form.elements.namedItem("form_key").value = key;
  for (const [name, value] of fields) put(form.elements.namedItem(name), value);
  const forget = element("button", { type: "button" }, say("forget"));
  const note = element("p", { class: "note" }, `${say("draft")} `, forget);
  forget.addEventListener("click", () => {
    localStorage.removeItem(`report:${jurisdiction}`);
    location.reload();
  });
  form.prepend(note);
}

function put(field, value) {
  if (field instanceof RadioNodeList || field?.type === "checkbox") {
    for (const box of field instanceof RadioNodeList ? field : [field]) if (box.value === value) box.checked = true;
  } else if (field) field.value = value;
}
