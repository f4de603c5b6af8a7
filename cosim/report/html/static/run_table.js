// The ops of a run: the columns that matter first, all of them on request.
function opsTable(host, ops, summary, choose) {
  const main = summary.main_memory;
  const columns = ["op", "kind", "engine", "critical_ms", "busy_ms", "stall_ms", "stall_cause", "macs", "utilization_spatial",
    `${main}_read_bytes`, `${main}_write_bytes`, "energy_pj"];
  if (Array.from(ops.columns.sqnr_db || []).some((value) => !Number.isNaN(value))) columns.push("sqnr_db");
  return drawTable(host, ops, {
    columns, share: "critical_ms", label: "ops", hint: "Filter: conv mac, energy_pj>1e6", choose,
    titles: { critical_ms: "critical", stall_ms: "waits", stall_cause: "mostly for", utilization_spatial: "spatial" },
  });
}
