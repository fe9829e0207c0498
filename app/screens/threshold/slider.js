// The slider of the threshold page, and what it moves at once: the marks over the page's Plotly
// figures, and the numbers that the page has sent for each of its steps.
// At most one value is on its way to the server; while it is, only the newest of the others waits,
// so a fast hand never starves the numbers of an answer.

const ANSWER_WITHIN_MS = 3000;
const RESTS_AFTER_MS = 250;
const FIGURE_APPEARS_WITHIN_MS = 120000;
const SVG = "http://www.w3.org/2000/svg";
const CURVES = new Set(["roc", "precision-recall"]); // nothing is drawn in their bottom right
const sliders = new WeakMap();
const tables = new WeakMap();

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const range = parentElement.querySelector("input");
  let slider = sliders.get(range);
  if (!slider) {
    slider = { range, count: 0, waiting: false, next: null, held: false, resting: null };
    slider.by_hand = false; // whether what is on its way is where the hand has put the slider
    slider.figures = new Map();
    sliders.set(range, slider);
    const value = () => Number(range.value);
    range.addEventListener("input", () => {
      slider.held = slider.by_hand = true;
      clearTimeout(slider.resting);
      slider.resting = null;
      paint(slider, value());
      for (const name of slider.data.figures) draw(slider, name);
      ask(slider, value(), false);
      keep(slider);
    });
    const rest = () => {
      if (slider.resting === null) return;
      clearTimeout(slider.resting);
      slider.resting = null;
      ask(slider, value(), true);
    };
    // Each arrow key is a change: the longer answer, with the pictures, follows the last of them.
    range.addEventListener("change", () => {
      slider.held = false;
      slider.resting = setTimeout(rest, RESTS_AFTER_MS);
    });
    range.addEventListener("blur", rest); // before what is pressed next is heard
  }
  slider.set = setTriggerValue;
  slider.data = data;
  slider.output = parentElement.querySelector("output");
  if (data.count >= slider.count || data.count === 0) {
    slider.waiting = false;
    clearTimeout(slider.timer);
  }
  // An answer to a place on the way must not put back what the hand has meanwhile let go of.
  if (!slider.held && !slider.waiting && slider.next === null) {
    range.value = String(data.threshold);
    paint(slider, data.threshold);
  }
  tell(slider);
  const began = performance.now();
  clearInterval(slider.looking);
  const look = () => {
    const all = data.figures.every((name) => draw(slider, name));
    if (all || performance.now() - began > FIGURE_APPEARS_WITHIN_MS) clearInterval(slider.looking);
  };
  slider.looking = setInterval(look, 100);
  look();
  return () => {
    clearInterval(slider.looking);
    settle(slider);
  };
}

function moving(slider) {
  return slider.held || slider.waiting || slider.next !== null;
}

// The rows of numbers that the page has sent, by series: from which step on, and its texts.
function numbers() {
  const home = document.querySelector(".nl-by-step");
  if (home && !tables.has(home)) {
    const rows = (text) => text.split(";").map((row) => row.split("|"));
    const read = Object.entries(home.dataset).map(([series, text]) => [series, rows(text)]);
    tables.set(home, Object.fromEntries(read));
  }
  return tables.get(home) ?? {};
}

// Before each painting, because React puts in the numbers of answers that the hand has left behind.
function keep(slider) {
  cancelAnimationFrame(slider.frame);
  const said = [...document.querySelectorAll("[data-at]")];
  const answered = said.every((one) => Number(one.dataset.at) === slider.data.threshold);
  if (!slider.by_hand || (answered && !moving(slider))) return settle(slider);
  follow(slider);
  slider.frame = requestAnimationFrame(() => keep(slider));
}

function follow(slider) {
  const table = numbers();
  const step = Math.round(1000 * Number(slider.range.value));
  document.body.classList.add("nl-moving");
  for (const place of document.querySelectorAll("[data-at] [data-live]")) {
    const [series, part] = place.dataset.live.split(".");
    const row = table[series]?.findLast(([first]) => Number(first) <= step);
    if (!row) continue;
    place.dataset.answered ??= place.textContent;
    place.textContent = row[part];
  }
}

// What React has not replaced is as the last answer said it: the hand came back to where it was.
function settle(slider) {
  cancelAnimationFrame(slider.frame);
  slider.by_hand = false;
  document.body.classList.remove("nl-moving");
  for (const place of document.querySelectorAll("[data-answered]")) {
    place.textContent = place.dataset.answered;
    delete place.dataset.answered;
  }
}

function ask(slider, threshold, settled) {
  slider.next = { threshold, settled };
  tell(slider);
}

