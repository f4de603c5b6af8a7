// Numbers as people read them: four digits and a prefix, the same as in the rest of cosim.
const PREFIXES = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "u"], [1e-9, "n"], [1e-12, "p"], [1e-15, "f"]];

// toFixed, but ties go to the even digit, as elsewhere in cosim.
function fixed(value, places) {
  const scaled = Math.abs(value) * 10 ** places;
  const isTie = scaled % 1 === 0.5 && (Math.abs(value) * 2 ** (places + 1)) % 1 === 0 && Math.floor(scaled) % 2 === 0;
  return isTie ? (Math.sign(value) * (Math.floor(scaled) / 10 ** places)).toFixed(places) : value.toFixed(places);
}

function digits(value) {
  if (value === 0) return "0";
  if (!Number.isFinite(value)) return "-";
  const places = Math.max(0, 3 - Math.floor(Math.log10(Math.abs(value))));
  const text = fixed(value, Math.min(places, 100));
  return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
}

function si(value, unit) {
  if (value === 0 || !Number.isFinite(value)) return `${digits(value)} ${unit}`.trim();
  const [scale, prefix] = PREFIXES.find(([one]) => Math.abs(Number((value / one).toExponential(3))) >= 1) || PREFIXES.at(-1);
  return `${digits(value / scale)} ${prefix}${unit}`.trim();
}

const duration = (ms) => si(ms * 1e-3, "s");
const energy = (pj) => si(pj * 1e-12, "J");
const area = (um2) => `${digits(um2 * 1e-6)} mm2`;
const percent = (share) => `${(100 * share).toFixed(1)}%`;
const count = (value) => (Math.abs(value) < 100000 ? Number(fixed(value, 0)).toLocaleString("en-US") : si(value, ""));

function size(bytes) {
  for (const [scale, unit] of [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]) {
    if (Math.abs(bytes) >= scale) return `${digits(bytes / scale)} ${unit}`;
  }
  return `${bytes.toFixed(0)} B`;
}

// How a column is written follows from the unit that ends its name.
const BY_UNIT = [
  [/_macs_per_s$/, (v) => si(v, "MAC/s")], [/_bytes_per_s$/, (v) => si(v, "B/s")],
  [/_ms$/, duration], [/_fs$/, (v) => duration(v * 1e-12)], [/_pj$/, energy], [/_uj$/, (v) => energy(v * 1e6)],
  [/_um2$/, area], [/_bytes$/, size], [/_mhz$/, (v) => si(v * 1e6, "Hz")], [/_db$/, (v) => `${v.toFixed(1)} dB`],
  [/^utilization_/, percent], [/^seconds$/, (v) => si(v, "s")], [/^max_error$/, (v) => digits(v)],
];

function quantity(column, value) {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return value ? "yes" : "";
  if (Number.isNaN(value) || value === null || value === undefined) return "";
  if (!Number.isFinite(value)) return column.endsWith("_db") && value > 0 ? "exact" : value > 0 ? "∞" : "−∞";
  const found = BY_UNIT.find(([pattern]) => pattern.test(column));
  if (found) return found[1](value);
  return Number.isInteger(value) ? count(value) : digits(value);
}

const UNITS = /_(macs_per_s|bytes_per_s|ms|fs|pj|uj|um2|bytes|mhz|db)$/;
const titled = (column) => column.replace(UNITS, "").replaceAll("_", " ");
