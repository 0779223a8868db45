/** Fills of owners, each with the ink that is read on it: [light, dark]. Contrast of ink and fill is above 4.5 to 1. */
const fills = [
  ["#a9d0ff", "#1c4f8c"],
  ["#ffc98a", "#7d4300"],
  ["#9be3b8", "#0d5f38"],
  ["#e2bdff", "#64308a"],
  ["#ffb6c1", "#8a2440"],
  ["#efe07c", "#5f5200"],
  ["#8fe3e8", "#0b5a64"],
  ["#d8cdb4", "#574c3a"],
] as const;

/** How many owners have a colour of their own; the keys tell the others apart. */
export const colourCount = fills.length;

const colours = (scheme: 0 | 1) => fills.map((pair, index) => `--c${index}: ${pair[scheme]};`).join(" ");

const dark = `color-scheme: dark; --page: #10151c; --card: #171e27; --ink: #eef2f6; --quiet: #b3bfcb; --line: #7b8997;
  --soft: #2b3643; --bar: #6ba7f0; --alarm: #ff9d92; --alarm-fill: #7a1c14; --focus: #ffd24d; --hatch: #46586b; ${colours(1)}`;

/** The page's style. Sizes are in rem and ch, so that the reader's own size of text counts. */
export const style = `
:root { color-scheme: light; --page: #f5f7f9; --card: #fff; --ink: #131b24; --quiet: #4d5a67; --line: #7d8a97;
  --soft: #e3e8ee; --bar: #2b6cb8; --alarm: #9c1c12; --alarm-fill: #ffd3ce; --focus: #0b57d0; --hatch: #b4c0cc; ${colours(0)} }
@media (prefers-color-scheme: dark) { :root { ${dark} } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main, header { max-width: 82rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 1.25rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.125rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0; max-width: 75ch; }
.quiet { color: var(--quiet); }
.alarm { color: var(--alarm); font-weight: 600; }
.skip { position: absolute; left: 1rem; top: -4rem; padding: .5rem 1rem; background: var(--card); color: var(--ink); z-index: 2; }
.skip:focus { top: .5rem; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
.facts { display: flex; flex-wrap: wrap; gap: .5rem; margin: 1rem 0 0; padding: 0; list-style: none; }
.facts li { background: var(--card); border: 1px solid var(--soft); border-radius: .5rem; padding: .375rem .75rem; }
.facts b { font-size: 1.25rem; font-variant-numeric: tabular-nums; margin-right: .25rem; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: .5rem 0 1rem; padding: 0; list-style: none; }
.legend li { display: inline-flex; align-items: center; gap: .5rem; }
.swatch { width: 24px; height: 24px; flex: none; }
.cells { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: 1rem; align-items: start; }
.span2 { grid-column: span 2; } .span3 { grid-column: 1 / -1; }
.cell { display: block; width: 100%; height: auto; }
.art { font: 11px system-ui, sans-serif; } .art text { fill: var(--ink); } .art .aside, .art .small { fill: var(--quiet); }
.art .name { font-size: 15px; font-weight: 600; } .art .id, .art .key { text-anchor: middle; font-variant-numeric: tabular-nums; }
.art .key { font-weight: 700; font-size: 12px; }
.shared ~ text, .housekeeping ~ text { paint-order: stroke; stroke: var(--card); stroke-width: 3px; stroke-linejoin: round; }
.card { fill: var(--card); stroke: var(--soft); } .frame { fill: none; stroke: var(--soft); }
.track { fill: var(--soft); stroke: var(--line); stroke-width: .75; } .fill { fill: var(--bar); }
.tile { fill: var(--soft); } .cpu { stroke: var(--line); stroke-width: 1; }
.free { fill: var(--card); } .shared { fill: url(#hatch); } .housekeeping { fill: url(#dots); }
.conflict { fill: var(--alarm-fill); stroke: var(--alarm); stroke-width: 2; }
${fills.map((_, index) => `.c${index} { fill: var(--c${index}); }`).join(" ")}
.core { outline: none; cursor: default; } .core:focus .tile, .core:hover .tile { stroke: var(--focus); stroke-width: 3; }
.wide { display: none; }
@media (min-width: 64rem) { .wide { display: block; } .narrow { display: none; } }
@media (max-width: 63.99rem) { .span2, .span3 { grid-column: auto; } }
.scroll { overflow-x: auto; max-width: 100%; margin: 0 0 .5rem; }
table { border-collapse: collapse; background: var(--card); min-width: min(100%, 36rem); }
caption { text-align: left; color: var(--quiet); padding: .25rem 0; }
th, td { text-align: left; vertical-align: top; padding: .375rem .75rem; border: 1px solid var(--soft); font-weight: 400; }
thead th { color: var(--quiet); font-weight: 600; white-space: nowrap; } tbody th { font-weight: 600; }
summary { cursor: pointer; font-weight: 600; padding: .25rem 0; }
#detail { position: sticky; bottom: 0; margin: 1rem 0 0; padding: .5rem .75rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .5rem .5rem 0 0; min-height: 2.75rem; max-width: none; }
footer { max-width: 82rem; margin: 2rem auto; padding: 0 1rem; }
@media print { .skip, #detail { display: none; } .cell, .scroll { break-inside: avoid; } body { background: #fff; }
  * { print-color-adjust: exact; } }
`;
