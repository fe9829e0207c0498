// A slide with its scores laid over it. The threshold moves here, without asking the server.

const LIBRARY = "tiles/openseadragon-6.1.1.js";
const [UNSCORED, SCORED, FAILED] = [0, 1, 2];
const [STATE, UNLIKE, TISSUE] = [7, 8, 16];
const COLOURS = [[0, 114, 178], [245, 240, 230], [213, 94, 0]];
const LEAST_GRID_PX = 9;
const KEYS = new Set(["r", "R", "f", "F"]); // of the library: turn and mirror

const drawn = new WeakMap();

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const home = parentElement.querySelector("section");
  const viewer = drawn.get(home) ?? new SlideViewer(home);
  drawn.set(home, viewer);
  viewer.tell = (what, value) => setTriggerValue(what, { value, count: Date.now() });
  viewer.show(data).catch((error) => viewer.say(`The viewer cannot start: ${error.message}`));
  return () => viewer.leave();
}

class SlideViewer {
  constructor(home) {
    this.home = home;
    this.canvas = home.querySelector(".over");
    this.part = (name) => home.querySelector(`[name="${name}"]`);
    this.layer = document.createElement("canvas");
    this.listen();
  }

  listen() {
    for (const name of ["scores", "mask", "grid", "outlines"]) {
      this.part(name).addEventListener("change", () => this.paint());
    }
    this.part("opacity").addEventListener("input", () => this.draw());
    this.part("threshold").addEventListener("input", () => {
      this.threshold = fromSlider(this.part("threshold").valueAsNumber, this.data.threshold);
      this.paint();
    });
    this.part("back").addEventListener("click", () => this.reset());
    this.part("in").addEventListener("click", () => this.zoom(1.6));
    this.part("out").addEventListener("click", () => this.zoom(1 / 1.6));
    this.part("whole").addEventListener("click", () => this.osd?.viewport.goHome());
    this.part("next").addEventListener("click", () => this.step(1));
    this.part("previous").addEventListener("click", () => this.step(-1));
    this.home.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    if (event.target.tagName === "INPUT" || event.ctrlKey || event.metaKey || event.altKey) return;
    const does = {
      n: () => this.step(1),
      p: () => this.step(-1),
      Enter: () => event.target.tagName !== "BUTTON" && this.choose(this.middle()),
    }[event.key];
    if (does) does();
  }

  async show(data) {
    const before = this.data;
    this.data = data;
    if (before?.address !== data.address) this.open(await library());
    if (before?.stamp !== data.stamp) await this.load();
    this.selected = data.selected;
    this.home.classList.toggle("unscored", !data.scored);
    if (before?.scored !== data.scored) this.part("mask").checked = !data.scored;
    this.paint();
    if (data.selected && !before) this.bring(data.selected);
  }

  open(OpenSeadragon) {
    const { data } = this;
    this.osd?.destroy();
    const stage = this.home.querySelector(".stage");
    this.osd = new OpenSeadragon.Viewer({
      element: stage,
      drawer: "canvas",
      showNavigationControl: false,
      showNavigator: true,
      navigatorPosition: "TOP_RIGHT",
      navigatorSizeRatio: 0.16,
      navigatorBackground: "#f3f3f3",
      animationTime: 0.35,
      springStiffness: 9,
      maxZoomPixelRatio: 4,
      minZoomImageRatio: 0.7,
      visibilityRatio: 0.5,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
      gestureSettingsTouch: { clickToZoom: false, dblClickToZoom: true },
      gestureSettingsPen: { clickToZoom: false },
      tileSources: {
        width: data.width,
        height: data.height,
        tileSize: data.tile,
        tileOverlap: 0,
        minLevel: data.first,
        maxLevel: data.last,
        getTileUrl: (level, x, y) => here(`${data.address}/${level}/${x}_${y}.jpg`),
      },
    });
    for (const event of ["open", "update-viewport", "resize"]) {
      this.osd.addHandler(event, () => this.draw());
    }
    this.osd.addHandler("open", () => this.selected && this.bring(this.selected));
    this.osd.addHandler("canvas-click", (event) => {
      if (event.quick) this.choose(this.cellAt(event.position));
    });
    this.osd.addHandler("canvas-key", (event) => {
      if (KEYS.has(event.originalEvent.key)) event.preventDefaultAction = true;
    });
    const canvas = stage.querySelector(".openseadragon-canvas");
    canvas?.setAttribute("aria-label", data.name);
  }

