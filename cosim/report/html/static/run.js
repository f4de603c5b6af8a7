// The page of a run.
async function drawRun() {
  const tables = Object.fromEntries(await Promise.all(Object.entries(PAGE.tables).map(async ([name, found]) => [name, await tableOf(found)])));
  const { summary } = PAGE;
  const at = (name) => document.getElementById(name);
  const list = opsTable(at("ops-table"), tables.ops, summary, (row) => list.choose(row));
  const find = (row) => { list.choose(row); list.reveal(row); location.hash = "ops"; };
  if (tables.timeline || tables.activity) drawTimeline(at("timeline-chart"), tables, summary.latency_ms);
  drawStalls(at("stall-chart"), tables.engines, summary.latency_ms);
  drawEnergy(at("energy-chart"), tables.actions);
  if (tables.op_actions) drawOpEnergy(at("op-energy-chart"), tables.ops, tables.op_actions, find);
  drawArea(at("area-chart"), tables.areas);
  if (tables.roofs) drawRoofline(at("roofline-chart"), tables, summary);
  drawMemory(at("memory-chart"), tables, summary.main_memory);
  await drawBlocks(PAGE.listings, PAGE.bars);
  pageIsReady();
}

drawRun();