function tell(slider) {
  if (slider.waiting || slider.next === null) return;
  const value = { ...slider.next, count: ++slider.count };
  slider.next = null;
  slider.waiting = true;
  clearTimeout(slider.timer);
  slider.timer = setTimeout(() => {
    slider.waiting = false;
    tell(slider);
  }, ANSWER_WITHIN_MS);
  slider.set("moved", value);
}

function paint(slider, threshold) {
  const lower = slider.data.lower === null ? threshold : Math.min(slider.data.lower, threshold);
  slider.range.style.setProperty("--lower", `${100 * lower}%`);
  slider.range.style.setProperty("--upper", `${100 * threshold}%`);
  slider.output.textContent = threshold.toFixed(4);
}

// What Plotly tells of a point would cover half of a curve this small.
function aside(figure) {
  const label = figure.querySelector(".hovertext");
  if (!label) return;
  const { xaxis, yaxis } = figure._fullLayout;
  const { x, y, width, height } = label.getBBox();
  const left = xaxis._offset + xaxis._length - x - width;
  label.setAttribute("transform", `translate(${left},${yaxis._offset + yaxis._length - y - height})`);
}

// Where a threshold lies on a figure by the points that are drawn there, until the answer says it.
function placed(slider, figure) {
  const threshold = Number(slider.range.value);
  const curve = figure._fullData.find((trace) => trace.name === "curve" || trace.name === "model");
  if (!curve) {
    const { lower } = slider.data;
    const grey = lower !== null && lower < threshold;
    return [grey ? { x: lower, until: threshold } : { x: threshold, until: null }];
  }
  // Called tumour is what has at least the threshold: the lowest score of the curve that does.
  let at = -1;
  curve.customdata.forEach(([score], i) => {
    if (score >= threshold && (at < 0 || score < curve.customdata[at][0])) at = i;
  });
  return at < 0 ? [] : [{ point: true, x: curve.x[at], y: curve.y[at] }];
}

function draw(slider, name) {
  const figure = document.querySelector(`.st-key-nl-figure-${name} .js-plotly-plot`);
  const home = figure?.querySelector(".svg-container");
  const layout = figure?._fullLayout;
  if (!home || !layout?.xaxis?.d2p) return false;
  if (slider.figures.get(name) !== figure) {
    slider.figures.set(name, figure);
    figure.on("plotly_afterplot", () => draw(slider, name));
    figure.on("plotly_click", (event) => {
      const told = event.points.map((point) => point.customdata).find((cell) => cell?.length);
      if (!told) return;
      slider.by_hand = false;
      ask(slider, Math.min(1, Math.max(0, told[told.length - 1])), true);
    });
    const labels = CURVES.has(name) && figure.querySelector(".hoverlayer");
    if (labels) new MutationObserver(() => aside(figure)).observe(labels, { childList: true });
    figure.style.cursor = "pointer";
  }
  let marks = home.querySelector(":scope > svg.nl-marks");
  if (!marks) {
    marks = document.createElementNS(SVG, "svg");
    marks.setAttribute("class", "nl-marks");
    marks.setAttribute("aria-hidden", "true");
    home.append(marks);
  }
  const { xaxis, yaxis } = layout;
  const left = (x) => xaxis._offset + xaxis.d2p(x);
  const top = yaxis._offset;
  const bottom = top + yaxis._length;
  const shapes = [];
  const answered = slider.data.marks.filter((one) => one.figure === name && one.x !== null);
  for (const mark of moving(slider) ? placed(slider, figure) : answered) {
    if (mark.point) {
      if (mark.y === null) continue;
      const height = Math.min(bottom, Math.max(top, yaxis._offset + yaxis.d2p(mark.y)));
      shapes.push(["line", { x1: left(mark.x), x2: left(mark.x), y1: height, y2: bottom }]);
      shapes.push(["circle", { cx: left(mark.x), cy: height, r: 6.5 }]);
      continue;
    }
    if (mark.until !== null) {
      const width = Math.max(0, left(mark.until) - left(mark.x));
      shapes.push(["rect", { x: left(mark.x), y: top, width, height: bottom - top }]);
      shapes.push(["line", { x1: left(mark.until), x2: left(mark.until), y1: top, y2: bottom }]);
    }
    shapes.push(["line", { x1: left(mark.x), x2: left(mark.x), y1: top, y2: bottom }]);
  }
  marks.replaceChildren(
    ...shapes.map(([kind, attributes]) => {
      const shape = document.createElementNS(SVG, kind);
      for (const [key, value] of Object.entries(attributes)) shape.setAttribute(key, String(value));
      return shape;
    }),
  );
  marks.dataset.threshold = String(slider.data.threshold);
  return true;
}
