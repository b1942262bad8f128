"""The style sheet of the report: light and dark, on screen and on paper."""

from __future__ import annotations

import re

STYLE = """
:root {
  color-scheme: light dark;
  --page: #ffffff; --text: #1d2330; --muted: #5d6675; --rule: #d8dde6; --soft: #f4f6f9;
  --official: #7b8494; --plain: #c2790a;
  --ours0: #0b63b6; --ours1: #00876c; --ours2: #7a55c2; --ours3: #b23a77; --ours4: #3d8fd1; --ours5: #6a9a1f;
  --stage0: #98a1b0; --stage1: #7cc0ea; --stage2: #2f83bd; --stage3: #d1581b; --stage4: #eeb17f;
  --stage5: #1a8f74; --stage6: #86cdb6; --stage7: #b494d4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #13161b; --text: #e3e7ee; --muted: #9aa4b4; --rule: #333b48; --soft: #1b2028;
    --official: #949eae; --plain: #e0a03c;
    --ours0: #5aa9ee; --ours1: #3fc3a3; --ours2: #a98be6; --ours3: #e07fb0; --ours4: #8cc6f2; --ours5: #a5cf5c;
    --stage0: #7d8797; --stage3: #e2703a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, "Segoe UI", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 27px; line-height: 1.2; margin: 0 0 4px; font-weight: 650; }
h2 { font-size: 20px; margin: 44px 0 4px; padding-top: 18px; border-top: 1px solid var(--rule); font-weight: 650; }
h3 { font-size: 15px; margin: 24px 0 6px; font-weight: 650; }
p { margin: 6px 0; max-width: 75ch; }
.muted, figcaption { color: var(--muted); }
figcaption, .small { font-size: 13px; }
figure { margin: 8px 0 20px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; margin: 10px 0; font-size: 14px; }
th { text-align: right; font-weight: 600; color: var(--muted); font-size: 13px; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; }
td { text-align: right; white-space: nowrap; }
td.text, th.text { text-align: left; white-space: normal; }
th, td { padding: 5px 0 5px 14px; border-bottom: 1px solid var(--rule); }
th:first-child, td:first-child { padding-left: 0; }
td b { font-weight: 650; }
td .muted { font-size: 12.5px; white-space: nowrap; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 18px; margin: 10px 0; font-size: 14px; }
dt { color: var(--muted); }
dd { margin: 0; }
ul { padding-left: 20px; max-width: 78ch; }
li { margin: 3px 0; }
ul.legend { list-style: none; padding: 0; margin: 4px 0; display: flex; flex-wrap: wrap; gap: 4px 18px; }
ul.legend, .failure { font-size: 13px; max-width: none; }
ul.legend svg { width: 12px; height: 12px; margin-right: 7px; vertical-align: -1px; }
svg.chart { display: block; width: 100%; height: auto; }
svg text { font-size: 13px; fill: var(--text); }
svg .muted { fill: var(--muted); font-size: 12px; }
svg .heading { font-weight: 650; }
svg .end { text-anchor: end; }
svg .middle { text-anchor: middle; }
svg .value { font-weight: 600; }
svg .grid { stroke: var(--rule); stroke-width: 1; fill: none; }
svg .whisker { stroke: var(--text); stroke-width: 1.4; fill: none; opacity: 0.75; }
svg .curve { fill: none; stroke-width: 2; }
svg.plot text { font-family: inherit !important; }
.pass { color: var(--ours1); font-weight: 650; }
.fail { color: var(--stage3); font-weight: 650; }
details { margin: 10px 0; }
summary { cursor: pointer; color: var(--muted); }
figure.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(270px, 1fr)); gap: 18px; }
figure.gallery div { min-width: 0; font-size: 13px; }
figure.gallery img { display: block; width: 100%; max-height: 260px; object-fit: contain; background: #000000; }
th button { all: unset; cursor: pointer; font: inherit; color: inherit; }
th button:focus-visible { outline: 2px solid var(--ours0); }
th[aria-sort="ascending"] button::after { content: " \\2191"; }
th[aria-sort="descending"] button::after { content: " \\2193"; }
.failure { background: var(--soft); border-left: 3px solid var(--plain); padding: 6px 12px; margin: 6px 0; }
@media print { main { max-width: none; padding: 0; } h2, figure, table { break-inside: avoid; } }
"""

COLOURS = ("official", "plain", *(f"ours{number}" for number in range(6)), *(f"stage{number}" for number in range(8)))
STYLE += "".join(f"svg .{name} {{ fill: var(--{name}); }} svg .curve.{name} {{ fill: none; stroke: var(--{name}); }}\n"
                 for name in COLOURS)  # fmt: skip

LIGHT_COLOURS: dict[str, str] = {
    code: name for name, code in reversed(re.findall(r"--([a-z0-9]+): (#[0-9a-f]{6});", STYLE.partition("@media")[0]))
}
"""Code of each colour of the light page -> its variable, of several the first."""
