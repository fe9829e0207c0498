// Keeps in the URL what a page is set to, where Back does not count it, and tells other components.

export default function ({ data }) {
  const url = new URL(window.location.href);
  if (!url.pathname.endsWith(`/${data.page}`)) return;
  if (data.job && url.searchParams.get("job") !== data.job) return;
  for (const [name, value] of Object.entries(data.values)) {
    if (value === "") url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  if (url.href !== window.location.href) window.history.replaceState(window.history.state, "", url);
  window.nodelensShown = data.values;
  window.dispatchEvent(new CustomEvent("nodelens-shown", { detail: data.values }));
}
