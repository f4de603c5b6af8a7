// Tables of the page: short columns stand there as they are, long ones are deflated float64.
async function inflated(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Float64Array(await new Response(stream).arrayBuffer());
}

const NAMES = { Infinity: Infinity, "-Infinity": -Infinity };

async function columnOf(found) {
  if (found.deflated === undefined) {
    if (found.type === "text" || found.type === "bool") return found.values;
    return Float64Array.from(found.values, (value) => (value === null ? NaN : NAMES[value] ?? value));
  }
  const numbers = await inflated(found.deflated);
  if (found.type === "text") return Array.from(numbers, (code) => found.words[code]);
  return found.type === "bool" ? Array.from(numbers, Boolean) : numbers;
}

// {rows, names, types: {column: type}, columns: {column: values}}
async function tableOf(found) {
  const names = Object.keys(found.columns);
  const columns = await Promise.all(names.map((name) => columnOf(found.columns[name])));
  return {
    rows: found.rows,
    names,
    types: Object.fromEntries(names.map((name) => [name, found.columns[name].type])),
    columns: Object.fromEntries(names.map((name, i) => [name, columns[i]])),
  };
}

const PAGE = JSON.parse(document.getElementById("data").textContent);
const sum = (values) => values.reduce((total, value) => total + value, 0);
