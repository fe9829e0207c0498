// Keeps in the URL what a page is set to, where Back does not count it, and tells other components.
// A list from which a pointer has chosen gives the keys back: it would take J, M and arrows as text.

function giveKeysBack({ target }) {
  if (!target.closest?.('[role="option"]')) return;
  setTimeout(() => {
    const held = document.activeElement;
    if (held?.matches('[role="combobox"][aria-expanded="false"]')) held.blur();
  }, 100);
}

export default function ({ data }) {
  document.addEventListener("pointerup", giveKeysBack, true);
  const url = new URL(window.location.href);
  if (!url.pathname.endsWith(`/${data.page}`)) return;
  if (data.job && url.searchParams.get("job") !== data.job) return;
  for (const [name, value] of Object.entries(data.values)) {
    if (value === "") url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  if (url.href !== window.location.href) window.history.replaceState(window.history.state, "", url);
  window.nodelensShown = { ...data.values, job: data.job, heard: data.heard };
  window.dispatchEvent(new CustomEvent("nodelens-shown", { detail: window.nodelensShown }));
}
