"""The rows: how they are registered, measured, judged and shown."""

import fnmatch, statistics

ROWS = []


class Row:
    """One line of the table.  `budgets` is {number of files: ratio}; the one of 100,000 files holds
    for more, too.  A row with `at` is measured once, at that many files, as its work does not
    depend on them; one with `least` not with fewer."""

    def __init__(self, name, work, baseline, budgets, measure, at, least):
        self.name, self.work, self.baseline, self.budgets = name, work, baseline, budgets
        self.measure, self.at, self.least = measure, at, least

    def sizes(self, files):
        return [self.at] if self.at else [n for n in files if n >= self.least]

    def budget(self, n):
        if n > 100000:
            return self.budgets.get(100000)
        return self.budgets.get(n)


def row(name, work, baseline, budgets, at=None, least=0):
    """Registers a function (ctx, n) -> Measured as a row of the table.  Rows of a part of the
    product that does not exist yet are not registered."""
    def register(measure):
        ROWS.append(Row(name, work, baseline, budgets, measure, at, least))
        return measure
    return register


def chosen(patterns):
    """The rows whose name one of the patterns (separated by commas) matches or is part of, without
    those of the patterns behind a `!`."""
    def fits(name, some):
        return any(p in name or fnmatch.fnmatch(name, p) for p in some)
    words = patterns.split(",") if patterns else []
    wanted = [p for p in words if not p.startswith("!")] or ["*"]
    unwanted = [p[1:] for p in words if p.startswith("!")]
    return [r for r in ROWS if fits(r.name, wanted) and not fits(r.name, unwanted)]


class Measured:
    """Figures of both sides, in `unit` (ms, KiB), and what other tools took: {tool: figure}."""

    def __init__(self, ours, theirs, unit="ms", others=None):
        self.ours, self.theirs, self.unit, self.others = ours, theirs, unit, others or {}

    @classmethod
    def times(cls, ours, theirs, others=None):
        def ms(samples):
            return [s.seconds * 1e3 for s in samples]
        return cls(ms(ours), ms(theirs), "ms",
                   {k: statistics.median(ms(v)) for k, v in (others or {}).items()})

    @classmethod
    def peaks(cls, ours, theirs):
        return cls([s.kib for s in ours], [s.kib for s in theirs], "KiB")


def spread(figures):
    """Half of the distance between the quartiles, as a part of the median."""
    if len(figures) < 2:
        return 0.0
    low, _, high = statistics.quantiles(figures, n=4)
    return (high - low) / 2 / statistics.median(figures)


def record(r, n, m):
    ours, theirs = statistics.median(m.ours), statistics.median(m.theirs)
    budget = r.budget(n)
    return {"row": r.name, "work": r.work, "baseline": r.baseline, "files": n, "unit": m.unit,
            "ours": round(ours, 2), "ours_min": round(min(m.ours), 2),
            "ours_spread": round(spread(m.ours), 3), "base": round(theirs, 2),
            "base_min": round(min(m.theirs), 2), "base_spread": round(spread(m.theirs), 3),
            "ratio": round(ours / theirs, 4), "min_ratio": round(min(m.ours) / min(m.theirs), 4),
            "budget": budget,
            "verdict": None if budget is None else "ok" if ours / theirs <= budget else "over",
            "others": {k: round(v, 2) for k, v in m.others.items()},
            "all": {"ours": [round(x, 2) for x in m.ours], "base": [round(x, 2) for x in m.theirs]}}


def show(records, others):
    """The table; `others` are the columns of other tools."""
    wide = max([len(r["work"]) for r in records] + [4])
    base = max([len(r["baseline"]) for r in records] + [8])
    print(f"{'work':{wide}} {'files':>7} {'baseline':{base}} {'ours':>9} {'min':>9} {'+-':>4} "
          f"{'base':>9} {'min':>9} {'+-':>4} {'unit':4} {'ratio':>6} {'of min':>6} {'budget':>6} "
          f"{'verdict':7}" + "".join(f" {o:>10}" for o in others))
    for r in records:
        line = (f"{r['work']:{wide}} {r['files']:>7} {r['baseline']:{base}} "
                f"{r['ours']:>9.1f} {r['ours_min']:>9.1f} {r['ours_spread'] * 100:>3.0f}% "
                f"{r['base']:>9.1f} {r['base_min']:>9.1f} {r['base_spread'] * 100:>3.0f}% "
                f"{r['unit']:4} {r['ratio']:>6.3g} {r['min_ratio']:>6.3g} "
                f"{'-' if r['budget'] is None else format(r['budget'], 'g'):>6} "
                f"{r['verdict'] or '-':7}")
        line += "".join(f" {r['others'][o]:>10.1f}" if o in r["others"] else f" {'':>10}"
                        for o in others)
        print(line.rstrip())


def summary(records):
    judged = [r for r in records if r["budget"] is not None]
    over = [r for r in judged if r["verdict"] == "over"]
    if not judged:
        print("no budget applies to these rows")
    elif not over:
        print(f"all {len(judged)} budgets are met")
    else:
        print(f"{len(over)} of {len(judged)} budgets are not met:")
        for r in over:
            files = f", {r['files']} files" if "files" in r else ""
            print(f"  {r['work']}{files}: {r['ratio']:.3g} of {r['baseline']}, "
                  f"budget {r['budget']:g}")
