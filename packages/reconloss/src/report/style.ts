/** The look of the page, light and dark. */
export const style = `
:root {
  color-scheme: light;
  --paper: #fbfaf7; --card: #ffffff; --ink: #1d1a22; --soft: #6d6776; --line: #e6e2da; --well: #efece5;
  --accent: #a32a72; --accent-ink: #8c1f60; --bad: #c2410c; --heat: 0%;
  --serif: "Iowan Old Style", "Palatino Linotype", Palatino, "URW Palladio L", Georgia, "DejaVu Serif", serif;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif;
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
:root[data-theme="dark"] {
  color-scheme: dark;
  --paper: #131217; --card: #1b1a21; --ink: #ece9f1; --soft: #9b95a8; --line: #2e2b37; --well: #0b0a0e;
  --accent: #f08fb4; --accent-ink: #fbb3cd; --bad: #fb9a5c;
}
@media (prefers-color-scheme: dark) {
  :root:not([data-theme="light"]) {
    color-scheme: dark;
    --paper: #131217; --card: #1b1a21; --ink: #ece9f1; --soft: #9b95a8; --line: #2e2b37; --well: #0b0a0e;
    --accent: #f08fb4; --accent-ink: #fbb3cd; --bad: #fb9a5c;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 5rem; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 var(--sans); font-variant-numeric: tabular-nums; -webkit-font-smoothing: antialiased; }
body.has-enlarged { overflow: hidden; }
.top, main { max-width: 82rem; margin: 0 auto; padding: 0 2rem; }
.top { position: relative; padding-top: 2.5rem; }
.brand { margin: 0 0 2.2rem; font: 600 .8rem/1 var(--mono); letter-spacing: .08em; color: var(--accent); }
h1 { margin: 0; max-width: 46rem; font: 400 2.9rem/1.1 var(--serif); letter-spacing: -.015em; text-wrap: balance; }
.count { margin: .8rem 0 1.4rem; color: var(--soft); }
.lead { max-width: 46rem; margin: 0 0 1rem; color: var(--soft); text-wrap: pretty; }
.top .lead { color: var(--ink); font-size: 1.06rem; }
h2 { margin: 4rem 0 .7rem; font: 400 1.7rem/1.2 var(--serif); }
main > section:first-child h2 { margin-top: 2.8rem; }
h3 { margin: 0; font: 600 1rem/1.3 var(--sans); overflow-wrap: anywhere; }
p, dl, ul { margin: 0; padding: 0; }
ul { list-style: none; }
a { color: inherit; text-decoration-color: var(--line); text-underline-offset: .2em; }
a:hover { color: var(--accent-ink); text-decoration-color: currentColor; }
kbd { padding: .05em .4em; border: 1px solid var(--line); border-bottom-width: 2px; border-radius: .3em; font: .85em var(--mono); color: var(--ink); }
code { font: .86em var(--mono); }
.aside { font-size: .82rem; color: var(--soft); }
button, select { font: inherit; font-size: .86rem; color: inherit; background: none; border: 1px solid var(--line); border-radius: .5rem; padding: .3rem .7rem; cursor: pointer; }
button:hover, select:hover { border-color: var(--soft); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
#theme { position: absolute; top: 1.9rem; right: 2rem; padding: .3rem .6rem; border-radius: 2rem; line-height: 1; font-size: 1.1rem; }

.losses { border-bottom: 1px solid var(--line); }
.loss { display: grid; grid-template-columns: minmax(12rem, 1.1fr) 11rem minmax(18rem, 2fr); gap: 1rem 2.5rem; align-items: start; padding: 1.5rem 0; border-top: 1px solid var(--line); }
.loss-name p { font-size: .88rem; color: var(--soft); }
.loss .number { font: 400 2rem/1.1 var(--serif); letter-spacing: -.01em; }
.loss .aside { margin-top: .15rem; }
.protocol { margin-top: .5rem; font-size: .84rem; }
.protocol summary { width: max-content; color: var(--soft); cursor: pointer; }
.protocol summary:hover { color: var(--accent-ink); }
.protocol ul { display: flex; flex-wrap: wrap; gap: .15rem .9rem; margin: .5rem 0; color: var(--soft); }
.protocol .set { color: var(--accent-ink); font-weight: 600; }
.protocol .source { font-size: .8rem; }
.distribution { display: block; width: 100%; max-width: 40rem; overflow: visible; }
.distribution .axis, .distribution .tick { stroke: var(--line); stroke-width: 1; }
.distribution text { fill: var(--soft); font-size: 10.5px; text-anchor: middle; }
.distribution .mean { stroke: var(--soft); stroke-width: 1.5; stroke-dasharray: 2 2.5; pointer-events: none; }
.distribution .bar { fill: var(--accent); opacity: .65; }
.dot circle { fill: var(--accent); fill-opacity: .7; stroke: var(--card); stroke-width: 1; transition: r .12s; }
.dot:hover circle, .dot.marked circle { fill-opacity: 1; fill: var(--bad); r: 6.5px; }
.loss dl { display: flex; justify-content: space-between; flex-wrap: wrap; gap: .2rem 1.5rem; max-width: 40rem; margin-top: .3rem; font-size: .84rem; }
.loss dl div { display: flex; gap: .5rem; min-width: 0; }
.loss dt { color: var(--soft); }
.loss dd { margin: 0; overflow-wrap: anywhere; }
.loss dd b { font-weight: 600; }

.toolbar { position: sticky; top: 0; z-index: 5; display: flex; flex-wrap: wrap; align-items: center; gap: .6rem 1rem; margin: 1.4rem -1rem 1rem; padding: .8rem 1rem; background: color-mix(in srgb, var(--paper) 88%, transparent); backdrop-filter: blur(10px); font-size: .9rem; }
.toolbar label { display: flex; align-items: center; gap: .5rem; }
.toolbar .check { margin-left: auto; color: var(--soft); cursor: pointer; }
input[type="checkbox"] { accent-color: var(--accent); }
.pair { margin-bottom: 2rem; padding: 1.3rem 1.4rem 1.4rem; background: var(--card); border: 1px solid var(--line); border-radius: 1rem; content-visibility: auto; contain-intrinsic-size: auto 44rem; }
.pair:target { border-color: var(--accent); }
.pair > header { display: flex; align-items: baseline; gap: .8rem; }
.pair h3 { font-size: 1.1rem; }
.tools { display: flex; gap: .3rem; margin-left: auto; }
.tools button { width: 2rem; padding: .15rem 0; line-height: 1.3; text-align: center; }
.values { display: flex; flex-wrap: wrap; gap: .35rem 1.7rem; margin: .55rem 0 1.1rem; font-size: .88rem; }
.values li { display: flex; align-items: baseline; gap: .45rem; }
.values span { color: var(--soft); }
.values b { font-weight: 600; }
.values i:empty { display: none; }
.values i { font-style: normal; font-size: .75rem; padding: 0 .5em; border-radius: 1em; background: var(--well); color: var(--soft); }
.values .worst b { color: var(--bad); }
.values .worst i { background: color-mix(in srgb, var(--bad) 14%, transparent); color: var(--bad); }
.views { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1.2rem; }
.view { margin: 0; min-width: 0; }
.stage { position: relative; width: 100%; max-height: min(70vh, 42rem); overflow: hidden; border-radius: .55rem; background: var(--well); touch-action: pan-y; user-select: none; --split: 50%; }
.compare .stage { cursor: ew-resize; }
.compare .stage:not([data-mode="slide"]) { cursor: default; }
.map .stage { cursor: crosshair; }
.zoomed .stage { cursor: grab; touch-action: none; }
.zoomed .stage:active { cursor: grabbing; }
.layer { position: absolute; inset: 0; overflow: hidden; }
.layer > * { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; transform: translate(var(--x, 0), var(--y, 0)) scale(var(--zoom, 1)); }
.pixels .layer > * { image-rendering: pixelated; }
.layer.output { clip-path: inset(0 calc(100% - var(--split)) 0 0); }
[data-mode="target"] .layer.output, [data-mode="flip"]:hover .layer.output, .flipped .layer.output { visibility: hidden; }
[data-mode="output"] .layer.output, [data-mode="flip"] .layer.output { clip-path: none; }
.handle { position: absolute; top: 0; bottom: 0; left: var(--split); width: 2px; margin-left: -1px; background: #fff; box-shadow: 0 0 0 .5px #0008; pointer-events: none; }
.handle::after { content: "‹ ›"; position: absolute; top: 50%; left: 50%; width: 2.1rem; height: 2.1rem; transform: translate(-50%, -50%); display: grid; place-items: center; border-radius: 50%; background: #fff; color: #333; font: 600 .95rem/1 var(--sans); box-shadow: 0 1px 5px #0006; }
.stage:not([data-mode="slide"]) .handle, .flipped .handle { display: none; }
.badge { position: absolute; bottom: .6rem; padding: .1rem .55rem; border-radius: 1rem; background: #000a; color: #fff; font-size: .74rem; letter-spacing: .02em; pointer-events: none; }
.of-output { left: .6rem; }
.of-target { right: .6rem; }
[data-mode="output"] .of-target, [data-mode="target"] .of-output, [data-mode="flip"]:not(:hover) .of-target, [data-mode="flip"]:hover .of-output { display: none; }
.flipped .of-output { display: none !important; }
.flipped .of-target { display: block !important; }
figcaption { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .5rem 1.2rem; margin-top: .65rem; min-height: 2rem; font-size: .84rem; }
.segments { display: flex; flex-wrap: wrap; gap: 1px; padding: 2px; border-radius: .55rem; background: var(--well); }
.segments button { border: 0; padding: .16rem .7rem; border-radius: .42rem; color: var(--soft); font-size: .82rem; }
.segments button:hover { color: var(--ink); }
.segments [aria-pressed="true"] { background: var(--card); color: var(--ink); box-shadow: 0 1px 2px #0002; }
.scale { display: flex; align-items: center; gap: .55rem; color: var(--soft); }
.colour-bar { display: block; width: 9rem; height: .65rem; border-radius: .35rem; background: var(--colour-bar); box-shadow: inset 0 0 0 1px #8884; }
.readout { position: absolute; top: .6rem; right: .6rem; padding: .1rem .55rem; border-radius: 1rem; background: #000b; color: #fff; font-size: .8rem; pointer-events: none; }
.readout:empty { display: none; }
.enlarged { position: fixed; inset: 0; z-index: 20; margin: 0; border-radius: 0; display: flex; flex-direction: column; overflow: auto; content-visibility: visible; }
.enlarged .views { flex: 1; grid-auto-rows: minmax(12rem, 1fr) auto; gap: 0 1.2rem; min-height: 0; }
.enlarged .view { grid-row: span 2; display: grid; grid-template-rows: subgrid; min-height: 0; }
.enlarged .stage { aspect-ratio: auto !important; max-height: none; height: 100%; }

.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { padding: .42rem 1.1rem; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child { padding-left: 0; text-align: left; font-weight: 400; overflow-wrap: anywhere; }
thead th { border-bottom-color: var(--soft); white-space: nowrap; vertical-align: bottom; }
thead button { border: 0; padding: 0; font-weight: 600; }
thead button:hover { color: var(--accent-ink); }
th[aria-sort="ascending"] button::before { content: "▾ "; color: var(--accent); }
th[aria-sort="descending"] button::before { content: "▴ "; color: var(--accent); }
td { background: color-mix(in srgb, var(--bad) calc(var(--heat) * .3), transparent); }
tfoot td, tfoot th { border-bottom: 0; font-weight: 600; background: none; }
tr.marked th, tr:target th { color: var(--accent-ink); text-decoration: underline; text-underline-offset: .25em; }
.failed li, .notes li { max-width: 60rem; margin: .5rem 0; padding: .6rem .9rem; border-left: 3px solid var(--bad); background: var(--card); font-size: .9rem; overflow-wrap: anywhere; }
.notes li { border-left-color: var(--soft); }
main { padding-bottom: 6rem; }
@media (max-width: 62rem) {
  .loss { grid-template-columns: 1fr 10rem; }
  .loss-spread { grid-column: 1 / -1; }
  h1 { font-size: 2.1rem; }
  .top, main { padding: 0 1.1rem; }
  .top { padding-top: 1.6rem; }
  #theme { top: 1.1rem; right: 1.1rem; }
}
@media print { .toolbar, .tools, #theme { display: none; } .pair { break-inside: avoid; content-visibility: visible; } }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } .dot circle { transition: none; } }
`;
