// Scales and axes of drawn charts.
const linear = (low, high, from, to) => (value) => from + ((value - low) / (high - low || 1)) * (to - from);
const logarithmic = (low, high, from, to) => {
  const scale = linear(Math.log10(low), Math.log10(high), from, to);
  return (value) => scale(Math.log10(value));
};

// About `wanted` round numbers between low and high.
function roundTicks(low, high, wanted) {
  const rough = (high - low) / Math.max(wanted, 1);
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((times) => times * power >= rough) || 10);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high * (1 + 1e-12); i += 1) ticks.push(i * step);
  return ticks;
}

// Powers of ten within, thinned so that about `wanted` remain; 2 and 5 too where there are few.
function powerTicks(low, high, wanted) {
  const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
  const step = Math.max(1, Math.ceil((last - first + 1) / wanted));
  const ticks = [];
  for (let power = first; power <= last; power += step) ticks.push(10 ** power);
  if (ticks.length >= 3) return ticks;
  const fine = [];
  for (let power = first - 1; power <= last; power += 1) {
    for (const times of [1, 2, 5]) if (times * 10 ** power >= low * 0.999 && times * 10 ** power <= high * 1.001) fine.push(times * 10 ** power);
  }
  return fine;
}

function axisBelow(ticks, x, y, left, right, format, title) {
  return s("g", { class: "axis" },
    s("line", { x1: left, x2: right, y1: y, y2: y }),
    ticks.map((tick) => [s("line", { x1: x(tick), x2: x(tick), y1: y, y2: y + 4 }),
      s("text", { x: x(tick), y: y + 17, "text-anchor": "middle" }, format(tick))]),
    s("text", { x: right, y: y + 35, "text-anchor": "end", class: "title" }, title));
}

function axisLeft(ticks, y, x, right, format, title, top) {
  return s("g", { class: "axis" },
    ticks.map((tick) => [s("line", { x1: x, x2: right, y1: y(tick), y2: y(tick) }),
      s("text", { x: x - 8, y: y(tick) + 4, "text-anchor": "end" }, format(tick))]),
    s("text", { x: 0, y: top - 12 }, title));
}

// Rows of stacked bars. rows: [{name, parts: [[label, value, colour]], text, tip}]; `whole` is what fills a track.
function stackedBars(host, rows, { whole, full = false, write }) {
  const box = h("div", { class: `bars${rows.length > 26 ? " long" : ""}` });
  for (const row of rows) {
    const track = h("div", { class: `track${full ? " full" : ""}`, role: "img", "aria-label": `${row.name}: ${row.parts.map(([label, value]) => `${label} ${write(value)}`).join(", ")}` });
    for (const [label, value, of] of row.parts) {
      if (!(value > 0)) continue;
      const part = h("span", { tip: [`${row.name}: ${label}`, write(value), row.of ? `${percent(value / row.of)} of ${row.name}` : ""] });
      part.style.width = `${((100 * value) / whole).toFixed(3)}%`;
      part.style.background = fill(of);
      track.append(part);
    }
    box.append(h("div", { class: "bar" }, h("div", { class: "name", title: row.name }, row.name), track, h("div", { class: "amount" }, row.text)));
  }
  host.append(box);
}