  async load() {
    const { rows, columns, address, stamp } = this.data;
    const answer = await fetch(here(`${address}/cells?${stamp}`));
    if (!answer.ok) throw new Error("the scores could not be fetched; reload the page");
    const bytes = await answer.arrayBuffer();
    const count = rows * columns;
    this.scores = new Float64Array(bytes, 0, count);
    this.codes = new Uint8Array(bytes, count * 8, count);
    this.order = [...this.scores.keys()].filter((at) => this.scores[at] >= 0);
    this.order.sort((one, other) => this.scores[other] - this.scores[one]);
    this.tissue = this.codes.reduce((sum, code) => sum + (code & TISSUE ? 1 : 0), 0);
    this.layer.width = columns;
    this.layer.height = rows;
    this.place = -1;
    this.reset();
  }

  reset() {
    this.threshold = this.data.threshold;
    this.part("threshold").value = toSlider(this.threshold);
    this.paint();
  }

  // The cells in colours, one pixel each.
  paint() {
    if (!this.scores) return;
    const { layer, scores, codes, threshold } = this;
    const pixels = layer.getContext("2d").createImageData(layer.width, layer.height);
    const all = this.part("scores").value === "all", none = this.part("scores").value === "none";
    const mask = this.part("mask").checked;
    let flagged = 0;
    for (let at = 0; at < scores.length; at += 1) {
      const score = scores[at], code = codes[at], tumour = score >= threshold;
      if (tumour) flagged += 1;
      let colour = null, alpha = 255;
      if (!none && (tumour || (all && score >= 0))) colour = colourOf(score, threshold);
      else if (mask && !(code & TISSUE)) [colour, alpha] = [[70, 84, 92], 190];
      else if (all && code & TISSUE && (code & STATE) !== SCORED) colour = [150, 150, 150];
      if (!none && (code & STATE) === FAILED) colour = [90, 90, 90];
      if (!colour) continue;
      pixels.data.set([...colour, alpha], at * 4);
    }
    layer.getContext("2d").putImageData(pixels, 0, 0);
    this.flagged = flagged;
    this.tellCount();
    this.draw();
  }

  tellCount() {
    const { data, flagged, threshold } = this;
    const count = (number) => number.toLocaleString("en");
    if (!data.scored) {
      this.say(`${count(this.tissue)} cells of tissue`);
      return;
    }
    const moved = Math.abs(threshold - data.threshold) > 1e-12;
    const share = threshold.toFixed(4);
    const lower = moved && threshold < data.threshold && data.partly ? data.partly : "";
    this.part("back").hidden = !moved;
    this.say(`${count(flagged)} of ${count(this.tissue)} cells at ${share} or higher. ${lower}`);
  }

  say(sentence) {
    this.home.querySelector("output").textContent = sentence;
  }

