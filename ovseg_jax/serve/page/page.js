// The page: a photo, words, and what the server says about them. No request leaves the server.

import { paint, places, segmentMap } from "/page/masks.js";

const byId = (id) => document.getElementById(id);
const state = { photo: null, bitmap: null, answer: null, map: null, shown: new Set(), pointed: 0, asked: 0, touched: false };

// The token comes in the address, which it leaves at once so that nobody copies it by accident.
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  sessionStorage.setItem("token", given);
  history.replaceState(null, "", location.pathname);
}

async function call(path, options = {}) {
  const token = sessionStorage.getItem("token");
  const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch {
    throw new Error("the server does not answer; is it still running?");
  }
  if (!response.ok) {
    const said = await response.json().catch(() => ({}));
    throw Object.assign(new Error(said.error || `status ${response.status}`), { status: response.status });
  }
  return response;
}

function show(error) {
  byId("error").hidden = !error;
  byId("error").textContent = error ? error.message : "";
}

async function during(text, work) {
  // The line under the picture says what the server does, while it does it.
  const line = byId("progress");
  line.textContent = `${text} …`;
  const timer = setInterval(async () => {
    try {
      const { doing, waiting } = await (await call("/api/status")).json();
      const others = waiting > 1 ? ` (${waiting - 1} more waiting)` : "";
      if (line.textContent) line.textContent = `${doing || text} …${others}`;
    } catch { /* the work itself says what is wrong */ }
  }, 700);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    line.textContent = "";
  }
}

async function take(file, words = "") {
  show(null);
  try {
    await during("sending the photo", async () => {
      const headers = { "Content-Type": "application/octet-stream", "X-File-Name": encodeURIComponent(file.name || "photo") };
      const kept = await (await call("/api/photos", { method: "POST", body: file, headers })).json();
      const picture = await (await call(`/api/photos/${kept.photo}/picture`)).blob();
      const bitmap = await createImageBitmap(picture);
      const before = state.photo;
      Object.assign(state, { photo: kept.photo, bitmap, answer: null, map: null, pointed: 0 });
      if (before) call(`/api/photos/${before}`, { method: "DELETE" }).catch(() => {});
    });
  } catch (error) {
    show(error);
    return;
  }
  if (words) byId("words").value = words;
  byId("drop").hidden = true;
  byId("stage").hidden = false;
  byId("another").hidden = false;
  byId("ask").disabled = false;
  byId("answer").hidden = true;
  draw();
  await ask();
}

function question() {
  const background = byId("background").value.trim();
  return {
    words: byId("words").value,
    background: background || null,
    task: document.querySelector("input[name=task]:checked").value,
    min_score: state.touched ? Number(byId("score").value) : null,
    model: byId("model").value,
  };
}

async function ask() {
  if (!state.photo) return;
  const number = ++state.asked;
  show(null);
  try {
    const sent = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(question()) };
    const answer = await during("waiting for the model", async () =>
      (await call(`/api/photos/${state.photo}/answer`, sent)).json());
    if (number !== state.asked) return; // a later question is under way
    state.answer = answer;
    state.shown = new Set(answer.segments.map((segment) => segment.id));
    list();
    draw();
  } catch (error) {
    if (number === state.asked) show(error);
  }
}

function list() {
  const { answer } = state;
  byId("answer").hidden = false;
  byId("count").textContent = `(${answer.segments.length}; ${Math.round(100 * answer.unlabelled)} % unlabelled)`;
  byId("background-used").textContent = answer.background.length
    ? `Background${answer.background_is_default ? " (usual)" : ""}: ${answer.background.join(", ")}` : "";
  byId("segments").replaceChildren(...answer.segments.map((segment) => {
    const item = document.createElement("li");
    const label = document.createElement("label");
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: true });
    const swatch = Object.assign(document.createElement("span"), { className: "swatch" });
    swatch.style.background = `rgb(${segment.color.join(",")})`;
    const name = Object.assign(document.createElement("span"), { className: "name", textContent: segment.name });
    const score = Object.assign(document.createElement("span"), { className: "score", textContent: segment.score.toFixed(2) });
    label.append(box, swatch, name, score);
    label.dataset.id = segment.id;
    box.addEventListener("change", () => {
      if (box.checked) state.shown.add(segment.id); else state.shown.delete(segment.id);
      draw();
    });
    label.addEventListener("pointerenter", () => point(segment.id));
    box.addEventListener("focus", () => point(segment.id));
    item.append(label);
    return item;
  }));
}

function draw() {
  const canvas = byId("canvas"), { bitmap, answer } = state;
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  canvas.setAttribute("aria-label", answer
    ? `Photo with named masks: ${answer.segments.map((segment) => segment.name).join(", ") || "nothing labelled"}` : "Photo");
  if (!answer) return;
  state.map = segmentMap(answer, state.shown);
  const picture = context.getImageData(0, 0, canvas.width, canvas.height);
  paint(picture.data, state.map, answer, state.pointed);
  context.putImageData(picture, 0, 0);
  write(context);
}

