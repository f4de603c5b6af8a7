// What each memory holds while each op runs: ops to the right, addresses upwards, the peak named.
const NAMED = 10;

function drawMemory(host, { placements, memories, ops }, main) {
  const c = placements.columns, used = [];
  for (let i = 0; i < memories.rows; i += 1) {
    const name = memories.columns.memory[i];
    const rows = [];
    for (let row = 0; row < placements.rows; row += 1) if (c.memory[row] === name && c.size_bytes[row] > 0) rows.push(row);
    if (rows.length) used.push({ name, rows, size: memories.columns.size_bytes[i], live: liveBytes(rows, c, ops.rows) });
  }
  used.sort((a, b) => (a.name === main) - (b.name === main));
  if (!used.length) {
    host.append(h("p", { class: "prose" }, "Nothing is placed in a memory."));
    return;
  }
  const state = { memory: used[0], cursor: null };
  const roles = [...new Set(c.role)].sort(), of = new Map(roles.map((role, i) => [role, `c${i % 8}`]));
  const buttons = used.map((memory) => h("button", { type: "button", "aria-pressed": String(memory === state.memory), onclick: () => choose(memory) }, memory.name));
  const plot = h("div"), keys = h("div"), peak = h("div");
  host.replaceChildren(h("div", { class: "controls" }, buttons), plot, keys, peak);

  function choose(memory) {
    state.memory = memory;
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(used[i] === memory)));
    draw(Math.floor(plot.clientWidth));
  }

  function draw(width) {
    const { name, rows, size: capacity, live } = state.memory;
    const at = live.indexOf(Math.max(...live));
    const extent = Math.max(...rows.map((row) => c.address_bytes[row] + c.size_bytes[row]));
    const roof = capacity <= extent * 1.6 ? Math.max(capacity, extent) : extent;
    const height = 300, left = 76, top = 30, bottom = height - 44;
    const x = linear(0, ops.rows, left, width - 1), y = linear(0, roof * 1.02, bottom, top);
    const isThere = (row) => c.first_op[row] <= at && at <= c.last_op[row];
    const boxes = [...rows].sort((a, b) => isThere(a) - isThere(b)).map((row) => {
      const tall = Math.max(y(c.address_bytes[row]) - y(c.address_bytes[row] + c.size_bytes[row]), 0.6);
      return s("rect", {
        x: x(c.first_op[row]), width: Math.max(x(c.last_op[row] + 1) - x(c.first_op[row]), 0.8), y: y(c.address_bytes[row] + c.size_bytes[row]), height: tall,
        fill: fill(of.get(c.role[row])), "fill-opacity": isThere(row) ? 0.95 : 0.42, stroke: fill("ground"), "stroke-width": tall > 3 ? 0.6 : 0,
        tip: [c.what[row], `${c.role[row]}, ${size(c.size_bytes[row])} at ${hex(c.address_bytes[row])}`, `${ops.columns.op[c.first_op[row]]} to ${ops.columns.op[c.last_op[row]]} (ops ${c.first_op[row]} to ${c.last_op[row]})`],
      });
    });
    const step = 2 ** Math.max(0, Math.ceil(Math.log2(roof / 5)));
    const ticks = Array.from({ length: Math.floor(roof / step) + 1 }, (_, i) => i * step);
    const capped = capacity <= roof * 1.02;
    const middle = x(at + 0.5);
    const line = live.map((bytes, i) => `${i ? "L" : "M"}${x(i)},${y(bytes)}L${x(i + 1)},${y(bytes)}`).join("");
    plot.replaceChildren(s("svg", { height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": `${name}: peak ${size(live[at])} of ${size(capacity)}` },
      axisLeft(ticks, y, left, width, size, "address", top), boxes,
      s("path", { d: line, fill: "none", stroke: fill("text"), "stroke-width": 1.3, "pointer-events": "none" }),
      capped ? s("line", { x1: left, x2: width, y1: y(capacity), y2: y(capacity), stroke: fill("text"), "stroke-dasharray": "5 4" }) : null,
      s("text", { x: width, y: top - 12, "text-anchor": "end", class: "label" }, `peak ${size(live[at])} of ${size(capacity)}${capped ? "" : ", which is far above"}`),
      s("line", { x1: middle, x2: middle, y1: top, y2: bottom + 4, stroke: fill("text"), "stroke-width": 1, "stroke-dasharray": "2 3", "pointer-events": "none" }),
      axisBelow(roundTicks(0, ops.rows - 1, Math.min(ops.rows, width / 90)).filter(Number.isInteger), (tick) => x(tick + 0.5), bottom, left, width, String, "op, in order of the network")));
    const here = new Set(rows.map((row) => c.role[row]));
    keys.replaceChildren(legend([...roles.filter((role) => here.has(role)).map((role) => [role, of.get(role)]), ["bytes reserved (line)", "text"]]));
    const there = rows.filter(isThere).sort((a, b) => c.size_bytes[b] - c.size_bytes[a] || c.address_bytes[a] - c.address_bytes[b]);
    peak.replaceChildren(h("h3", null, `At the peak, ${ops.columns.op[at]} (op ${at})`));
    const rest = there.slice(NAMED), first = there.slice(0, NAMED).map((row) => ({ name: c.what[row], parts: [[c.role[row], c.size_bytes[row], of.get(c.role[row])]], text: `${size(c.size_bytes[row])} at ${hex(c.address_bytes[row])}` }));
    if (rest.length) first.push({ name: `${rest.length} more`, parts: [["all", sum(rest.map((row) => c.size_bytes[row])), "c7"]], text: size(sum(rest.map((row) => c.size_bytes[row]))) });
    stackedBars(peak, first, { whole: Math.max(...first.map((row) => row.parts[0][1])), write: size });
  }

  redrawn(plot, draw);
}

const hex = (value) => `0x${value.toString(16)}`;

function liveBytes(rows, c, count) {
  const steps = new Array(count + 1).fill(0);
  for (const row of rows) {
    steps[c.first_op[row]] += c.size_bytes[row];
    steps[c.last_op[row] + 1] -= c.size_bytes[row];
  }
  let total = 0;
  return steps.slice(0, count).map((step) => (total += step));
}
