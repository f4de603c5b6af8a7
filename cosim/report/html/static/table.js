// A table that sorts by every column, filters, and draws no more rows than can be seen: 100,000 rows are no burden.
const ALL_AT_ONCE = 300;
const ROW = 28;
const PRINTED = 3000;  // rows that a printed page has at most, where there are more: those in sight

// options: columns (shown first; all otherwise), sort {column, down}, share (column drawn as part of its sum),
// choose(row), label, hint, titles {column: title}
function drawTable(host, table, options = {}) {
  const state = { sort: options.sort || null, filter: "", all: !options.columns, chosen: -1, order: null, ranks: {} };
  const search = h("input", {
    type: "search", placeholder: options.hint || "Filter", "aria-label": `Filter ${options.label || "rows"}`,
    oninput: () => { state.filter = search.value; state.order = null; scroll.scrollTop = 0; rows(); },
  });
  const counted = h("span", { class: "counted", role: "status" });
  const more = options.columns && h("button", {
    type: "button", "aria-pressed": "false",
    onclick: () => { state.all = !state.all; more.setAttribute("aria-pressed", String(state.all)); header(); rows(); },
  }, "All columns");
  const head = h("thead"), body = h("tbody"), widths = h("colgroup");
  const scroll = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": options.label || "Table" },
    h("table", null, widths, head, body));
  host.replaceChildren(...(table.rows > 8 ? [h("div", { class: "controls" }, search, more || null, counted)] : []), scroll);
  const sums = options.share ? sum(Array.from(table.columns[options.share]).filter(Number.isFinite)) : 0;
  const shown = () => (state.all ? table.names : options.columns.filter((name) => table.names.includes(name)));
  const isNumber = (name) => table.types[name] === "int" || table.types[name] === "float";
  const title = (name) => options.titles?.[name] || titled(name);

  function header() {
    widths.replaceChildren(...shown().map((name) => {
      const one = h("col");
      one.style.width = `${width(name)}ch`;
      return one;
    }));
    head.replaceChildren(h("tr", null, shown().map((name) => h("th", {
      scope: "col", class: isNumber(name) ? "number" : null, "data-column": name,
      "aria-sort": state.sort?.column === name ? (state.sort.down ? "descending" : "ascending") : null,
    }, h("button", { type: "button", title: name, onclick: () => sortBy(name) }, title(name))))));
  }

  function width(name) {
    let most = title(name).length + 2;
    for (let row = 0; row < Math.min(table.rows, 200); row += 1) most = Math.max(most, quantity(name, table.columns[name][row]).length);
    return Math.min(most, name === shown()[0] ? 34 : 30) + 2.2;
  }

  function sortBy(name) {
    const down = state.sort?.column === name ? !state.sort.down : isNumber(name) || table.types[name] === "bool";
    state.sort = { column: name, down };
    state.order = null;
    scroll.scrollTop = 0;
    header();
    rows();
    head.querySelector(`th[data-column="${CSS.escape(name)}"] button`).focus();
  }

  function keys(name) {
    if (table.types[name] !== "text") return table.columns[name];
    if (!state.ranks[name]) {
      const compare = new Intl.Collator("en", { numeric: true }).compare;
      const rank = new Map([...new Set(table.columns[name])].sort(compare).map((word, i) => [word, i]));
      state.ranks[name] = Float64Array.from(table.columns[name], (word) => rank.get(word));
    }
    return state.ranks[name];
  }

  function order() {
    const test = filterOf(state.filter, table);
    const kept = [];
    for (let row = 0; row < table.rows; row += 1) if (!test || test(row)) kept.push(row);
    if (!state.sort) return kept;
    const values = keys(state.sort.column), sign = state.sort.down ? -1 : 1;
    return kept.sort((a, b) => {
      const x = values[a], y = values[b];
      if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || a - b;
      return x === y ? a - b : sign * (x < y ? -1 : 1);
    });
  }

  function cell(name, row) {
    const value = table.columns[name][row], text = quantity(name, value);
    const kind = isNumber(name) ? "number" : null;
    if (name !== options.share || !sums) return h("td", { class: kind, title: text.length > 26 ? text : null }, text);
    const part = h("span", { class: "share", title: percent(value / sums) }, text);
    part.style.setProperty("--part", Math.max(0, value / sums / largest()).toFixed(4));
    return h("td", { class: kind }, part);
  }

  let most = 0;
  const largest = () => (most ||= Math.max(...Array.from(table.columns[options.share]).filter(Number.isFinite)) / sums || 1);

  function line(row) {
    return h("tr", {
      class: options.choose ? "choosable" : null, "data-row": row, tabindex: options.choose ? "0" : null,
      "aria-selected": options.choose ? String(row === state.chosen) : null,
      ...(options.choose ? { onclick: () => options.choose(row), onkeydown: (event) => { if (event.key === "Enter") options.choose(row); } } : {}),
    }, shown().map((name) => cell(name, row)));
  }

  function spacer(count) {
    const one = h("td", { colspan: shown().length });
    one.style.height = `${count * ROW}px`;
    return h("tr", { class: "spacer", "aria-hidden": "true" }, one);
  }

  function rows() {
    state.order ||= order();
    const found = state.order;
    counted.textContent = found.length === table.rows ? `${found.length.toLocaleString("en-US")} rows` : `${found.length.toLocaleString("en-US")} of ${table.rows.toLocaleString("en-US")} rows`;
    if (found.length <= ALL_AT_ONCE) {
      body.replaceChildren(...found.map(line));
      return;
    }
    const first = Math.max(0, Math.floor(scroll.scrollTop / ROW) - 10);
    const last = Math.min(found.length, first + Math.ceil((scroll.clientHeight || 560) / ROW) + 20);
    body.replaceChildren(spacer(first), ...found.slice(first, last).map(line), spacer(found.length - last));
  }

  let waiting = false;
  scroll.addEventListener("scroll", () => {
    if (waiting || state.order.length <= ALL_AT_ONCE) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; rows(); });
  }, { passive: true });
  addEventListener("beforeprint", () => { if (state.order.length <= PRINTED) body.replaceChildren(...state.order.map(line)); });
  addEventListener("afterprint", rows);
  header();
  rows();
  return {
    choose(row) {
      state.chosen = row;
      rows();
    },
    reveal(row) {
      const at = state.order.indexOf(row);
      if (at >= 0) scroll.scrollTop = Math.max(0, at * ROW - 150);
      rows();
    },
  };
}
