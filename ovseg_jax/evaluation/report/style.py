"""How the page looks, and the few lines that sort its table; nothing is fetched from anywhere."""

CSS = """
:root { --back: #fff; --text: #1b1f24; --soft: #667; --line: #d8dde3; --card: #f5f7f9;
  --bar: #3b7dd8; --second: #e08a2e; --wrong: #c63d3d; color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --back: #14171b; --text: #e4e7eb; --soft: #9aa3ad;
  --line: #343b44; --card: #1d2228; --bar: #5c9bf0; --second: #eba04d; --wrong: #e26565; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1100px;
  padding: 0 1rem; background: var(--back); color: var(--text); }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
p.note, small { color: var(--soft); font-weight: normal; }
.cards { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.5rem 0; }
.card { background: var(--card); border-radius: 8px; padding: .8rem 1.2rem; min-width: 9rem; }
.card b { display: block; font-size: 2rem; line-height: 1.2; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child { text-align: left; } th[scope=row] { font-weight: normal; }
table.words td, table.words th { text-align: left; } table.words th { white-space: nowrap; }
table.classes th, table.classes td { padding: .2rem .45rem; vertical-align: bottom; }
table.classes th[scope=col] { cursor: pointer; } table.classes th small { display: block; }
td.kind { white-space: nowrap; font-size: 12px; }
table.classes td.kind, table.classes th:nth-child(2), table.pairs td:nth-child(2),
table.pairs th:nth-child(2) { text-align: left; }
td .track { display: block; min-width: 3.5rem; height: 4px; background: var(--line); }
td .track i { display: block; height: 4px; background: var(--bar); }
svg.plot { width: 100%; font-size: 11px; } svg text { fill: var(--text); }
.end { text-anchor: end; } .centre { text-anchor: middle; } .middle { dominant-baseline: middle; }
.grid { stroke: var(--line); } .bar { fill: var(--bar); } .bar.second { fill: var(--second); }
rect.right { fill: var(--bar); } rect.wrong { fill: var(--wrong); }
.key i, figcaption i { display: inline-block; width: .8em; height: .8em; margin-right: .4em; }
.key i.bar { background: var(--bar); } .key i.second { background: var(--second); }
.panels { display: flex; gap: .6rem; } figure { margin: 0; flex: 1; min-width: 0; }
figure img { width: 100%; height: auto; } figcaption ul { list-style: none; margin: 0;
  padding: 0; font-size: 13px; }
"""

SORTING = """
for (const table of document.querySelectorAll("table.classes")) {
  table.querySelectorAll("thead th").forEach((head, column) => head.onclick = () => {
    const body = table.tBodies[0], up = head.dataset.up = head.dataset.up === "1" ? "0" : "1";
    const value = row => row.cells[column].dataset.value ?? row.cells[column].textContent;
    const order = (a, b) => {
      const x = value(a), y = value(b);
      if (x === "" || y === "") return (x === "") - (y === "");
      const less = isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
      return up === "1" ? less : -less;
    };
    body.append(...[...body.rows].sort(order));
  });
}
"""
