// Designs in two metrics. Points lie on one canvas, what the pointer is at on another: 100,000 are no burden.
function drawScatter(host, designs, { metrics, objectives, titles, signs, choose }) {
  const c = designs.columns;
  const best = c.is_on_front;
  const chosen = { x: objectives[0], y: objectives[1] || metrics.find((name) => name !== objectives[0]) || objectives[0], row: -1 };
  const menu = (axis) => h("select", { "aria-label": `Metric along ${axis}`, "data-axis": axis, onchange: (event) => { chosen[axis] = event.target.value; draw(box.clientWidth); } },
    metrics.map((name) => h("option", { value: name, selected: name === chosen[axis] }, titles[name])));
  const base = h("canvas", { tabindex: "0", role: "img", "aria-label": "Designs; arrows step along the front" }), over = h("canvas", { class: "over" });
  const box = h("div", { class: "chart" }, base, over);
  const counted = h("span", { class: "range", role: "status" });
  host.replaceChildren(h("div", { class: "controls" }, "right", menu("x"), "up", menu("y"), counted), box,
    legend([["on the front of all objectives", "c0"], ["beaten", "c7"], ["beyond a limit", "c1"]].filter(([name]) => name !== "beyond a limit" || Array.from(c.is_allowed).some((is, row) => !is && c.state[row] === "done"))));
  let plan = null;

  function front2(rows) {
    const x = (row) => signs[chosen.x] * c[chosen.x][row], y = (row) => signs[chosen.y] * c[chosen.y][row];
    const found = [];
    for (const row of [...rows].sort((a, b) => x(a) - x(b) || y(a) - y(b))) if (!found.length || y(row) < y(found.at(-1))) found.push(row);
    return found;
  }

  function axis(name, rows, from, to, room) {
    let low = Infinity, high = -Infinity;
    for (const row of rows) { low = Math.min(low, c[name][row]); high = Math.max(high, c[name][row]); }
    const isLog = low > 0 && high / low > 8;
    if (isLog) { low /= 1.15; high *= 1.15; } else { const pad = (high - low || Math.abs(high) || 1) * 0.06; low = low >= 0 ? Math.max(0, low - pad) : low - pad; high += pad; }
    return { scale: isLog ? logarithmic(low, high, from, to) : linear(low, high, from, to), ticks: isLog ? powerTicks(low, high, room) : roundTicks(low, high, room) };
  }

  function draw(width) {
    const rows = [];
    for (let row = 0; row < designs.rows; row += 1) if (c.state[row] === "done" && Number.isFinite(c[chosen.x][row]) && Number.isFinite(c[chosen.y][row])) rows.push(row);
    const height = Math.round(Math.min(520, Math.max(320, width * 0.52))), left = 82, right = width - 14, top = 30, bottom = height - 46;
    const context = sized(base, width, height);
    sized(over, width, height);
    over.style.width = `${width}px`;
    over.style.left = "0";
    over.style.top = "0";
    if (!rows.length) return;
    const x = axis(chosen.x, rows, left, right, width / 110), y = axis(chosen.y, rows, bottom, top, height / 60);
    axes(context, x, y, left, right, top, bottom, width, height);
    const px = new Float32Array(rows.length), py = new Float32Array(rows.length);
    rows.forEach((row, i) => { px[i] = x.scale(c[chosen.x][row]); py[i] = y.scale(c[chosen.y][row]); });
    const dense = rows.length > 3000;
    const dots = (test, of, radius, alpha) => {
      context.fillStyle = of;
      context.globalAlpha = alpha;
      rows.forEach((row, i) => {
        if (!test(row)) return;
        if (radius < 1.6) context.fillRect(px[i] - radius, py[i] - radius, 2 * radius, 2 * radius);
        else { context.beginPath(); context.arc(px[i], py[i], radius, 0, 7); context.fill(); }
      });
      context.globalAlpha = 1;
    };
    dots((row) => !best[row] && !c.is_allowed[row], colour("c1"), dense ? 1 : 2.6, dense ? 0.3 : 0.5);
    dots((row) => !best[row] && c.is_allowed[row], colour("c7"), dense ? 1 : 2.8, dense ? 0.35 : 0.6);
    const line = front2(rows.filter((row) => c.is_allowed[row]));
    context.strokeStyle = colour("c0");
    context.lineWidth = 1.4;
    context.beginPath();
    line.forEach((row, i) => {
      const at = [x.scale(c[chosen.x][row]), y.scale(c[chosen.y][row])];
      if (i) { context.lineTo(at[0], y.scale(c[chosen.y][line[i - 1]])); context.lineTo(...at); } else context.moveTo(...at);
    });
    context.stroke();
    dots((row) => best[row], colour("c0"), 5, 1);
    counted.textContent = `${rows.length.toLocaleString("en-US")} designs, ${rows.filter((row) => best[row]).length.toLocaleString("en-US")} on the front`;
    plan = { rows, px, py, buckets: bucketed(px, py), width, height };
    host.dataset.points = rows.length;
    const shown = rows.findIndex((row) => best[row]);  // where tests may click
    host.dataset.first = shown < 0 ? "" : `${px[shown]},${py[shown]}`;
    mark(chosen.row);
  }

  function axes(context, x, y, left, right, top, bottom, width, height) {
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    for (const tick of y.ticks) {
      context.fillStyle = colour("line");
      context.fillRect(left, Math.round(y.scale(tick)), right - left, 1);
      context.fillStyle = colour("muted");
      context.textAlign = "right";
      context.fillText(quantity(chosen.y, tick), left - 8, y.scale(tick));
    }
    context.textAlign = "center";
    context.fillStyle = colour("line");
    context.fillRect(left, bottom, right - left, 1);
    context.fillStyle = colour("muted");
    for (const tick of x.ticks) {
      context.fillRect(Math.round(x.scale(tick)), bottom, 1, 5);
      context.fillText(quantity(chosen.x, tick), x.scale(tick), bottom + 16);
    }
    context.textAlign = "left";
    context.fillText(titles[chosen.y], 0, top - 17);
    context.textAlign = "right";
    context.fillText(titles[chosen.x], right, height - 8);
    context.textAlign = "left";
  }

  const CELL = 24;
  function bucketed(px, py) {
    const buckets = new Map();
    px.forEach((at, i) => {
      const key = `${Math.floor(at / CELL)},${Math.floor(py[i] / CELL)}`;
      (buckets.get(key) || buckets.set(key, []).get(key)).push(i);
    });
    return buckets;
  }

  // The design that is nearest to a point, those on the front first; -1 where none is near.
  function nearest(x, y) {
    let found = -1, least = 18;
    for (let i = -1; i <= 1; i += 1) for (let j = -1; j <= 1; j += 1) {
      for (const one of plan?.buckets.get(`${Math.floor(x / CELL) + i},${Math.floor(y / CELL) + j}`) || []) {
        const away = Math.hypot(plan.px[one] - x, plan.py[one] - y) - (best[plan.rows[one]] ? 5 : 0);
        if (away < least) { least = away; found = one; }
      }
    }
    return found < 0 ? -1 : plan.rows[found];
  }

  function mark(...rows) {
    const context = sized(over, plan.width, plan.height);
    context.lineWidth = 2;
    context.strokeStyle = colour("text");
    for (const row of rows) {
      const at = plan.rows.indexOf(row);
      if (at < 0) continue;
      context.beginPath();
      context.arc(plan.px[at], plan.py[at], 8, 0, 7);
      context.stroke();
    }
  }

  const under = (event) => { const at = base.getBoundingClientRect(); return nearest(event.clientX - at.left, event.clientY - at.top); };
  base.addEventListener("pointermove", (event) => {
    if (!plan) return;
    const row = under(event);
    base.style.cursor = row < 0 ? "" : "pointer";
    mark(chosen.row, row);
    if (row < 0) hideTip();
    else showTip([best[row] ? "on the front" : c.is_allowed[row] ? "beaten" : "beyond a limit", ...metrics.slice(0, 5).map((name) => `${titles[name]} ${quantity(name, c[name][row])}`)], event.clientX, event.clientY);
  });
  base.addEventListener("pointerleave", () => { hideTip(); if (plan) mark(chosen.row); });
  base.addEventListener("click", (event) => { const row = under(event); if (row >= 0) choose(row); });
  base.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step || !plan) return;
    event.preventDefault();
    const line = plan.rows.filter((row) => best[row]).sort((a, b) => c[chosen.x][a] - c[chosen.x][b] || a - b);
    const at = line.indexOf(chosen.row);
    if (line.length) choose(line[Math.min(line.length - 1, Math.max(0, at < 0 ? 0 : at + step))]);
  });
  redrawn(box, draw);
  return { choose(row) { chosen.row = row; if (plan) mark(row); } };
}
