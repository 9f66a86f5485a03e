/** The words of the page in its reader's language, as the server wrote them into it. */

/**
 * @param {HTMLElement} root the element whose `data-words` holds them
 * @returns {(key: string, values?: Record<string, string | number>) => string}
 */
export function speaker(root) {
  const words = JSON.parse(root.dataset.words || "{}");
  return (key, values = {}) =>
    (words[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/**
 * An element with text or children.
 * @param {string} name @param {Record<string, string>} attributes @param {...(Node | string)} children
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/**
 * Run once it has been quiet for a while, or has not been for long.
 * @param {() => void} call @param {number} ms @param {number} longest
 */
export function settle(call, ms, longest = Infinity) {
  let timer = 0;
  let since = 0;
  return () => {
    const now = performance.now();
    since ||= now;
    clearTimeout(timer);
    timer = setTimeout(
      () => {
        since = 0;
        call();
      },
      Math.max(0, Math.min(ms, since + longest - now)),
    );
  };
}
