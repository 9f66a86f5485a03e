/** Photos that are to be sent: seen before, taken out again, and none too large. */

import { element } from "../map/words.js";

const MEGABYTE = 1_048_576;

/**
 * @param {HTMLFormElement} form
 * @param {(name: string, values?: object) => string} say @param {HTMLElement} news
 * @returns {() => File[]} the photos as they are chosen now
 */
export function showPhotos(form, say, news) {
  const [input, list] = [form.elements.namedItem("photo"), document.getElementById("photos")];
  const most = Number(form.dataset.mostPhotos);
  const megabytes = Number(form.dataset.mostMegabytes);
  let chosen = [];

  input.addEventListener("change", () => {
    for (const file of input.files) {
      if (file.size > megabytes * MEGABYTE) news.textContent = say("large", { name: file.name, megabytes });
      else if (chosen.length < most) chosen.push(file);
    }
    input.value = "";
    draw();
  });

  function draw() {
    for (const old of list.querySelectorAll("img")) URL.revokeObjectURL(old.src);
    list.replaceChildren(
      ...chosen.map((file) => {
        const remove = element("button", { type: "button" }, say("remove", { name: file.name }));
        remove.addEventListener("click", () => {
          chosen = chosen.filter((each) => each !== file);
          draw();
          input.focus();
        });
        return element("li", {}, element("img", { src: URL.createObjectURL(file), alt: file.name }), remove);
      }),
    );
  }

  return () => chosen;
}
