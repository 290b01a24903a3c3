// Keys for those who want them; every page works without. g then a letter goes to a page; j and k move along a list,
// Enter opens its marked row; ? shows what there is. Nothing is decided by a key alone.
"use strict";
(() => {
  let going = false;
  const typing = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;
  const rows = () => Array.from(document.querySelectorAll("[data-row] a[data-open]"));

  const move = (step) => {
    const all = rows();
    if (all.length === 0) return;
    const here = all.indexOf(document.activeElement);
    const next = here < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(here + step, 0), all.length - 1);
    all[next].focus();
    all[next].closest("[data-row]").scrollIntoView({ block: "nearest" });
  };

  const press = (key) => {
    const target = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (target === null) return false;
    if (target.matches("input, textarea, select")) target.focus();
    else if (target.matches("details")) { target.open = true; (target.querySelector("textarea, input:not([type=hidden])") || target).focus(); }
    else target.click();
    return true;
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && typing(event.target)) { event.target.blur(); return; }
    if (typing(event.target)) return;
    if (going) {
      going = false;
      const goal = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
      if (goal !== null) { event.preventDefault(); goal.click(); }
      return;
    }
    if (event.key === "g") { going = true; window.setTimeout(() => { going = false; }, 1500); return; }
    if (event.key === "j" || event.key === "k") { event.preventDefault(); move(event.key === "j" ? 1 : -1); return; }
    if (press(event.key)) event.preventDefault();
  });
})();
