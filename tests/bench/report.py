"""report - the tables: cost, what it is held to, and by how much it is missed. All figures are medians of interleaved rounds, and a ratio
is the median of the rounds' ratios, so that a machine that drifts does not decide."""
import statistics

import scenarios

COST_HEAD = ("scenario", "unit", "floor", "nginx", "haproxy", "sallyport", "(spread)", "to nginx", "at most", "verdict")


def median(values):
    return statistics.median(values)


def ratio(samples, name, to="nginx", what="cpu"):
    """Of one gateway's cost to another's, round by round; None where one was not there."""
    if not samples.get(name) or not samples.get(to):
        return None
    return median([mine[what] / other["cpu"] for mine, other in zip(samples[name], samples[to])])


def difference(these, those):
    return median([one["cpu"] - other["cpu"] for one, other in zip(these, those)])


def judge(value, limit):
    if limit is None:
        return ""
    if value <= limit:
        return "held"
    return f"missed by {100 * (value / limit - 1):.1f} %" if limit else f"missed by {value:.2f}"


def number(value, digits=2):
    if value is None:
        return ""
    return f"{round(value, digits) + 0.0:.{digits}f}" if abs(value) < 1000 else f"{value:,.0f}"


def cost_row(scenario, samples):
    """One scenario: what is shown, and what a program wants to know."""
    costs = {name: median([one["cpu"] for one in rounds]) for name, rounds in samples.items() if rounds}
    digits = 3 if scenario.per_byte else 1
    row = {"key": scenario.key, "title": scenario.title, "unit": scenario.unit, "cost": costs, "samples": samples}
    mine, limit = ratio(samples, "sallyport"), scenario.ratio
    if limit is not None and ratio(samples, "floor") is not None:
        limit = max(limit, scenarios.FLOOR_TIMES * ratio(samples, "floor"))
    row["to_nginx"], row["limit"] = mine, limit
    row["verdict"] = judge(mine, limit) if mine is not None else ""
    cells = [scenario.key + " " + scenario.title, scenario.unit]
    cells += [number(costs.get(name), digits) for name in ("floor", "nginx", "haproxy", "sallyport")]
    if "sallyport" in costs:
        spread = [one["cpu"] for one in samples["sallyport"]]
        cells.append(f"{min(spread):.{digits}f}-{max(spread):.{digits}f}")
    else:
        cells.append("")
    at_most = limit * costs["nginx"] if limit is not None and "nginx" in costs else None
    cells += [number(mine), number(at_most, digits), row["verdict"]]
    return row, cells


def worker_row(scenario, samples):
    """Our workers alone against all of nginx, where that has a figure of its own."""
    mine = ratio(samples, "sallyport", what="worker_cpu")
    if scenario.worker_ratio is None or mine is None:
        return None, None
    cost = median([one["worker_cpu"] for one in samples["sallyport"]])
    row = {"key": scenario.key + "_worker", "cost": {"sallyport": cost}, "to_nginx": mine, "limit": scenario.worker_ratio,
           "verdict": judge(mine, scenario.worker_ratio)}
    nginx = median([one["cpu"] for one in samples["nginx"]])
    return row, [f"{scenario.key} in the worker alone", "us", "", number(nginx, 1), "", number(cost, 1), "", number(mine),
                 number(scenario.worker_ratio * nginx, 1), row["verdict"]]


def difference_row(title, unit, value, limit):
    return {"key": title, "value": value, "limit": limit, "verdict": judge(value, limit)}, \
        [title, unit, "", "", "", number(value), "", "", number(limit), judge(value, limit)]


def latency_row(scenario, samples):
    cells = [scenario.key + " " + scenario.title]
    for name in scenarios.ORDER:
        rounds = samples.get(name)
        cells.append("" if not rounds else f"{median([one['requests_per_s'] for one in rounds]):,.0f}: " + " ".join(
            f"{median([one[what] for one in rounds]):.2f}" for what in ("p50_ms", "p99_ms", "p999_ms")))
    verdict = ""
    if scenario.is_p99_held and samples.get("sallyport") and samples.get("nginx"):
        verdict = judge(*(median([one["p99_ms"] for one in samples[name]]) for name in ("sallyport", "nginx")))
    return cells + [verdict]


def count_row(title, figures, limit, digits=2):
    """figures: {peer: number}."""
    mine = figures.get("sallyport")
    verdict = judge(mine, limit) if mine is not None else ""
    return {"title": title, "counts": figures, "limit": limit, "verdict": verdict}, \
        [title, *(number(figures.get(name), digits) for name in ("floor", "nginx", "haproxy", "sallyport")), number(limit, digits), verdict]


# --- as text ---

def plain(head, rows):
    """Columns, the first to the left."""
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    lines = ["  ".join(str(cell).ljust(width) if i == 0 else str(cell).rjust(width) for i, (cell, width) in enumerate(zip(row, widths))).rstrip()
             for row in [head, *rows]]
    return "\n".join(lines)


def markdown(head, rows):
    lines = ["| " + " | ".join(map(str, head)) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


class Report:
    """Tables as they come: printed at once, kept for the file."""

    def __init__(self):
        self.tables, self.data = [], {}

    def table(self, title, head, rows):
        self.tables.append((title, head, rows))
        print(f"\n{title}\n{plain(head, rows)}", flush=True)

    def verdicts(self):
        """(held, missed) over all tables."""
        last = [str(row[-1]) for _, head, rows in self.tables if head[-1] == "verdict" for row in rows]
        return sum(cell == "held" for cell in last), sum(cell.startswith("missed") for cell in last)

    def as_markdown(self):
        return "\n\n".join(f"## {title}\n\n{markdown(head, rows)}" for title, head, rows in self.tables) + "\n"


def replace_part(path, name, text):
    """Puts the text between the file's two markers of that name; they are added at its end when missing."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    try:
        with open(path, encoding="utf-8") as file:
            whole = file.read()
    except FileNotFoundError:
        whole = ""
    if begin not in whole:
        whole += f"\n{begin}{end}"
    before, _, rest = whole.partition(begin)
    with open(path, "w", encoding="utf-8") as file:
        file.write(before + begin + text + end + rest.partition(end)[2])
