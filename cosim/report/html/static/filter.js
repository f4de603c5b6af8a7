// What is typed into a filter: words that must occur in some text of a row, and comparisons such as macs>1e6.
const COMPARISONS = { "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b, "=": (a, b) => a === b };
const SCALES = { k: 1e3, M: 1e6, G: 1e9, "": 1 };

// A function row -> boolean, or null where nothing is typed.
function filterOf(text, table) {
  const tests = text.trim().split(/\s+/).filter(Boolean).map((word) => comparison(word, table) || occurrence(word, table));
  return tests.length ? (row) => tests.every((test) => test(row)) : null;
}

function comparison(word, table) {
  const match = /^([\w. ]+?)(<=|>=|<|>|=)(.+)$/.exec(word);
  if (!match) return null;
  const wanted = match[1].toLowerCase();
  const name = table.names.find((one) => one.toLowerCase() === wanted) || table.names.find((one) => one.toLowerCase().startsWith(wanted));
  if (!name) return null;
  const values = table.columns[name];
  if (table.types[name] === "text") return (row) => match[2] === "=" && String(values[row]).toLowerCase() === match[3].toLowerCase();
  if (table.types[name] === "bool") return (row) => values[row] === ["1", "yes", "true"].includes(match[3].toLowerCase());
  const number = /^([-+.\de]+)([kMG]?)$/.exec(match[3]);
  if (!number) return null;
  const limit = Number(number[1]) * SCALES[number[2]];
  return (row) => COMPARISONS[match[2]](values[row], limit);
}

function occurrence(word, table) {
  const wanted = word.toLowerCase();
  const texts = table.names.filter((name) => table.types[name] === "text").map((name) => table.columns[name]);
  return (row) => texts.some((values) => String(values[row]).toLowerCase().includes(wanted));
}
