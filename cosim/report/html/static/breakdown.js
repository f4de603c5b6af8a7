// Energy and area: a bar per component, stacked by what it was spent on.
const SPENT = [["reads", "c0"], ["writes", "c5"], ["work", "c2"], ["busy", "c3"], ["stalled", "c1"], ["idle", "c4"], ["background", "c6"], ["leakage", "c7"]];

function spentOn(state, action) {
  if (state !== "action") return state;
  if (action.startsWith("read")) return "reads";
  return action.startsWith("write") ? "writes" : "work";
}

function drawEnergy(host, actions) {
  const c = actions.columns, found = new Map();
  for (let i = 0; i < actions.rows; i += 1) {
    const parts = found.get(c.component[i]) || found.set(c.component[i], new Map()).get(c.component[i]);
    const on = spentOn(c.state[i], c.action[i]);
    parts.set(on, (parts.get(on) || 0) + c.energy_pj[i]);
  }
  const known = new Map(SPENT);
  const seen = new Set([...found.values()].flatMap((parts) => [...parts.keys()]));
  const order = [...SPENT.map(([on]) => on), ...[...seen].filter((on) => !known.has(on)).sort()];
  component(host, [...found].map(([name, parts]) => [name, order.filter((on) => parts.get(on) > 0).map((on) => [on, parts.get(on), known.get(on) || "c7"])]), energy);
  host.append(legend(order.filter((on) => seen.has(on)).map((on) => [on, known.get(on) || "c7"])));
}

function drawArea(host, areas) {
  if (!areas.rows) {
    host.append(h("p", { class: "prose" }, "No unit of this device has an area."));
    return;
  }
  const c = areas.columns, found = new Map(), units = [...new Set(c.unit)].sort();
  const of = new Map(units.map((unit, i) => [unit, `c${i % 8}`]));
  for (let i = 0; i < areas.rows; i += 1) {
    const parts = found.get(c.component[i]) || found.set(c.component[i], []).get(c.component[i]);
    parts.push([c.unit[i].replaceAll("_", " "), c.area_um2[i], of.get(c.unit[i])]);
  }
  component(host, [...found], area);
  host.append(legend(units.map((unit) => [unit.replaceAll("_", " "), of.get(unit)])));
}

function component(host, found, write) {
  const rows = found.map(([name, parts]) => ({ name, parts, of: sum(parts.map(([, value]) => value)) })).filter((row) => row.of > 0);
  rows.sort((a, b) => b.of - a.of || (a.name < b.name ? -1 : 1));
  const total = sum(rows.map((row) => row.of));
  stackedBars(host, rows.map((row) => ({ ...row, text: `${write(row.of)}, ${percent(row.of / total)}` })), { whole: Math.max(...rows.map((row) => row.of)), write });
}

// One column per op, stacked by component.
function drawOpEnergy(host, ops, opActions, choose) {
  const order = new Map(Array.from(ops.columns.op, (name, i) => [name, i]));
  const totals = new Map(), parts = Array.from({ length: ops.rows }, () => new Map());
  for (let i = 0; i < opActions.rows; i += 1) {
    const at = order.get(opActions.columns.op[i]), name = opActions.columns.component[i], value = opActions.columns.energy_pj[i];
    if (at === undefined) continue;
    parts[at].set(name, (parts[at].get(name) || 0) + value);
    totals.set(name, (totals.get(name) || 0) + value);
  }
  const names = [...totals.keys()].sort((a, b) => totals.get(b) - totals.get(a) || (a < b ? -1 : 1)).slice(0, 7);
  const of = new Map(names.map((name, i) => [name, `c${i}`]));
  const plot = h("div");
  host.append(plot, legend([...names.map((name) => [name, of.get(name)]), ...(totals.size > 7 ? [["others", "c7"]] : [])]));
  redrawn(plot, (width) => {
    const height = 210, left = 62, bottom = height - 38, top = 22;
    const most = Math.max(...parts.map((one) => sum([...one.values()])), 1e-12);
    const x = linear(0, ops.rows, left, width), y = linear(0, most, bottom, top);
    const step = (width - left) / ops.rows;
    const columns = parts.map((one, i) => {
      let below = 0;
      const total = sum([...one.values()]);
      const lines = [ops.columns.op[i], energy(total), ...[...one].sort((a, b) => b[1] - a[1]).slice(0, 6).map(([name, value]) => `${name} ${energy(value)}`)];
      const stacks = [...names, "others"].map((name) => {
        const value = name === "others" ? sum([...one].filter(([other]) => !of.has(other)).map(([, amount]) => amount)) : one.get(name) || 0;
        const rect = value > 0 && s("rect", { x: x(i), width: Math.max(step - (step > 4 ? 1 : 0), 0.6), y: y(below + value), height: y(below) - y(below + value), fill: fill(of.get(name) || "c7") });
        below += value;
        return rect || null;
      });
      return s("g", { tip: lines, onclick: () => choose(i) }, s("rect", { x: x(i), width: step, y: top, height: bottom - top, fill: "transparent" }), stacks);
    });
    const ticks = roundTicks(0, ops.rows - 1, Math.min(ops.rows, width / 90)).filter(Number.isInteger);
    plot.replaceChildren(s("svg", { height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Energy by op" },
      axisLeft(roundTicks(0, most, 4), y, left, width, energy, "", top),
      columns, axisBelow(ticks, (tick) => x(tick + 0.5), bottom, left, width, String, "op, in order of the network")));
  });
}