function write(context) {
  const { answer, map } = state, size = Math.max(11, Math.round(Math.max(answer.width, answer.height) / 42));
  Object.assign(context, { font: `600 ${size}px system-ui, sans-serif`, textAlign: "center", textBaseline: "middle",
    lineWidth: size / 4, lineJoin: "round", strokeStyle: "#000c", fillStyle: "#fff" });
  for (const { segment, count, x, y } of places(map, answer)) {
    const half = context.measureText(segment.name).width / 2;
    if (count < 8 * size * size || 2 * half > answer.width) continue;
    const across = Math.min(Math.max(x, half + 2), answer.width - half - 2);
    context.strokeText(segment.name, across, y);
    context.fillText(segment.name, across, y);
  }
}

function point(id, place = null) {
  const box = byId("pointed");
  if (id !== state.pointed) {
    state.pointed = id;
    draw();
    for (const label of document.querySelectorAll("#segments label")) label.classList.toggle("here", Number(label.dataset.id) === id);
  }
  const segment = state.answer && state.answer.segments.find((each) => each.id === id);
  box.hidden = !segment;
  if (!segment) return;
  const others = segment.runners_up.filter((each) => each.name !== segment.name).slice(0, 3);
  const rest = others.map((each) => `${each.name} ${each.score.toFixed(2)}`).join(", ");
  box.textContent = `${segment.name} ${segment.score.toFixed(2)}${rest ? ` — then ${rest}` : ""}`;
  const stage = byId("stage").getBoundingClientRect(), canvas = byId("canvas").getBoundingClientRect();
  const { x, y } = place || { x: canvas.left, y: canvas.top };
  box.style.left = `${Math.max(0, Math.min(x - stage.left + 12, stage.width - box.offsetWidth))}px`;
  box.style.top = `${Math.max(0, y - stage.top + 14)}px`;
}

function pointAt(event) {
  if (!state.map) return;
  const box = byId("canvas").getBoundingClientRect();
  const column = Math.floor((event.clientX - box.left) / box.width * state.answer.width);
  const row = Math.floor((event.clientY - box.top) / box.height * state.answer.height);
  point(state.map[row * state.answer.width + column] || 0, { x: event.clientX, y: event.clientY });
}

async function download(name) {
  try {
    const sent = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(question()) };
    const blob = await (await call(`/api/photos/${state.photo}/files/${name}`, sent)).blob();
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  } catch (error) {
    show(error);
  }
}

async function offerExamples() {
  const examples = await (await call("/api/examples")).json();
  byId("examples").replaceChildren(...await Promise.all(examples.map(async (example, number) => {
    const file = await (await call(`/api/examples/${number}`)).blob();
    const image = Object.assign(document.createElement("img"), { src: URL.createObjectURL(file), alt: "" });
    const button = Object.assign(document.createElement("button"), { type: "button" });
    button.append(image, example.name);
    button.addEventListener("click", () => take(new File([file], example.name), example.words));
    return button;
  })));
}

async function begin() {
  try {
    const models = await (await call("/api/models")).json();
    byId("model").replaceChildren(...models.map(({ name }) => new Option(name, name)));
    byId("model-row").hidden = models.length < 2;
    const presets = await (await call("/api/presets")).json();
    byId("preset").append(...presets.map((name) => new Option(name, name)));
    await offerExamples();
  } catch (error) {
    show(error);
  }
}

let timer = 0;
byId("file").addEventListener("change", (event) => { if (event.target.files[0]) take(event.target.files[0]); event.target.value = ""; });
byId("another").addEventListener("click", () => byId("file").click());
byId("form").addEventListener("submit", (event) => { event.preventDefault(); ask(); });
byId("words").addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) ask(); });
for (const input of document.querySelectorAll("input[name=task], #model")) input.addEventListener("change", ask);
byId("score").addEventListener("input", () => {
  state.touched = true;
  byId("score-value").textContent = Number(byId("score").value).toFixed(2);
  clearTimeout(timer);
  timer = setTimeout(ask, 150);
});
byId("preset").addEventListener("change", async (event) => {
  const name = event.target.value;
  event.target.value = "";
  try {
    const { words } = await (await call(`/api/presets/${encodeURIComponent(name)}`)).json();
    const typed = byId("words").value.trim().replace(/;\s*$/, "");
    byId("words").value = typed ? `${typed}; ${words}` : words;
  } catch (error) {
    show(error);
  }
});
byId("canvas").addEventListener("pointermove", pointAt);
byId("canvas").addEventListener("pointerdown", pointAt);
byId("canvas").addEventListener("pointerleave", () => point(0));
byId("canvas").addEventListener("keydown", (event) => {
  // The arrow keys go through the segments, for those who do not use a pointer.
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step || !state.answer || !state.answer.segments.length) return;
  event.preventDefault();
  const ids = state.answer.segments.map((segment) => segment.id).filter((id) => state.shown.has(id));
  if (ids.length) point(ids[(ids.indexOf(state.pointed) + step + ids.length) % ids.length]);
});
for (const button of document.querySelectorAll("[data-file]")) button.addEventListener("click", () => download(button.dataset.file));
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    byId("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });
}
begin();
