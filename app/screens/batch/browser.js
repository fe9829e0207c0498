// The rows of a batch as a table or as a contact sheet: looked at by a click, picked by a box.

const drawn = new WeakMap();
const FIRST_WAIT_MS = 1000;
const FOLLOWED_BELOW_PX = 640;

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const home = parentElement.querySelector("section");
  const held = drawn.get(home) ?? { anchor: null, acts: [], count: 0, patience: FIRST_WAIT_MS };
  // A click that falls into a run of the page may not reach it: each is sent until it was heard,
  // at ever longer intervals, because what is sent begins a run anew.
  held.wait = () => {
    clearTimeout(held.again);
    held.again = setTimeout(() => held.acts.length && held.send(), (held.patience *= 2));
  };
  held.send = () => {
    setTriggerValue("acts", { acts: held.acts });
    held.wait();
  };
  held.tell = (what, value) => {
    held.count = Math.max(held.count + 1, Date.now());
    held.acts.push({ what, value, count: held.count });
    held.patience = FIRST_WAIT_MS;
    held.send();
  };
  held.shown = ({ row, heard = 0 } = {}) => {
    held.acts = held.acts.filter((act) => act.count > heard);
    if (held.acts.length) held.send();
    else held.patience = FIRST_WAIT_MS;
    mark(home, row);
  };
  held.draw = () => {
    if (held.stamp === data.stamp) return;
    held.stamp = data.stamp;
    held.picked = new Set(data.picked);
    held.order = data.rows.map((row) => row.at);
    const focused = path(home.getRootNode().activeElement);
    home.className = data.sheet ? "sheet" : "list";
    home.replaceChildren(data.sheet ? sheet(data, held) : table(data, held));
    if (focused) home.querySelector(focused)?.focus({ preventScroll: true });
  };
  if (!held.pressed) held.draw(); // what is being clicked stays until the click is done
  drawn.set(home, held);
  held.leaving?.abort();
  const leaving = (held.leaving = new AbortController());
  const heard = (name, hear, on = window, capture = false) =>
    on.addEventListener(name, hear, { capture, signal: leaving.signal });
  heard("pointerdown", () => (held.pressed = true), home);
  for (const end of ["pointerup", "pointercancel"]) {
    heard(end, () =>
      setTimeout(() => {
        held.pressed = false;
        held.draw();
        mark(home, looked(data.job));
      }),
    );
  }
  heard("nodelens-shown", (event) => {
    if (event.detail.job === data.job) held.shown(event.detail);
  });
  heard("keydown", (event) => key(event, held), window, true);
  mark(home, looked(data.job));
  if (held.acts.length) held.wait(); // what is heard comes apart, a moment later
  return () => {
    leaving.abort(); // or the window would keep every list that was ever left
    if (held.leaving === leaving) clearTimeout(held.again);
  };
}

// The keys of the buttons beside the list. Streamlit takes two presses within one run for one.
const STEPS = { j: 1, k: -1 };

function key(event, held) {
  const by = STEPS[event.key.toLowerCase()];
  if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.composedPath()[0];
  if (target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable=true]")) return;
  if (document.querySelector('[role="dialog"]')) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  held.tell("stepped", by);
}

// What the page shows now; until the page has said so of this batch, that is of another one.
function looked(job) {
  return window.nodelensShown?.job === job ? window.nodelensShown.row : undefined;
}

// The one that is looked at; it comes apart from the rows, which are too long to send at each step.
function mark(home, at) {
  for (const one of home.querySelectorAll("[data-at]")) {
    const is = one.dataset.at === String(at);
    one.classList.toggle("looked", is);
    one.setAttribute("aria-current", String(is));
    if (is) reveal(home, one);
  }
}

function reveal(home, one) {
  const head = home.querySelector("thead")?.offsetHeight ?? 0;
  const top = one.offsetTop - head;
  if (top < home.scrollTop) home.scrollTop = top;
  const bottom = one.offsetTop + one.offsetHeight;
  if (bottom > home.scrollTop + home.clientHeight) home.scrollTop = bottom - home.clientHeight;
}

