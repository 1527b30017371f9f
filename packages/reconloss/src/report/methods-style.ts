/** The style rules of the page of several methods besides those of all pages. */
export const methodsStyle = `
.judged td { background: none; font-variant-numeric: tabular-nums; }
.judged thead th { text-align: right; font-weight: 600; }
.judged thead th[colspan] { text-align: center; }
.judged tbody th { font-weight: 600; }
.judged .best b { font-weight: 700; color: var(--accent-ink); }
.judged .second b { font-weight: 500; text-decoration: underline; text-underline-offset: .2em; }
.judged b { font-weight: 400; }
.judged small { display: block; color: var(--soft); font-size: .74rem; white-space: nowrap; }
.judged sup { color: var(--bad); font-weight: 700; }
.image { margin-bottom: 2rem; padding: 1.3rem 1.4rem 1.4rem; background: var(--card); border: 1px solid var(--line); border-radius: 1rem; content-visibility: auto; contain-intrinsic-size: auto 40rem; --split: 50%; }
.image:target { border-color: var(--accent); }
.image > header { display: flex; align-items: baseline; gap: .8rem; }
.image h3 { font-size: 1.1rem; }
.controls { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem .9rem; margin: .8rem 0; font-size: .84rem; }
.controls label { display: flex; align-items: center; gap: .4rem; color: var(--soft); }
.controls select { max-width: 11rem; padding: .12rem .4rem; }
.regions { display: flex; flex-wrap: wrap; gap: .35rem; align-items: center; }
.regions span { color: var(--soft); }
.regions button { padding: .1rem .6rem; font-size: .8rem; border-color: var(--region); }
.regions button[aria-pressed="true"] { background: var(--region); color: #fff; }
.image:not([data-mode="blink"]) .of-blink, .image:not([data-mode="slide"]) .of-slide { display: none; }
.tiles { position: relative; display: grid; grid-template-columns: repeat(var(--columns), minmax(0, 1fr)); gap: 1rem; }
@media (max-width: 50rem) { .tiles { grid-template-columns: repeat(min(2, var(--columns)), minmax(0, 1fr)); } }
.scale[hidden] { display: none; }
.tile { margin: 0; min-width: 0; }
.tile .stage { aspect-ratio: var(--ratio); max-height: none; }
.plane { position: absolute; inset: 0; transform: translate(var(--x, 0), var(--y, 0)) scale(var(--zoom, 1)); }
.plane img { position: absolute; inset: 0; width: 100%; height: 100%; }
.plane .levels { inset: var(--border-y, 0) var(--border-x, 0); width: calc(100% - 2 * var(--border-x, 0%)); height: calc(100% - 2 * var(--border-y, 0%)); filter: brightness(var(--gain, 1)) url(#magma); }
.plane .levels[hidden] { display: none; }
.pixels .plane img { image-rendering: pixelated; }
.plane .outline { position: absolute; box-sizing: border-box; outline: calc(2px / var(--zoom, 1)) solid var(--region); pointer-events: none; }
.image .stage::after { content: ""; position: absolute; left: var(--at-x, 50%); top: var(--at-y, 50%); width: 13px; height: 13px; margin: -7px 0 0 -7px; background: linear-gradient(#fff, #fff) 50% / 1px 100% no-repeat, linear-gradient(#fff, #fff) 50% / 100% 1px no-repeat; mix-blend-mode: difference; opacity: 0; pointer-events: none; }
.pointed .stage::after { opacity: 1; }
.tile .stage:hover::after { opacity: 0; }
.tile figcaption { display: block; min-height: 0; margin-top: .4rem; font-size: .86rem; }
.tile figcaption h4 { margin: 0; font: 600 .92rem/1.3 var(--sans); overflow-wrap: anywhere; }
.tile ul { display: flex; flex-wrap: wrap; gap: 0 .9rem; color: var(--soft); font-size: .82rem; }
.tile li { white-space: nowrap; }
.tile li b { color: var(--ink); font-weight: 400; }
.tile li.best b { font-weight: 700; color: var(--accent-ink); }
.none { position: absolute; inset: 0; display: grid; place-items: center; padding: 1rem; color: var(--soft); font-size: .85rem; text-align: center; overflow-wrap: anywhere; }
[data-mode="blink"] .tiles, [data-mode="slide"] .tiles { grid-template-columns: minmax(0, min(100%, calc(72vh * var(--number-ratio)))); justify-content: center; }
[data-mode="blink"] .tile, [data-mode="slide"] .tile { grid-area: 1 / 1; visibility: hidden; }
[data-mode="blink"] .tile.current, [data-mode="slide"] .tile.a, [data-mode="slide"] .tile.b { visibility: visible; }
[data-mode="slide"] .tile.a { z-index: 1; pointer-events: none; }
[data-mode="slide"] .tile.a .stage { clip-path: inset(0 calc(100% - var(--split)) 0 0); }
[data-mode="slide"] .tile.b figcaption { text-align: right; }
[data-mode="slide"] .tile.b ul { justify-content: flex-end; }
[data-mode="slide"] .tile.a figcaption, [data-mode="slide"] .tile.b figcaption { max-width: 48%; }
[data-mode="slide"] .tile.b figcaption { margin-left: auto; }
[data-mode="slide"] .tile .stage { cursor: ew-resize; }
.track { grid-area: 1 / 1; position: relative; align-self: start; z-index: 2; aspect-ratio: var(--ratio); pointer-events: none; }
.flipped .tile { visibility: hidden !important; }
.flipped:not([data-mode="grid"]) .tile.target { visibility: visible !important; }
.flipped[data-mode="grid"] .tile { visibility: visible !important; }
.flipped[data-mode="grid"] .tile .plane > * { visibility: hidden; }
.flipped[data-mode="grid"] .tile .plane { background: var(--target) 0 0 / 100% 100%; }
.image.enlarged { margin: 0; border-radius: 0; content-visibility: visible; }
.image.enlarged .tile .stage { aspect-ratio: var(--ratio) !important; height: auto; }
details.numbers { margin: .6rem 0; }
details.numbers summary { cursor: pointer; font-weight: 600; }
.rows b { font-weight: 700; color: var(--accent-ink); }
@media print { .controls { display: none; } .image { break-inside: avoid; content-visibility: visible; } }
`;
