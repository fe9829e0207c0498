// The desk of a reader. A verdict goes to the patch that its reader has seen: the next patches are
// here already, one is shown at each key at once, and what was said follows to the server in order,
// each with its place and a token of its own, so that nothing is lost or recorded twice.

// Sooner after a patch was drawn nobody has seen it: to tell what kind of picture one sees takes
// the brain 150 ms (Thorpe, Fize and Marlot, Nature 1996), and the hand comes after that. Such a
// key was pressed twice or meant for the patch before. At five keys a second there are 200 ms.
const LOOKED_MS = 150;
const RETRY_MS = 1000;
// At once: with the longest comments still below the 64 KiB that outlive a closed page.
const MOST_SENT = 8;
const MAP_LOOK_MS = 250;
const REMARK_MS = 1500;
const PROBLEM_MS = 6000;
const VERDICTS = new Set(["tumour", "no tumour", "cannot judge"]);
const CHOICES = ["confidence", "tags", "quality"];
const desks = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  const home = parentElement.querySelector("section");
  if (!desks.has(home)) desks.set(home, new Desk(home));
  const desk = desks.get(home);
  desk.tell = (what, more = {}) => setTriggerValue("told", { what, ...more, count: Date.now() });
  desk.open(data);
  const run = (desk.latest = {}); // one that a newer run has overtaken may end after that began
  return () => desk.latest === run && desk.leave();
}

