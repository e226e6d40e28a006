#!/usr/bin/env python3
"""Draws a mine's record and the alerts that a backtest raised, as SVG on standard output.

    hazstream import mine-violations record.csv > mine.jsonl
    hazstream backtest --config examples/mine.yaml --input mine.jsonl --json > alerts.jsonl
    examples/mine_picture.py mine.jsonl alerts.jsonl 1996-01-01 2011-01-01 2010-04-05 > picture.svg
"""
import datetime
import json
import sys

WIDTH, LEFT, RIGHT, TOP, CURVE, ROW = 960, 178, 20, 46, 230, 24
COLOURS = {"red": "#b3261e", "orange": "#d9730d", "yellow": "#a98600", "blue": "#1f5fa8"}
LADDER = [(116, "10 × the mean:", "yellow"), (232, "20 × the mean:", "orange"), (464, "40 × the mean:", "red")]


def day(text):
    """The date that a time begins with."""
    return datetime.date.fromisoformat(text[:10])


def found(path):
    """How many hazards, and how many major ones, each day's inspections found."""
    days = {}
    for line in open(path, encoding="utf-8"):
        event = json.loads(line)["value"]
        for hazard in event.get("hazards", []):
            all_and_major = days.setdefault(day(event["time"]), [0, 0])
            all_and_major[0] += 1
            all_and_major[1] += hazard["grade"] == "major"
    return days


def standing(path):
    """For each rule its level and the times at which its alert began and ended."""
    rules = {}
    for line in open(path, encoding="utf-8"):
        event = json.loads(line)
        level, spans = rules.setdefault(event["rule"], (event["level"], []))
        known = day(event["updated_at"])
        if event["status"] == "firing":
            spans.append([known, None])
        elif spans:
            spans[-1][1] = known
    order = ["yellow", "orange", "red"]
    return sorted(rules.items(), key=lambda rule: (order.index(rule[1][0]), rule[0]))


def main():
    """Reads the two files and the three dates, and draws."""
    days, rules = found(sys.argv[1]), standing(sys.argv[2])
    first, last, marked = (day(text) for text in sys.argv[3:6])
    across = lambda at: LEFT + (WIDTH - LEFT - RIGHT) * (at - first).days / (last - first).days
    most = 560
    up = lambda count: TOP + CURVE * (1 - min(count, most) / most)
    height = TOP + CURVE + 34 + ROW * len(rules) + 16
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        '<text x="12" y="18" font-size="13">Hazards found in the last 365 days (line), major ones among them (grey), '
        "and when each rule's alert stood (bars)</text>",
    ]
    for year in range(first.year, last.year + 1):
        x = across(datetime.date(year, 1, 1))
        out.append(f'<path d="M{x:.1f} {TOP}V{height - 12}" stroke="#e4e4e4"/>')
        if year < last.year:
            out.append(f'<text x="{x + 4:.1f}" y="{TOP + CURVE + 16}" fill="#444">{year}</text>')
    for count, text, level in LADDER:
        out.append(
            f'<path d="M{LEFT} {up(count):.1f}H{WIDTH - RIGHT}" stroke="{COLOURS[level]}" stroke-dasharray="4 3"/>'
            f'<text x="{LEFT - 6}" y="{up(count) + 4:.1f}" text-anchor="end" fill="#222">{text} {count}</text>'
        )
    curves = [[], []]
    at = first
    while at < last:
        year = [days.get(at - datetime.timedelta(back), (0, 0)) for back in range(365)]
        for nth, curve in enumerate(curves):
            curve.append(f"{across(at):.1f} {up(sum(both[nth] for both in year)):.1f}")
        at += datetime.timedelta(5)
    ground = f"{curves[1][-1].split()[0]} {up(0):.1f}L{across(first):.1f} {up(0):.1f}Z"
    out.append(f'<path d="M{"L".join(curves[1])}L{ground}" fill="#9aa5b1"/>')
    out.append(f'<path d="M{"L".join(curves[0])}" fill="none" stroke="#222" stroke-width="1.6"/>')
    for nth, (rule, (level, spans)) in enumerate(rules):
        y = TOP + CURVE + 34 + ROW * nth
        out.append(f'<text x="{LEFT - 6}" y="{y + 13}" text-anchor="end" fill="#222">{rule[5:]} ({level})</text>')
        for begin, end in spans:
            if begin < last:
                x, end_x = across(max(begin, first)), across(min(end or last, last))
                out.append(f'<rect x="{x:.1f}" y="{y + 2}" width="{max(end_x - x, 2):.1f}" height="14" fill="{COLOURS[level]}"/>')
    x = across(marked)
    out.append(f'<path d="M{x:.1f} {TOP - 14}V{height - 12}" stroke="black" stroke-width="1.6"/>')
    out.append(f'<text x="{x - 4:.1f}" y="{TOP - 8}" text-anchor="end">explosion, {marked}: 29 dead</text>')
    print("\n".join(out + ["</svg>"]))


main()
