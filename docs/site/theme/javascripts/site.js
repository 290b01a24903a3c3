// What the theme leaves out for people who use a keyboard or hear the page.
function complete() {
  const search = document.querySelector(".md-search[role=dialog]");
  if (search) search.setAttribute("aria-label", "Search");
  document.querySelectorAll(".md-code__nav").forEach((nav, place) => {
    nav.setAttribute("aria-label", `Code block ${place + 1}`);
  });
  // What scrolls can be reached from the keyboard, and nothing else takes a stop.
  document.querySelectorAll(".md-typeset pre > code, .md-typeset__scrollwrap").forEach((box) => {
    if (box.scrollWidth > box.clientWidth) box.setAttribute("tabindex", "0");
    else box.removeAttribute("tabindex");
  });
}

addEventListener("load", () => {
  complete();
  addEventListener("resize", complete);
});
