// A verdict goes to the patch that its reader has seen. The server knows when it drew a patch, not
// when the browser showed it; on a slow line a key meant for one patch would reach the next. So a
// key passes only when this patch has been on the screen for a moment, and once for each patch.
(() => {
  if (window.nodelensKeys) return;
  window.nodelensKeys = true;
  const LOOKED_MS = $LEAST_MS;
  const ANSWERED_MS = 10000; // nothing came of it: the key may be pressed again
  const VERDICTS = { t: "verdict-T", n: "verdict-N", x: "verdict-X", k: "keep" };
  const MOVES = { u: "undo", l: "later", e: "earlier" };
  const works = (name) => document.querySelector(`.st-key-${name} button:enabled`) !== null;
  let token = null;
  let since = 0;
  let pressed = null;
  let pressedAt = 0;
  const drawn = () => document.querySelector("[data-drawn]")?.dataset.drawn ?? null;
  const look = () => {
    if (drawn() === token) return;
    token = drawn();
    since = performance.now();
  };
  new MutationObserver(look).observe(document.body, {
    subtree: true, childList: true, attributes: true, attributeFilter: ["data-drawn"],
  });
  look();
  const waiting = () => {
    if (pressed === null || pressed !== token) return false;
    return performance.now() - pressedAt < ANSWERED_MS;
  };
  const stop = (event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
    const note = document.querySelector(".nl-read-soon");
    if (!note) return;
    note.hidden = false;
    clearTimeout(window.nodelensSoon);
    window.nodelensSoon = setTimeout(() => { note.hidden = true; }, 1200);
  };
  const gate = (event, verdict) => {
    look();
    if (token === null) return;
    if (waiting() || (verdict && performance.now() - since < LOOKED_MS)) {
      stop(event);
      return;
    }
    pressed = token;
    pressedAt = performance.now();
  };
  window.addEventListener("keydown", (event) => {
    if (event.target.closest?.("input, textarea, [contenteditable=true]")) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    if (VERDICTS[key] && works(VERDICTS[key])) gate(event, true);
    else if (MOVES[key] && works(MOVES[key])) gate(event, false);
  }, true);
  window.addEventListener("click", (event) => {
    if (!event.isTrusted) return; // a key that has passed
    if (event.target.closest?.(".st-key-nl-verdicts button")) gate(event, true);
    else if (event.target.closest?.(".st-key-undo button, .st-key-later button")) gate(event, false);
  }, true);
})();
