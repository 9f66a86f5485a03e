/** A slider over the months in which something was reported, and a button that plays them. */

import { element } from "./words.js";

const STEP_MS = 1200;

/**
 * @param {HTMLElement} box @param {{month: string, count: number}[]} months
 * @param {(key: string, values?: object) => string} say
 * @param {(start: string, end: string) => void} choose called with the first and last day, or two blanks
 */
export function slider(box, months, say, choose) {
  if (months.length < 2) return;
  const label = element("label", { for: "month" }, say("map.month"));
  const range = element("input", { id: "month", type: "range", min: "0", max: String(months.length), value: "0" });
  const shown = element("output", { for: "month" });
  const play = element("button", { type: "button" }, say("map.play"));
  let timer = 0;

  function tell() {
    const month = months[Number(range.value) - 1];
    const text = month ? `${month.month} (${month.count.toLocaleString()})` : say("map.all_time");
    shown.textContent = text;
    range.setAttribute("aria-valuetext", text);
    return month;
  }

  function apply() {
    const month = tell()?.month;
    choose(month ? `${month}-01` : "", month ? lastDay(month) : "");
  }

  function stop() {
    clearInterval(timer);
    timer = 0;
    play.textContent = say("map.play");
  }

  play.addEventListener("click", () => {
    if (timer) return stop();
    play.textContent = say("map.stop");
    const next = () => {
      range.value = String((Number(range.value) % months.length) + 1);
      apply();
    };
    timer = setInterval(next, STEP_MS);
    next();
  });
  range.addEventListener("input", tell);
  range.addEventListener("change", () => {
    stop();
    apply();
  });
  box.replaceChildren(label, range, shown, play);
  box.hidden = false;
  tell();
}

/** @param {string} month as 2020-02 @returns {string} 2020-02-29 */
export function lastDay(month) {
  const [year, number] = month.split("-").map(Number);
  return new Date(Date.UTC(year, number, 0)).toISOString().slice(0, 10);
}
