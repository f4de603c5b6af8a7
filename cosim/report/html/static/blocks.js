// Tables and bars of sections that plugins give.
async function drawBlocks(listings, bars) {
  for (const [name, found] of Object.entries(listings)) {
    drawTable(document.getElementById(name), await tableOf(found), { label: name });
  }
  for (const [name, { caption, unit, labels, values }] of Object.entries(bars)) {
    const numbers = values.map((value) => (value === null ? NaN : NAMES[value] ?? value));
    const write = (value) => (unit === "pJ" ? energy(value) : unit === "byte" ? size(value) : unit === "ms" ? duration(value) : `${unit === "dB" ? value.toFixed(1) : digits(value)} ${unit}`.trim());
    const known = numbers.filter(Number.isFinite), whole = Math.max(...known.map(Math.abs), 1e-300);
    const rows = labels.map((label, i) => ({
      name: label, parts: Number.isFinite(numbers[i]) ? [[caption, Math.abs(numbers[i]), numbers[i] < 0 ? "c1" : "c0"]] : [],
      text: Number.isFinite(numbers[i]) ? write(numbers[i]) : numbers[i] > 0 ? (unit === "dB" ? "exact" : "∞") : numbers[i] < 0 ? "−∞" : "",
    }));
    stackedBars(document.getElementById(name), rows, { whole, write });
  }
}
