// Ops below the roofs of an engine and of the memory that is chosen; both axes logarithmic.
function drawRoofline(host, { ops, roofs, memories }, summary) {
  const c = ops.columns, engines = [], rates = new Map();
  for (let i = 0; i < roofs.rows; i += 1) {
    if (roofs.columns.limits[i] === "engine") engines.push([roofs.columns.roof[i], roofs.columns.peak_macs_per_s[i]]);
    else rates.set(roofs.columns.roof[i], roofs.columns.peak_bytes_per_s[i]);
  }
  const names = Array.from(memories.columns.memory).filter((name) => rates.has(name) && c[`${name}_read_bytes`]);
  const state = { memory: names.includes(summary.main_memory) ? summary.main_memory : names[0] };
  const dots = [];
  for (let i = 0; i < ops.rows; i += 1) {
    const spent = (c.busy_ms[i] + c.stall_ms[i]) * 1e-3;
    if (c.macs[i] > 0 && spent > 0) dots.push({ row: i, name: c.op[i], kind: c.kind[i], engine: c.engine[i], macs: c.macs[i], rate: c.macs[i] / spent, critical: c.critical_ms[i] });
  }
  if (!dots.length || !names.length) {
    host.append(h("p", { class: "prose" }, dots.length ? "No memory of this device has a rate of its own." : "No op of this run has MACs."));
    return;
  }
  const pressed = names.map((name) => h("button", { type: "button", "aria-pressed": String(name === state.memory), onclick: () => choose(name) }, name));
  const plot = h("div");
  const kinds = [...new Set(dots.map((dot) => dot.kind))].sort((a, b) => dots.filter((dot) => dot.kind === b).length - dots.filter((dot) => dot.kind === a).length);
  const of = new Map(kinds.map((kind, i) => [kind, `c${Math.min(i, 7)}`]));
  host.replaceChildren(h("div", { class: "controls" }, "bytes of", pressed), plot, legend(kinds.map((kind) => [kind, of.get(kind)])));

  function choose(name) {
    state.memory = name;
    pressed.forEach((button, i) => button.setAttribute("aria-pressed", String(names[i] === name)));
    draw(Math.floor(plot.clientWidth));
  }

  function draw(width) {
    const height = Math.round(Math.min(460, Math.max(300, width * 0.5))), left = 76, right = width - 18, top = 30, bottom = height - 46;
    const rate = rates.get(state.memory);
    for (const dot of dots) {
      const bytes = c[`${state.memory}_read_bytes`][dot.row] + c[`${state.memory}_write_bytes`][dot.row];
      dot.bytes = bytes;
      dot.intensity = bytes > 0 ? dot.macs / bytes : Infinity;
    }
    const known = dots.map((dot) => dot.intensity).filter(Number.isFinite);
    const peak = engines.length ? Math.max(...engines.map(([, one]) => one)) : Infinity;
    const marks_ = [...known, ...(Number.isFinite(peak) ? [peak / rate] : []), ...(known.length ? [] : [1])];
    const low = Math.min(...marks_) / 2, high = Math.max(...marks_) * (known.length < dots.length ? 6 : 3);
    const rates_ = dots.map((dot) => dot.rate);
    const fast = Number.isFinite(peak) ? Math.max(peak, ...rates_) * 1.8 : Math.max(...rates_) * 5;
    const slow = Math.min(...rates_, Math.max(rate * low, Math.min(...rates_) / 30)) / 1.6;
    const start = Math.max(low, slow / rate), ridge = Math.min(peak / rate, high, fast / rate);
    const x = logarithmic(low, high, left, right), y = logarithmic(slow, fast, bottom, top);
    const most = Math.max(...dots.map((dot) => dot.critical), 1e-300);
    const radius = (dot) => 3 + 9 * Math.sqrt(dot.critical / most);
    const roofLines = [
      ...(ridge > start ? slope([x(start), y(rate * start)], [x(ridge), y(rate * ridge)], `${state.memory} ${si(rate, "B/s")}`) : []),
      ...engines.flatMap(([name, one]) => [
        s("line", { x1: x(Math.max(one / rate, low)), x2: right, y1: y(one), y2: y(one), stroke: fill("text"), "stroke-width": one === peak ? 1.6 : 1, "stroke-dasharray": one === peak ? null : "4 4" }),
        s("text", { x: right, y: y(one) - 7, "text-anchor": "end", class: "label" }, `${name} ${si(one, "MAC/s")}`)]),
    ];
    const marks = [...dots].sort((a, b) => b.critical - a.critical).map((dot) => {
      const at = [Number.isFinite(dot.intensity) ? x(dot.intensity) : right - 8, y(dot.rate)];
      const bound = Math.min(peakOf(dot.engine), dot.intensity * rate);
      const ofRoof = Number.isFinite(bound) ? `, ${percent(dot.rate / bound)} of its roof` : "";
      return s("circle", {
        cx: at[0], cy: at[1], r: radius(dot), fill: fill(of.get(dot.kind)), "fill-opacity": 0.72, stroke: fill("ground"), "stroke-width": 1, tabindex: "0", "data-op": dot.name,
        tip: [dot.name, `${dot.kind} on ${dot.engine}`, `${si(dot.rate, "MAC/s")}${ofRoof}`,
          Number.isFinite(dot.intensity) ? `${digits(dot.intensity)} MACs per byte of ${state.memory}` : `no byte of ${state.memory}`, `critical ${duration(dot.critical)}`],
      });
    });
    const taken = engines.flatMap(([name, one]) => [[x(Math.max(one / rate, low)), y(one) - 2, right, 4], [right - 7 * `${name} ${si(one, "MAC/s")}`.length, y(one) - 20, 400, 17]]);
    plot.replaceChildren(s("svg", { height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": `Roofline of ${dots.length} ops over bytes of ${state.memory}` },
      axisLeft(powerTicks(slow, fast, height / 60), y, left, right, (v) => si(v, "MAC/s"), "MACs per second", top),
      axisBelow(powerTicks(low, high, width / 80), x, bottom, left, right, (v) => digits(v), `MACs per byte of ${state.memory}`), roofLines, marks, labels(marks, right, taken)));
  }

  // The slowest ops by name, where there is room beside, below or above their dots.
  function labels(marks, right, taken) {
    const dots = marks.map((mark) => [Number(mark.getAttribute("cx")), Number(mark.getAttribute("cy")), Number(mark.getAttribute("r"))]);
    const shown = [];
    marks.slice(0, 14).forEach((mark, i) => {
      const [x, y, reach] = dots[i], text = mark.getAttribute("data-op"), wide = text.length * 6.6;
      const corners = [[x + reach + 4, y - 7], [x - wide / 2, y + reach + 3], [x - wide / 2, y - reach - 17], [x - reach - 4 - wide, y - 7]];
      const free = corners.map(([left, top]) => [left, top, wide, 14]).find((box) => box[0] > 80 && box[0] + wide < right + 14
        && !taken.some((other) => overlap(box, other)) && !dots.some(([cx, cy, r], j) => j !== i && overlap(box, [cx - r, cy - r, 2 * r, 2 * r])));
      if (!free || shown.length >= 6) return;
      taken.push(free);
      shown.push(s("text", { x: free[0] + wide / 2, y: free[1] + 11, "text-anchor": "middle", class: "label" }, text));
    });
    return shown;
  }

  // The roof of a memory, with its name along it.
  function slope(from, to, name) {
    const turn = (Math.atan2(to[1] - from[1], to[0] - from[0]) * 180) / Math.PI;
    return [
      s("path", { d: `M${from}L${to}`, stroke: fill("text"), "stroke-width": 1.6, fill: "none" }),
      s("text", { x: 0, y: -7, class: "label", transform: `translate(${(from[0] + to[0]) / 2},${(from[1] + to[1]) / 2}) rotate(${turn})`, "text-anchor": "middle" }, name),
    ];
  }

  const overlap = (a, b) => a[0] < b[0] + b[2] && b[0] < a[0] + a[2] && a[1] < b[1] + b[3] && b[1] < a[1] + a[3];
  const peakOf = (engine) => engines.find(([name]) => name === engine)?.[1] ?? Math.max(...engines.map(([, one]) => one), engines.length ? 0 : Infinity);
  redrawn(plot, draw);
}
