"""A section of reports: where the zero-skipping array spent its actions."""

from cosim.plugin import Bars, Paragraph, ReportSection


class Skipping(ReportSection):
    """Energy of the array per op, for runs on a device that has one."""

    name = "acme_skipping"
    title = "Zero skipping"
    order = 20

    def blocks(self, result):
        """Nothing for a run without the array."""
        kinds = dict(zip(result.table("engines")["engine"], result.table("engines")["kind"], strict=True))
        ops = result.table("ops")
        mine = [kinds.get(engine) == "acme_zero_skip" for engine in ops["engine"]]
        if not any(mine):
            return []
        names = ops["op"][mine].tolist()
        return [
            Paragraph(f"{len(names)} of {len(mine)} ops run on the zero-skipping array."),
            Bars("Energy of the ops on the array", names, ops["energy_pj"][mine].tolist(), "pJ"),
        ]
