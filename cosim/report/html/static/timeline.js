// Engines over time. Zoomed out, pixels show the share of their time; closer, single commands appear.
const CAUSES = ["load", "store", "compute", "link", "engine", "clock"];
const WAITS = { load: "data to arrive", store: "room: a store must finish", compute: "the result of another engine", link: "a link that others hold", engine: "the engine, held by another queue", clock: "the next clock edge" };
const LANE = 58, WORK = 24, WAIT = 8, LABEL = 17;

// Commands of one engine in order of time [ms], or slices of time with shares.
function lanesOf(engines, timeline, activity) {
  const lanes = [];
  for (let i = 0; i < engines.rows; i += 1) {
    if (!engines.columns.commands[i]) continue;
    const name = engines.columns.engine[i], busy = engines.columns.utilization_temporal[i];
    lanes.push({ name, busy, ...(timeline ? commandsOf(name, timeline) : slicesOf(name, activity)) });
  }
  return lanes;
}

function commandsOf(engine, timeline) {
  const { columns } = timeline;
  const rows = [];
  for (let row = 0; row < timeline.rows; row += 1) if (columns.engine[row] === engine) rows.push(row);
  rows.sort((a, b) => columns.start_fs[a] - columns.start_fs[b] || columns.release_fs[a] - columns.release_fs[b]);
  const pick = (name) => Float64Array.from(rows, (row) => (columns[name] ? columns[name][row] : 0) * 1e-12);
  const shades = new Map();
  for (const row of rows) if (!shades.has(columns.op[row])) shades.set(columns.op[row], shades.size % 2);
  return {
    rows, start: pick("start_fs"), end: pick("release_fs"), gap: pick("gap_fs"), blocked: pick("blocked_fs"),
    early: pick("early_fs"),
    cause: rows.map((row) => (columns.gap_cause ? CAUSES.indexOf(columns.gap_cause[row]) : -1)),
    earlyCause: rows.map((row) => (columns.early_cause ? CAUSES.indexOf(columns.early_cause[row]) : -1)),
    shade: rows.map((row) => shades.get(columns.op[row])),
  };
}

function slicesOf(engine, activity) {
  const { columns } = activity;
  const rows = [];
  for (let row = 0; row < activity.rows; row += 1) if (columns.engine[row] === engine) rows.push(row);
  const pick = (name) => Float64Array.from(rows, (row) => columns[name][row]);
  return { rows, slices: true, start: pick("start_ms"), end: pick("end_ms"), busyMs: pick("busy_ms"), waits: CAUSES.map((cause) => pick(`stall_${cause}_ms`)) };
}

// What the engine waited for before command i: [from, to, number of the cause], one after the other.
function waitsBefore(lane, i) {
  const from = lane.start[i] - lane.gap[i], ready = from + lane.early[i];
  const found = [[from, ready, lane.earlyCause[i]], [ready, lane.start[i], lane.cause[i]]];
  return found.filter(([begin, end, cause]) => end > begin && cause >= 0);
}

// First position whose value is above `limit`; values ascend.
function firstAbove(values, limit) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] > limit) high = middle; else low = middle + 1;
  }
  return low;
}

