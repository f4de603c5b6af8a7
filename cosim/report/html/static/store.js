// The page of a store of designs.
async function drawStore() {
  const designs = await tableOf(PAGE.designs);
  const c = designs.columns, axes = Object.keys(PAGE.axes);
  const metrics = PAGE.metrics.map((metric) => metric.column);
  const first = [...PAGE.objectives.filter((name) => metrics.includes(name)), ...metrics.filter((name) => !PAGE.objectives.includes(name))];
  const titles = Object.fromEntries(PAGE.metrics.map((metric) => [metric.column, metric.title]));
  const signs = Object.fromEntries(PAGE.metrics.map((metric) => [metric.column, metric.is_more_better ? -1 : 1]));
  const at = (name) => document.getElementById(name);
  let scatter = null;
  const list = drawTable(at("designs-table"), designs, {
    columns: ["is_on_front", ...axes, ...first, "state"], label: "designs", hint: "Filter: done latency_ms<5 is_on_front=1", choose: (row) => show(row),
    sort: { column: "is_on_front", down: true }, titles: { ...titles, is_on_front: "front" },
  });

  async function show(row) {
    scatter?.choose(row);
    list.choose(row);
    const detail = PAGE.details[c.key[row]];
    const panel = h("div", { class: "panel" },
      h("h3", null, c.is_on_front[row] ? "A design on the front" : c.state[row] === "done" ? "A design that others beat" : `A design that is ${c.state[row]}`),
      h("dl", { class: "facts" }, axes.map((name) => [h("dt", null, name), h("dd", null, String(c[name][row]))]),
        first.filter((name) => Number.isFinite(c[name][row])).map((name) => [h("dt", null, titles[name]), h("dd", null, quantity(name, c[name][row]))]),
        c.error[row] ? [h("dt", null, "error"), h("dd", null, c.error[row])] : null,
        h("dt", null, "key"), h("dd", null, h("code", null, c.key[row]))));
    at("design").replaceChildren(panel);
    if (!detail) {
      panel.append(h("p", { class: "prose" }, "Its ops are not in this page: ‘cosim report’ simulates as many designs of the front again as --details says."));
      return;
    }
    if (detail.note) panel.append(h("p", { class: "prose" }, detail.note));
    const ops = await tableOf(detail.ops);
    if (!ops.rows) return;
    const place = h("div", { class: "table" });
    panel.append(h("h3", null, "Its ops"), place);
    drawTable(place, ops, { share: "critical_ms", label: "ops of the design", titles: { critical_ms: "critical", stall_ms: "waits", stall_cause: "mostly for", utilization_spatial: "spatial" } });
  }

  if (first.length) scatter = drawScatter(at("front-chart"), designs, { metrics: first, objectives: first, titles, signs, choose: show });
  pageIsReady();
}

drawStore();
