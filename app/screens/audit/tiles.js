// Patches as tiles, one or two a card; a click on a tile tells the server its row.

const FOLLOWED_BELOW_PX = 640;
const drawn = new WeakMap();

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const home = parentElement.querySelector("section");
  const held = drawn.get(home) ?? {};
  held.tell = (row) => setTriggerValue("picked", { row, count: Date.now() });
  if (held.stamp !== data.stamp) {
    const before = held.stamp;
    held.stamp = data.stamp;
    home.style.setProperty("--side", `${data.side}px`);
    home.className = data.pairs ? "pairs" : "single";
    home.replaceChildren(...data.cards.map((card) => drawCard(card, data, held)));
    // Below a long list on a narrow screen, what was just chosen would be out of sight.
    if (before && data.followed && window.innerWidth < FOLLOWED_BELOW_PX) {
      home.getRootNode().host?.scrollIntoView({ block: "start", behavior: "smooth" });
    }
  }
  drawn.set(home, held);
}

function drawCard(card, data, held) {
  const tiles = card.tiles.map((tile) => drawTile(tile, held));
  if (!data.pairs) return tiles[0];
  const figure = element("figure", "card");
  const both = element("div", "both");
  both.append(...tiles);
  const said = element("figcaption");
  said.append(element("b", "", card.title), element("small", "", card.words));
  figure.append(said, both);
  return figure;
}

function drawTile(tile, held) {
  const button = element("button", "tile");
  button.type = "button";
  button.setAttribute("aria-label", `Look at patch ${tile.title}`);
  button.dataset.row = String(tile.row);
  button.addEventListener("click", () => held.tell(tile.row));
  const picture = element("span", "picture");
  if (tile.src) {
    const image = element("img");
    image.src = tile.src;
    image.alt = "";
    picture.append(image);
    picture.append(element("i"));
    if (tile.region) {
      const region = element("u");
      const [left, top, width, height] = tile.region;
      region.style.cssText = `left:${left}%;top:${top}%;width:${width}%;height:${height}%`;
      picture.append(region);
    }
  } else {
    picture.append(element("em", "", tile.missing || "no picture"));
  }
  button.append(picture);
  if (tile.label) button.append(element("b", tile.tone, tile.label));
  if (tile.why) button.append(element("small", "why", tile.why));
  for (const line of tile.lines) {
    const small = element("small", "", line);
    small.title = line;
    button.append(small);
  }
  return button;
}

function element(name, kind = "", text = "") {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  if (text) made.textContent = text;
  return made;
}
