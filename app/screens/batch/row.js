// Tells the rows which one is looked at, and keeps that in the URL, where Back does not count it.

export default function ({ data }) {
  const url = new URL(window.location.href);
  if (url.searchParams.get("job") !== data.job) return;
  for (const [name, value] of Object.entries(data.shown)) {
    if (value === "") url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  if (url.href !== window.location.href) window.history.replaceState(window.history.state, "", url);
  window.nodelensRow = data.row;
  window.dispatchEvent(new CustomEvent("nodelens-row", { detail: data.row }));
}
