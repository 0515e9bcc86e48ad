"""Writes what was measured into docs/benchmarks.md, between its markers, and draws the plots."""

import json
import os
import statistics
import textwrap

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
COLUMNS = [("rate", "per second"), ("cpu_us", "us of CPU each"), ("s_per_gb", "CPU s per GB"), ("mb_per_s", "MB/s"), ("p50_ms", "p50 ms"),
           ("p99_ms", "p99 ms"), ("wall_s", "s"), ("cpu_s", "CPU s"), ("seconds", "s"), ("last_s", "last ready, s"), ("cpu_ms", "ms of CPU a node"),
           ("mib", "MiB"), ("failed", "failed")]
# Figures of a generator that mean nothing in a row about something else.
HIDDEN = {"http_large": {"rate", "cpu_us", "p50_ms", "p99_ms"}, "dhcp": {"seconds"}}


def read(path):
    """The results so far."""
    if not os.path.exists(path):
        return {}
    with open(path) as file:
        return json.load(file)


def write(path, results):
    """Keeps the results."""
    with open(path, "w") as file:
        json.dump(results, file, indent=1, sort_keys=True)
        file.write("\n")


def page(results_path, docs, order):
    """Replaces what is between the markers."""
    results = read(results_path)
    path = os.path.join(docs, "benchmarks.md")
    with open(path) as file:
        text = file.read()
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    parts = [BEGIN, "", summary(results, order), ""]
    for name in order:
        if name in results:
            parts += table(name, results[name], docs)
    with open(path, "w") as file:
        file.write(before + "\n".join(parts) + "\n" + END + after)


def summary(results, order):
    """One line for each row."""
    lines = ["| row | work | goal | measured | |", "|---|---|---|---|---|"]
    for name in order:
        if name in results:
            row = results[name]
            word = {True: "**reached**", False: "open", None: "not measured"}[row["reached"]]
            lines.append(f"| `{name}` | {row['title']} | {row['goal']} | {row['said']} | {word} |")
        else:
            lines.append(f"| `{name}` | | | not run | |")
    return "\n".join(lines)


def medians(samples):
    """The median of each figure over the rounds, and how many failed altogether."""
    found = {}
    for key, _ in COLUMNS:
        values = [sample[key] for sample in samples if isinstance(sample.get(key), (int, float))]
        if values:
            found[key] = statistics.median(values)
    if any(key in sample for sample in samples for key in ("lost", "refused", "wrong")):
        found["failed"] = sum(sample.get(key, 0) or 0 for sample in samples for key in ("lost", "refused", "wrong"))
    return found


def table(name, row, docs):
    """The figures of one row, as Markdown, and its plot."""
    around = row["around"]
    figures = {(case, server): medians(samples) for case, servers in row["samples"].items() for server, samples in servers.items()}
    hidden = set(HIDDEN.get(name, set()))
    if any("rate" in found for found in figures.values()):
        hidden.add("seconds")
    columns = [(key, title) for key, title in COLUMNS if key not in hidden and any(key in found for found in figures.values())]
    lines = [f"### {row['title']}", "", wrapped(
             f"`ROW={name} make bench`, {around['date']} UTC, commit {around['commit']}, {around['cores']} cores ({around['model']}), "
             f"kernel {around['kernel']}, load {around['load']} before and {around.get('load_after', '?')} after; "
             f"medians of {row['rounds']} rounds, in turns."), "",
             "| case | server | " + " | ".join(title for _, title in columns) + " |", "|---" * (len(columns) + 2) + "|"]
    for (case, server), found in figures.items():
        lines.append(f"| {case} | {server} | " + " | ".join(number(found.get(key)) for key, _ in columns) + " |")
    lines.append("")
    for what, said in row["notes"].items():
        lines += [wrapped(f"An independent generator: {what}: {said}."), ""]
    picture = plot(name, row["title"], figures, columns, docs)
    if picture:
        lines += [f"![the figures of {name}]({picture})", ""]
    return lines


def wrapped(text):
    """Prose in lines of the length that all pages have."""
    return textwrap.fill(text, 118, break_long_words=False, break_on_hyphens=False)


def number(value):
    """A figure in few digits."""
    if value is None:
        return ""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def plot(name, title, figures, columns, docs):
    """Bars of the first figure, case by case; returns the path from the page."""
    if not columns or len(figures) < 2:
        return None
    key, unit = columns[0]
    shown = {pair: found[key] for pair, found in figures.items() if key in found and pair[1] != "null"}
    if not shown:
        return None
    colours = ["#2a6f97", "#b5651d", "#6a994e", "#8d6a9f", "#888888"]
    servers = list(dict.fromkeys(server for _, server in shown))
    cases = list(dict.fromkeys(case for case, _ in shown))
    lines, y = [], 40
    for case in cases:
        lines.append(f'<text x="8" y="{y + 11}" font-weight="bold">{case}</text>')
        y += 18
        most = max(value for (at, _), value in shown.items() if at == case) or 1
        for server in servers:
            if (case, server) not in shown:
                continue
            value = shown[case, server]
            width = max(1, round(360 * value / most))
            colour = colours[servers.index(server) % len(colours)]
            lines.append(f'<text x="104" y="{y + 11}" text-anchor="end">{server}</text>'
                         f'<rect x="110" y="{y}" width="{width}" height="14" fill="{colour}"/>'
                         f'<text x="{116 + width}" y="{y + 11}">{number(value)}</text>')
            y += 18
        y += 8
    folder = os.path.join(docs, "pictures", "benchmarks")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, f"{name}.svg"), "w") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="560" height="{y}" font-family="sans-serif" font-size="12">\n'
                   f'<rect width="560" height="{y}" fill="white"/>\n<text x="8" y="20">{title.split(";")[0]}: {unit}</text>\n'
                   + "\n".join(lines) + "\n</svg>\n")
    return f"pictures/benchmarks/{name}.svg"
