// Keeps how a page is looked at in its URL, in place: a reload finds it, and Back does not count it.

export default function ({ data }) {
  const url = new URL(window.location.href);
  if (!url.pathname.endsWith(`/${data.page}`)) return;
  if (data.job && url.searchParams.get("job") !== data.job) return;
  for (const [name, value] of Object.entries(data.shown)) {
    if (value === "") url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  if (url.href !== window.location.href) window.history.replaceState(window.history.state, "", url);
  window.nodelensShown = data.shown;
  window.dispatchEvent(new CustomEvent("nodelens-shown", { detail: data.shown }));
}