function drawTimeline(host, { engines, timeline, activity }, latency) {
  const lanes = lanesOf(engines, timeline, activity);
  const view = { from: 0, to: latency, width: 0 };
  const shortest = latency / (timeline ? 20000 : 60);
  const range = h("span", { class: "range", role: "status" });
  const press = (label, title, act) => h("button", { type: "button", title, "aria-label": title, onclick: act }, label);
  const canvas = h("canvas", { tabindex: "0", role: "img", "aria-label": `Timeline of ${lanes.map((lane) => `${lane.name}, busy ${percent(lane.busy)}`).join("; ")}` });
  const used = CAUSES.filter((cause) => lanes.some((lane) => (lane.slices ? sum(Array.from(lane.waits[CAUSES.indexOf(cause)])) > 0 : lane.cause.includes(CAUSES.indexOf(cause)) || lane.earlyCause.includes(CAUSES.indexOf(cause)) || (cause === "link" && lane.blocked.some((value) => value > 0)))));
  host.replaceChildren(
    h("div", { class: "controls" }, press("+", "Zoom in", () => zoom(0.5)), press("−", "Zoom out", () => zoom(2)),
      press("←", "Earlier", () => move(-0.4)), press("→", "Later", () => move(0.4)), press("All", "Show everything", () => show(0, latency)), range),
    canvas, legend([["works", "busy"], ...used.map((cause) => [`waits for ${WAITS[cause]}`, cause]), ["idle", "idle"]]));

  function show(from, to) {
    const length = Math.min(Math.max(to - from, shortest), latency);
    view.from = Math.min(Math.max(from, 0), latency - length);
    view.to = view.from + length;
    draw();
  }

  const zoom = (factor, at = (view.from + view.to) / 2) => show(at - (at - view.from) * factor, at + (view.to - at) * factor);
  const move = (share) => { const by = share * (view.to - view.from); show(view.from + by, view.to + by); };

  function draw() {
    const width = view.width;
    if (!width) return;
    const height = lanes.length * LANE + 28;
    const context = sized(canvas, width, height);
    const x = linear(view.from, view.to, 0, width);
    const paint = { text: colour("text"), muted: colour("muted"), line: colour("line"), works: [colour("busy"), colour("busy-2")], waits: CAUSES.map(colour), on: colour("on-colour"), idle: colour("idle") };
    lanes.forEach((lane, i) => drawLane(context, lane, i * LANE, x, width, paint, view, timeline));
    axis(context, lanes.length * LANE, x, width, paint);
    range.textContent = `${duration(view.from)} to ${duration(view.to)}`;
    host.dataset.from = view.from;
    host.dataset.to = view.to;
  }

  function axis(context, y, x, width, paint) {
    context.fillStyle = paint.muted;
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "top";
    for (const tick of roundTicks(view.from, view.to, Math.max(2, width / 120))) {
      const at = x(tick), text = duration(tick);
      const wide = context.measureText(text).width;
      context.fillRect(Math.round(at), y, 1, 5);
      context.fillText(text, Math.min(Math.max(0, at - wide / 2), width - wide), y + 9);
    }
  }

  function hover(event) {
    const box = canvas.getBoundingClientRect();
    const lane = lanes[Math.floor((event.clientY - box.top) / LANE)];
    const at = view.from + ((event.clientX - box.left) / view.width) * (view.to - view.from);
    const lines = lane && (lane.slices ? aboutSlice(lane, at) : aboutCommand(lane, at, timeline, (view.to - view.from) / view.width));
    if (lines) showTip(lines, event.clientX, event.clientY); else hideTip();
  }

  const fingers = new Map();
  canvas.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, event.clientX);
    canvas.setPointerCapture(event.pointerId);
    hideTip();
  });
  const lift = (event) => fingers.delete(event.pointerId);
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("pointerleave", hideTip);
  canvas.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) {
      hover(event);
      return;
    }
    const before = fingers.get(event.pointerId);
    const other = [...fingers].find(([id]) => id !== event.pointerId);
    fingers.set(event.pointerId, event.clientX);
    const scale = (view.to - view.from) / view.width;
    if (!other) show(view.from - (event.clientX - before) * scale, view.to - (event.clientX - before) * scale);
    else if (Math.abs(event.clientX - other[1]) > 8) zoom(Math.abs(before - other[1]) / Math.abs(event.clientX - other[1]));
  });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const box = canvas.getBoundingClientRect();
    zoom(Math.exp(event.deltaY * 0.004), view.from + ((event.clientX - box.left) / view.width) * (view.to - view.from));
  }, { passive: false });
  canvas.addEventListener("dblclick", (event) => {
    const box = canvas.getBoundingClientRect();
    zoom(0.25, view.from + ((event.clientX - box.left) / view.width) * (view.to - view.from));
  });
  canvas.addEventListener("keydown", (event) => {
    const acts = { "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), ArrowLeft: () => move(-0.2), ArrowRight: () => move(0.2), 0: () => show(0, latency), Home: () => show(0, latency) };
    if (!acts[event.key] || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    acts[event.key]();
  });
  redrawn(host, (width) => { view.width = width; draw(); });
  return { show };
}

function drawLane(context, lane, top, x, width, paint, view, timeline) {
  context.font = "600 12.5px system-ui, sans-serif";
  context.textBaseline = "alphabetic";
  context.fillStyle = paint.text;
  context.fillText(lane.name, 0, top + LABEL - 5);
  const wide = context.measureText(lane.name).width;
  context.font = "12px system-ui, sans-serif";
  context.fillStyle = paint.muted;
  context.fillText(`${percent(lane.busy)} busy`, wide + 8, top + LABEL - 5);
  const y = top + LABEL;
  context.fillStyle = paint.idle;
  context.fillRect(0, y, width, WORK);
  const first = firstAbove(lane.end, view.from);
  let last = first;
  const gap = lane.gap || null;
  while (last < lane.start.length && lane.start[last] - (gap ? gap[last] : 0) < view.to) last += 1;
  if (lane.slices) drawSlices(context, lane, first, last, x, y, paint);
  else if (last - first > width / 2) drawShares(context, lane, first, last, x, y, width, paint);
  else drawCommands(context, lane, first, last, x, y, width, paint, timeline);
}

function drawCommands(context, lane, first, last, x, y, width, paint, timeline) {
  context.font = "11px system-ui, sans-serif";
  for (let i = first; i < last; i += 1) {
    const from = x(lane.start[i]), to = x(lane.end[i]);
    context.fillStyle = paint.works[lane.shade[i]];
    const thick = Math.max(to - from - (to - from > 4 ? 0.6 : 0), 0.7);
    context.fillRect(from, y, thick, WORK);
    const left = Math.max(from, 0), room = Math.min(to, width) - left;
    if (room > 46) {
      context.fillStyle = paint.on;
      context.fillText(fitted(context, timeline.columns.op[lane.rows[i]] || timeline.columns.tensor[lane.rows[i]], room - 10), left + 5, y + 16);
    }
    for (const [begin, end, cause] of waitsBefore(lane, i)) {
      context.fillStyle = paint.waits[cause];
      context.fillRect(x(begin), y + WORK + 2, Math.max(x(end) - x(begin), 0.5), WAIT);
    }
    if (lane.blocked[i] > 0) {
      context.fillStyle = paint.waits[CAUSES.indexOf("link")];
      context.fillRect(x(lane.end[i] - lane.blocked[i]), y + WORK + 2, Math.max(to - x(lane.end[i] - lane.blocked[i]), 0.5), WAIT);
    }
  }
}

function drawShares(context, lane, first, last, x, y, width, paint) {
  const works = new Float64Array(width + 1), waits = CAUSES.map(() => new Float64Array(width + 1));
  for (let i = first; i < last; i += 1) {
    spread(works, x(lane.start[i]), x(lane.end[i]), width);
    for (const [begin, end, cause] of waitsBefore(lane, i)) spread(waits[cause], x(begin), x(end), width);
    if (lane.blocked[i] > 0) spread(waits[CAUSES.indexOf("link")], x(lane.end[i] - lane.blocked[i]), x(lane.end[i]), width);
  }
  for (let pixel = 0; pixel < width; pixel += 1) stacked(context, pixel, 1, works[pixel], waits.map((one) => one[pixel]), y, paint);
}

function drawSlices(context, lane, first, last, x, y, paint) {
  for (let i = first; i < last; i += 1) {
    const from = x(lane.start[i]), length = lane.end[i] - lane.start[i];
    stacked(context, from, x(lane.end[i]) - from + 0.3, lane.busyMs[i] / length, lane.waits.map((one) => one[i] / length), y, paint);
  }
}

// Adds the share of each pixel that [from, to) covers.
function spread(pixels, from, to, width) {
  const low = Math.max(from, 0), high = Math.min(to, width);
  if (high <= low) return;
  const first = Math.floor(low), last = Math.floor(high);
  if (first === last) { pixels[first] += high - low; return; }
  pixels[first] += first + 1 - low;
  for (let pixel = first + 1; pixel < last; pixel += 1) pixels[pixel] += 1;
  pixels[last] += high - last;
}

function stacked(context, x, wide, works, waits, y, paint) {
  context.fillStyle = paint.works[0];
  const tall = WORK * Math.min(works, 1);
  context.fillRect(x, y + WORK - tall, wide, tall);
  let down = y + WORK + 2;
  waits.forEach((share, cause) => {
    if (!(share > 0)) return;
    context.fillStyle = paint.waits[cause];
    context.fillRect(x, down, wide, WAIT * Math.min(share, 1));
    down += WAIT * Math.min(share, 1);
  });
}

function fitted(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  let length = Math.floor((text.length * room) / context.measureText(text).width) - 1;
  while (length > 0 && context.measureText(`${text.slice(0, length)}…`).width > room) length -= 1;
  return length > 0 ? `${text.slice(0, length)}…` : "";
}

function aboutCommand(lane, at, timeline, near) {
  let i = firstAbove(lane.end, at);
  if (i >= lane.rows.length || (lane.start[i] > at && i > 0 && at - lane.end[i - 1] < Math.min(near * 3, lane.start[i] - at))) i -= 1;
  if (i < 0) return null;
  const row = lane.rows[i], c = timeline.columns;
  const parts = waitsBefore(lane, i).map(([begin, end, cause]) => `${duration(end - begin)} for ${WAITS[CAUSES[cause]]}`);
  const waited = parts.length ? `waited ${parts.join(", then ")}` : "";
  if (lane.start[i] > at + near) return lane.start[i] - lane.gap[i] <= at ? [`${lane.name} waits`, parts.join(", then ") || `${duration(lane.gap[i])} for its turn`, `then ${c.op[row] || c.tensor[row]}`] : null;
  return [
    c.op[row] || "no op", c.is_move[row] ? `moves ${c.tensor[row]}, ${size(c.size_bytes[row])}` : `computes ${c.tensor[row] || ""}`,
    c.tile && c.tile[row] ? `tile ${c.tile[row]}` : "", `${duration(lane.start[i])}, for ${duration(lane.end[i] - lane.start[i])}`, waited,
    lane.blocked[i] > 0 ? `link held by others for ${duration(lane.blocked[i])}` : "", `command ${c.command[row]} of ${c.queue[row]}`,
  ];
}

function aboutSlice(lane, at) {
  const i = firstAbove(lane.end, at);
  if (i >= lane.rows.length || lane.start[i] > at) return null;
  const length = lane.end[i] - lane.start[i];
  return [`${lane.name}, ${duration(lane.start[i])} to ${duration(lane.end[i])}`, `busy ${percent(lane.busyMs[i] / length)}`,
    ...CAUSES.map((cause, n) => (lane.waits[n][i] > 0 ? `waits ${percent(lane.waits[n][i] / length)} for ${WAITS[cause]}` : ""))];
}

// What each engine did with the whole latency.
function drawStalls(host, engines, latency) {
  const rows = [];
  for (let i = 0; i < engines.rows; i += 1) {
    if (!engines.columns.commands[i]) continue;
    const waits = CAUSES.map((cause) => [`waits for ${WAITS[cause]}`, engines.columns[`stall_${cause}_ms`][i], cause]);
    rows.push({ name: engines.columns.engine[i], of: latency, parts: [["works", engines.columns.busy_ms[i], "busy"], ...waits, ["idle after its last command", engines.columns.idle_ms[i], "idle"]], text: `${percent(engines.columns.stall_ms[i] / latency)} waiting` });
  }
  stackedBars(host, rows, { whole: latency, full: true, write: duration });
}