// On a narrow screen the patch lies below the list.
function look(at, held) {
  held.tell("looked", at);
  if (window.innerWidth >= FOLLOWED_BELOW_PX) return;
  document.querySelector(".st-key-nl-viewer")?.scrollIntoView({ behavior: "smooth" });
}

// Where the keyboard stands, so that it stands there again in the list that is drawn anew.
function path(element) {
  if (element?.dataset?.head) return `[data-head="${element.dataset.head}"]`;
  if (element?.dataset?.box) return `[data-box="${element.dataset.box}"]`;
  const row = element?.closest?.("[data-at]");
  return row ? `[data-at="${row.dataset.at}"] .picture` : "";
}

function table(data, held) {
  const made = element("table");
  made.setAttribute("aria-label", data.name);
  const head = element("tr");
  head.append(element("th"));
  for (const column of data.columns) {
    const cell = element("th", column.kind);
    cell.scope = "col";
    if (column.sorts) {
      const button = element("button", "", column.title);
      button.type = "button";
      button.dataset.head = column.title;
      button.addEventListener("click", () => held.tell("sorted", column.title));
      if (column.sorted) {
        cell.setAttribute("aria-sort", column.sorted);
        button.append(element("span", "", column.sorted === "ascending" ? " ↑" : " ↓"));
      }
      cell.append(button);
    } else {
      cell.textContent = column.title;
    }
    head.append(cell);
  }
  const heads = element("thead");
  heads.append(head);
  const body = element("tbody");
  for (const row of data.rows) body.append(line(row, data, held));
  made.append(heads, body);
  return made;
}

function line(row, data, held) {
  const made = element("tr");
  made.dataset.at = String(row.at);
  made.addEventListener("click", () => look(row.at, held));
  const first = element("td");
  first.append(box(row, held));
  made.append(first);
  for (const column of data.columns) {
    const cell = element("td", column.kind);
    if (column.kind === "thumb") cell.append(picture(row, held));
    else cell.textContent = row.cells[column.title] ?? "";
    if (column.kind === "call") cell.classList.add(row.tone);
    cell.title = column.kind === "text" ? cell.textContent : "";
    made.append(cell);
  }
  return made;
}

function sheet(data, held) {
  const made = element("div", "tiles");
  for (const row of data.rows) {
    const tile = element("figure");
    tile.dataset.at = String(row.at);
    const button = picture(row, held);
    const said = element("figcaption");
    said.append(element("b", row.tone, `${row.sign} ${row.score}`));
    if (row.wrong) said.append(element("small", "wrong", row.wrong));
    tile.title = row.path;
    tile.append(button, box(row, held), said);
    made.append(tile);
  }
  return made;
}

function picture(row, held) {
  const button = element("button", "picture");
  button.type = "button";
  button.setAttribute("aria-label", `Look at ${row.path}, score ${row.score}`);
  button.addEventListener("click", (event) => {
    event.stopPropagation();
    look(row.at, held);
  });
  if (row.src) {
    const image = element("img");
    image.src = row.src;
    image.alt = "";
    image.loading = "lazy";
    button.append(image, element("i"));
  } else {
    button.append(element("em", "", "×"));
  }
  return button;
}

// Shift takes all from the last box to this one.
function box(row, held) {
  const label = element("label");
  const made = element("input");
  made.type = "checkbox";
  made.checked = held.picked.has(row.at);
  made.setAttribute("aria-label", `Pick ${row.path}`);
  made.dataset.box = String(row.at);
  label.addEventListener("click", (event) => event.stopPropagation());
  made.addEventListener("click", (event) => {
    const place = held.order.indexOf(row.at);
    const from = event.shiftKey && held.anchor !== null ? held.anchor : place;
    const between = held.order.slice(Math.min(from, place), Math.max(from, place) + 1);
    for (const at of between) made.checked ? held.picked.add(at) : held.picked.delete(at);
    held.anchor = place;
    for (const one of made.getRootNode().querySelectorAll("[data-box]")) {
      one.checked = held.picked.has(Number(one.dataset.box));
    }
    held.tell("picked", [...held.picked]);
  });
  label.append(made);
  return label;
}

function element(name, kind = "", text = "") {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  if (text) made.textContent = text;
  return made;
}