  // Everything that lies over the slide, at each movement of it.
  draw() {
    if (!this.osd?.world?.getItemCount() || !this.scores) return;
    const { canvas, data } = this, ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio].map(Math.round);
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    const first = this.onScreen(0, 0), last = this.onScreen(data.columns, data.rows);
    const cell = (last.x - first.x) / data.columns, perPx = cell / data.cellPx;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.imageSmoothingEnabled = false;
    context.save();
    context.beginPath();
    context.rect(first.x, first.y, data.width * perPx, data.height * perPx);
    context.clip(); // the last cells reach beyond the slide
    context.globalAlpha = this.part("opacity").valueAsNumber / 100;
    context.drawImage(this.layer, first.x, first.y, last.x - first.x, last.y - first.y);
    context.globalAlpha = 1;
    if (this.part("grid").checked && cell >= LEAST_GRID_PX) this.drawGrid(context, first, cell);
    context.restore();
    if (this.part("outlines").checked) this.drawOutlines(context, first, cell);
    if (this.selected) this.drawSelected(context, first, cell);
    this.drawScale();
  }

  drawGrid(context, first, cell) {
    const { data, canvas } = this;
    const left = Math.max(0, Math.floor(-first.x / cell));
    const top = Math.max(0, Math.floor(-first.y / cell));
    const right = Math.min(data.columns, Math.ceil((canvas.clientWidth - first.x) / cell));
    const bottom = Math.min(data.rows, Math.ceil((canvas.clientHeight - first.y) / cell));
    context.beginPath();
    for (let row = top; row < bottom; row += 1) {
      for (let column = left; column < right; column += 1) {
        if (!(this.codes[row * data.columns + column] & TISSUE)) continue;
        context.rect(first.x + column * cell, first.y + row * cell, cell, cell);
      }
    }
    context.lineWidth = 1;
    context.strokeStyle = "rgb(0 0 0 / 28%)";
    context.stroke();
  }

  drawOutlines(context, first, cell) {
    context.beginPath();
    for (const ring of this.data.outlines) {
      ring.forEach(([x, y], number) => {
        const at = [first.x + x * cell, first.y + y * cell];
        if (number) context.lineTo(...at);
        else context.moveTo(...at);
      });
      context.closePath();
    }
    twice(context, "#fff", 3.5, "#000", 1.5);
  }

  drawSelected(context, first, cell) {
    const [row, column] = this.selected;
    const [x, y] = [first.x + column * cell, first.y + row * cell];
    context.beginPath();
    context.rect(x, y, cell, cell);
    twice(context, "#fff", 4, "#0b6b73", 2);
    if (cell < 4) return;
    context.beginPath();
    context.rect(x - cell, y - cell, 3 * cell, 3 * cell);
    context.setLineDash([5, 4]);
    twice(context, "#fff", 3, "#0b6b73", 1.2);
    context.setLineDash([]);
  }

  drawScale() {
    const bar = this.home.querySelector(".scale");
    bar.hidden = !this.data.umPerPx;
    if (bar.hidden) return;
    const shown = this.osd.viewport.viewportToImageZoom(this.osd.viewport.getZoom(true));
    const umPerScreenPx = this.data.umPerPx / shown;
    const most = 140 * umPerScreenPx, power = 10 ** Math.floor(Math.log10(most));
    const length = [5, 2, 1].map((digit) => digit * power).find((one) => one <= most);
    bar.style.width = `${length / umPerScreenPx}px`;
    bar.textContent = length >= 1000 ? `${length / 1000} mm` : `${length} µm`;
  }

  onScreen(column, row) {
    const { viewport } = this.osd, item = this.osd.world.getItemAt(0), side = this.data.cellPx;
    return viewport.pixelFromPoint(item.imageToViewportCoordinates(column * side, row * side), true);
  }

  cellAt(position) {
    const { viewport } = this.osd, item = this.osd.world.getItemAt(0), side = this.data.cellPx;
    const at = item.viewportToImageCoordinates(viewport.pointFromPixel(position, true));
    return [Math.floor(at.y / side), Math.floor(at.x / side)];
  }

  middle() {
    const center = this.osd.viewport.pixelFromPoint(this.osd.viewport.getCenter(true), true);
    return this.cellAt(center);
  }

  choose([row, column]) {
    const { rows, columns } = this.data;
    if (row < 0 || column < 0 || row >= rows || column >= columns) return;
    this.selected = [row, column];
    this.draw();
    this.tell("cell", this.selected);
  }

  // To the next flagged cell, from the highest score down.
  step(by) {
    if (!this.flagged) return;
    this.place = (this.place + by + this.flagged) % this.flagged;
    const at = this.order[this.place];
    const cell = [Math.floor(at / this.data.columns), at % this.data.columns];
    this.bring(cell);
    this.choose(cell);
  }

  bring([row, column]) {
    const item = this.osd?.world?.getItemAt(0), side = this.data.cellPx;
    if (!item) return;
    const { viewport } = this.osd;
    const width = item.imageToViewportRectangle(0, 0, side * 24, side * 24).width;
    const middle = item.imageToViewportCoordinates((column + 0.5) * side, (row + 0.5) * side);
    if (viewport.getBounds().width > 1.6 * width) viewport.zoomTo(1 / width);
    viewport.panTo(middle);
  }

  zoom(by) {
    this.osd?.viewport.zoomBy(by);
    this.osd?.viewport.applyConstraints();
  }

  leave() {
    this.osd?.destroy();
    this.osd = null;
    drawn.delete(this.home);
  }
}

function twice(context, under, wide, over, narrow) {
  context.strokeStyle = under;
  context.lineWidth = wide;
  context.stroke();
  context.strokeStyle = over;
  context.lineWidth = narrow;
  context.stroke();
}

// Pale at the threshold: a flagged cell is never in the colour of those that are not.
function colourOf(score, threshold) {
  const [from, to, share] = score < threshold
    ? [COLOURS[0], COLOURS[1], score / threshold]
    : [COLOURS[1], COLOURS[2], (score - threshold) / Math.max(1 - threshold, 1e-9)];
  return from.map((one, channel) => one + (to[channel] - one) * share);
}

// The slider goes by log-odds, on which small scores have room.
function fromSlider(value, exact) {
  if (Math.abs(value - toSlider(exact)) < 0.005) return exact;
  return 1 / (1 + Math.exp(-value));
}

function toSlider(share) {
  const inside = Math.min(Math.max(share, 0.001), 0.999);
  return Math.log(inside / (1 - inside));
}

function here(path) {
  return new URL(path, window.location.origin + window.location.pathname.replace(/[^/]*$/, "")).href;
}

function library() {
  window.nodelensViewer ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = here(LIBRARY);
    script.onload = () => resolve(window.OpenSeadragon);
    script.onerror = () => reject(new Error("its library could not be fetched"));
    document.head.append(script);
  });
  return window.nodelensViewer;
}