class Desk {
  constructor(home) {
    this.home = home;
    this.queue = []; // screens to come, the shown one first
    this.pictures = new Map(); // by address
    this.wish = null; // what is asked apart from verdicts
    this.shown = null;
    this.onKey = (event) => this.key(event);
    this.onClose = (event) => this.kept.said.length && event.preventDefault();
    home.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-does], button[data-choice]");
      if (button?.dataset.does) this.act(button.dataset.does, event);
      else if (button) this.choose(button);
    });
    this.comment = home.querySelector("textarea");
    this.comment.addEventListener("input", () => this.draft({ comment: this.comment.value }));
  }

  part(name) {
    return this.home.querySelector(`[data-part="${name}"]`);
  }

  open(data) {
    const before = this.data;
    this.data = data;
    window.addEventListener("keydown", this.onKey);
    window.addEventListener("beforeunload", this.onClose);
    if (before?.name !== data.name) {
      this.store = `nodelens-desk ${data.name}`;
      const kept = JSON.parse(sessionStorage.getItem(this.store) ?? "{}");
      this.kept = { after: -1, said: [], drafts: {}, map: false, around: false, hidden: false, smooth: true, ...kept };
      for (const name of CHOICES) this.chips(name);
    }
    if (before?.name === data.name && before.address === data.address && before.again === data.again) {
      if (before.turn === data.turn) return;
    }
    this.queue = [];
    this.ended = false;
    this.ask();
  }

  leave() {
    window.removeEventListener("keydown", this.onKey);
    window.removeEventListener("beforeunload", this.onClose);
    clearTimeout(this.looking);
  }

  keep() {
    sessionStorage.setItem(this.store, JSON.stringify(this.kept));
  }

  chips(name) {
    const made = this.data[name].map((value, at) => {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.choice = name;
      button.dataset.value = value;
      if (name === "confidence") button.dataset.key = String(at + 1);
      button.textContent = name === "confidence" ? value[0].toUpperCase() + value.slice(1) : value;
      return button;
    });
    this.part(name).replaceChildren(...made);
    for (const button of this.home.querySelectorAll("[data-key]:not(:has(kbd))")) {
      const key = document.createElement("kbd");
      key.textContent = button.dataset.key.toUpperCase();
      button.append(key);
      button.setAttribute("aria-keyshortcuts", button.dataset.key);
    }
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.composedPath()[0];
    if (target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable=true]")) return;
    if (document.querySelector('[role="dialog"]')) return;
    const key = event.key.toLowerCase();
    const all = [...this.home.querySelectorAll("[data-key]")];
    const button = all.find((one) => one.dataset.key === key && !one.hidden && !one.disabled);
    if (!button) return;
    event.preventDefault();
    if (event.repeat) return; // held down
    if (button.dataset.does) this.act(button.dataset.does, event);
    else this.choose(button);
  }

  act(does, event) {
    if (VERDICTS.has(does)) this.give(does, event);
    else if (does === "keep") this.give(this.queue[0]?.keep, event);
    else if (["map", "smooth", "around"].includes(does)) this.turn(does);
    else if (does === "box") this.turn("hidden");
    else if (does === "later") this.move({}, this.queue[0]?.position);
    else if (does === "undo") this.move({ undo: true });
    else this.whenSaved(() => this.tell(does));
  }

  give(verdict, event) {
    const screen = this.queue[0];
    if (!screen || this.waits) return this.remark("wait");
    const seconds = (event.timeStamp - this.since) / 1000;
    if (!(seconds * 1000 >= LOOKED_MS)) return this.remark("soon");
    const token = crypto.getRandomValues(new Uint8Array(16));
    const action = [...token].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const { position, stage, id } = screen;
    const { confidence, tags, quality, comment } = this.said(screen);
    const said = { action, position, stage, verdict, seconds, confidence, tags, quality, comment };
    said.map = this.saw === id;
    said.around = this.sawAround === id;
    this.kept.after = screen.twice ? position - 1 : position;
    // The same patch comes again with its score; a correction leads back.
    const holds = screen.twice || stage === "again";
    this.kept.said.push({ id, after: this.kept.after, holds, said });
    this.keep();
    this.remark("");
    if (holds) {
      this.waits = true;
      this.send(); // what is waited for comes first
    } else this.queue.shift();
    this.draw();
    this.send();
  }

  move(wish, after = this.kept.after) {
    if (this.waits || !this.queue.length) return this.remark("wait");
    this.waits = true;
    this.kept.after = after;
    this.keep();
    this.ask({ ...wish, moves: true });
  }

  turn(what) {
    this.kept[what] = !this.kept[what];
    this.keep();
    this.draw();
    if (what === "map") this.ask();
  }

  ask(wish = {}) {
    this.wish = { ...this.wish, ...wish };
    this.send();
  }

  // One request after another, so that the record has them in the order in which they were given;
  // what was said while an answer was on its way goes together, or a slow line would set the pace.
  async send() {
    if (this.sending) return;
    this.sending = true;
    while (this.kept.said.length || this.wish) {
      const sent = this.kept.said.slice(0, MOST_SENT);
      const last = sent.at(-1);
      const undo = !last && Boolean(this.wish.undo);
      if (!last) this.wish = null;
      const body = { after: last?.after ?? this.kept.after, map: this.kept.map, undo };
      body.verdicts = sent.map((one) => one.said);
      if (this.data.again !== null) body.again = this.data.again;
      let answer = null;
      try {
        const found = await fetch(this.data.address, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body),
          keepalive: true,
        });
        if (found.ok) answer = await found.json();
      } catch {
        answer = null; // no line; what was said waits
      }
      if (answer === null) {
        this.problem(this.data.words.offline);
        this.wish ??= {}; // an undo that may have been heard is not asked for again
        await new Promise((again) => setTimeout(again, RETRY_MS));
        continue;
      }
      this.kept.said.splice(0, sent.length);
      this.take(answer, last);
    }
    this.sending = false;
  }

  take(answer, last) {
    this.problem(answer.problem);
    const behind = this.kept.said;
    if (!behind.length && !last) this.kept.after = answer.after;
    this.keep();
    if (behind.some((one) => one.holds) || this.wish?.moves) return; // another answer is to come
    this.queue = answer.screens.filter((screen) => !behind.some((one) => one.id === screen.id));
    this.waits = false;
    this.told = answer;
    this.draw();
    if (behind.length) return;
    if (last?.said.stage === "again" && !answer.problem) {
      this.tell("corrected", { number: last.said.position + 1 });
    } else if (answer.done && !this.ended) {
      this.ended = true;
      this.tell("ended");
    }
  }

  whenSaved(then) {
    if (!this.kept.said.length) then();
    else this.remark("wait");
  }

  draft(change) {
    const screen = this.queue[0];
    if (!screen) return;
    this.kept.drafts[screen.id] = { ...this.said(screen), ...change };
    this.keep();
    this.drawSaid(screen);
  }

  said(screen) {
    const nothing = { confidence: null, tags: [], quality: null, comment: "" };
    return { ...nothing, ...screen.before, ...this.kept.drafts[screen.id] };
  }

  choose(button) {
    const { choice, value } = button.dataset;
    const screen = this.queue[0];
    if (!screen) return;
    const held = this.said(screen)[choice];
    if (choice !== "tags") this.draft({ [choice]: held === value ? null : value });
    else if (held.includes(value)) this.draft({ tags: held.filter((one) => one !== value) });
    else this.draft({ tags: [...held, value] });
  }

  remark(name) {
    this.part("remark").textContent = name && this.data.words[name];
    clearTimeout(this.remarking);
    if (name) this.remarking = setTimeout(() => this.remark(""), REMARK_MS);
  }

  problem(text) {
    const now = performance.now();
    if (!text && now < this.toldUntil) return; // long enough to be read
    if (text) this.toldUntil = now + PROBLEM_MS;
    this.part("problem").textContent = text;
    this.part("problem").hidden = !text;
  }

  draw() {
    const { told, kept } = this;
    const screen = this.queue[0];
    if (told?.progress) {
      this.part("progress").textContent = told.progress;
      this.home.querySelector(".nl-read-bar i").style.width = `${100 * told.share}%`;
    }
    this.home.classList.toggle("nl-desk-waits", Boolean(this.waits) || !screen);
    this.home.querySelector("figure").classList.toggle("nl-read-soft", kept.smooth);
    this.name("undo", `Undo ${told?.undo ?? ""}`.trim());
    this.name("map", kept.map && screen?.mapAllowed ? "Hide Grad-CAM" : "Grad-CAM");
    this.name("box", kept.hidden ? "Show box" : "Hide box");
    this.name("smooth", kept.smooth ? "Pixels" : "Smooth");
    if (!screen) return;
    const again = screen.stage === "again";
    const hidden = { undo: again, later: again, earlier: again, left: !again, keep: !screen.keep };
    hidden.around = !screen.around;
    for (const [does, is] of Object.entries(hidden)) this.button(does).hidden = is;
    this.button("undo").disabled = !told.undo;
    this.button("earlier").disabled = !told.earlier;
    this.button("map").disabled = !screen.mapAllowed;
    this.name("keep", `Keep “${screen.keep}”`);
    this.part("question").textContent = screen.question;
    this.part("note").textContent = screen.note;
    this.part("title").textContent = screen.title;
    const around = kept.around && screen.around;
    const kind = around ? "-around" : kept.map && screen.mapped ? "-map" : "";
    this.part("size").textContent = this.data.words[around ? "aroundSize" : "size"];
    this.name("around", around ? "Patch alone" : "Surroundings");
    this.html("evidence", screen.evidence);
    const waiting = kept.map && screen.mapAllowed && !screen.mapped && !screen.mapWords;
    const wait = `<div class="nl-read-hidden">${this.data.words.mapWait}</div>`;
    this.html("map", kept.map ? screen.mapWords || (waiting ? wait : "") : "");
    clearTimeout(this.looking);
    if (waiting) this.looking = setTimeout(() => this.ask(), MAP_LOOK_MS);
    if (this.shown !== screen.id) this.drawSaid(screen);
    this.drawPicture(screen, kind);
    for (const next of this.queue.slice(1)) {
      this.picture(next, "");
      if (kept.map && next.mapped) this.picture(next, "-map");
    }
  }

  // Which choices stand, and the comment unless it is being typed.
  drawSaid(screen) {
    const said = this.said(screen);
    for (const button of this.home.querySelectorAll("[data-choice]")) {
      const held = said[button.dataset.choice];
      const is = Array.isArray(held) ? held.includes(button.dataset.value) : held === button.dataset.value;
      button.setAttribute("aria-pressed", String(is));
    }
    if (this.comment.value !== said.comment) this.comment.value = said.comment;
  }

  // A patch counts as seen from the first frame that has it.
  drawPicture(screen, kind) {
    const picture = this.picture(screen, kind);
    const stage = this.part("stage");
    const fresh = this.shown !== screen.id;
    if (fresh) {
      this.shown = screen.id;
      this.since = NaN;
    }
    const put = () => {
      if (this.shown !== screen.id) return;
      if (stage.querySelector("img") !== picture) {
        stage.querySelector("img")?.remove();
        stage.prepend(picture);
        this.part("small").src = this.picture(screen, "").src;
      }
      if (kind === "-map") this.saw = screen.id;
      if (kind === "-around") this.sawAround = screen.id;
      stage.querySelector("i").hidden = this.kept.hidden;
      if (!Number.isNaN(this.since)) return;
      requestAnimationFrame((at) => {
        if (this.shown === screen.id && Number.isNaN(this.since)) this.since = at;
      });
    };
    if (picture.complete && picture.naturalWidth) put();
    else {
      if (fresh) stage.querySelector("img")?.remove();
      picture.decode().then(put, () => this.problem(this.data.words.noPicture));
    }
    const what = { "-map": " under its Grad-CAM", "-around": " and its surroundings" };
    picture.alt = `${screen.title}${what[kind] ?? ""}`;
  }

  picture(screen, kind) {
    const src = `${this.data.address}/${screen.position}${kind}.png`;
    if (!this.pictures.has(src)) {
      const made = new Image();
      made.src = src;
      this.pictures.set(src, made);
      if (this.pictures.size > 200) this.pictures.delete(this.pictures.keys().next().value);
    }
    return this.pictures.get(src);
  }

  button(does) {
    return this.home.querySelector(`[data-does="${does}"]`);
  }

  name(does, text) {
    this.button(does).firstChild.textContent = text;
  }

  html(name, text) {
    const part = this.part(name);
    if (part.dataset.text === text) return;
    part.dataset.text = text;
    part.innerHTML = text;
  }
}
