// Renews what is under way, in its place and without moving anything else. Without it the page has a link to load it again.
"use strict";
(() => {
  const EVERY = 3000;
  const parts = () => Array.from(document.querySelectorAll("[data-live]"));

  const renew = async () => {
    if (document.hidden || document.querySelector("details[open], textarea:focus, input:focus")) return;
    const answer = await fetch(window.location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of parts()) {
      const next = fresh.querySelector(`[data-live="${CSS.escape(part.dataset.live)}"]`);
      if (next === null || next.dataset.phase !== part.dataset.phase) { window.location.reload(); return; }
      part.replaceChildren(...next.childNodes);
    }
  };

  const again = () => window.setTimeout(() => renew().catch(() => {}).finally(again), EVERY);
  if (parts().length > 0) again();
})();
