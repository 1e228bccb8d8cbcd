/** How the panel looks. It is a sheet of its own, so that no policy of a page is asked, and nothing of the page gets in. */

const LIGHT = `
  color-scheme: light;
  --ground: #f6f6f3; --card: #ffffff; --line: #e3e3dd; --text: #1b1b19; --quiet: #5f5f58; --track: #eeeee9; --press: #ecece6; --edge: #8c8c84;
  --hot: #c2410c; --warm: #96690a; --cold: #1d63d8; --nobody: #8a8a82; --bad: #c01048; --ring: #1d63d8; --shadow: 0 1px 2px #0000000d;`;
const DARK = `
  color-scheme: dark;
  --ground: #151514; --card: #1d1d1b; --line: #32322e; --text: #eeeeea; --quiet: #a6a69d; --track: #292926; --press: #31312d; --edge: #77776f;
  --hot: #ff8f5e; --warm: #eabf4a; --cold: #78acff; --nobody: #7d7d75; --bad: #ff7b9c; --ring: #78acff; --shadow: none;`;

export const STYLE = `
:host {${LIGHT}
  display: block; container-type: inline-size; background: var(--ground); color: var(--text);
  font: 13px/1.45 system-ui, -apple-system, 'Segoe UI', sans-serif; font-variant-numeric: tabular-nums;
  direction: ltr; text-align: start; text-indent: 0; text-transform: none; letter-spacing: 0; word-spacing: 0; white-space: normal; cursor: auto;
}
:host([hidden]) { display: none; }
@media (prefers-color-scheme: dark) { :host(:not([theme='light'])) {${DARK} } }
:host([theme='dark']) {${DARK} }
*, ::before, ::after { box-sizing: border-box; }
h2, h3, p, dl, dd, ol, ul { margin: 0; padding: 0; }
ol, ul { list-style: none; }
h2 { font-size: 16px; font-weight: 650; letter-spacing: -.01em; }
h3 { font-size: 13px; font-weight: 650; }
.panel { display: grid; grid-template-columns: minmax(0, 1fr); gap: 12px; padding: 16px; max-width: 1240px; margin: 0 auto; }
.head, section > header { display: flex; align-items: center; gap: 8px; min-height: 28px; }
.note, .kind, .limit, dt, thead th { color: var(--quiet); }
.head { position: sticky; top: 0; z-index: 2; margin: -16px -16px -8px; padding: 12px 16px 10px; background: var(--ground); }
.titles { flex: 1; min-width: 0; display: grid; }
.titles p, .titles span { grid-area: 2 / 1; height: 20px; line-height: 20px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.status:empty { visibility: hidden; } .status:not(:empty) + .note { visibility: hidden; }
section > header h3 { white-space: nowrap; }
section > header .note, .kind { flex: 1 1 0; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; text-align: end; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 10px 14px 14px; box-shadow: var(--shadow); min-width: 0; contain: layout; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.empty { visibility: hidden; }

button, input, select { font: inherit; color: inherit; min-height: 28px; border: 1px solid var(--line); border-radius: 7px; background: var(--card); }
input[type='text'], select { border-color: var(--edge); }
button { padding: 2px 10px; cursor: pointer; white-space: nowrap; }
button:hover:not(:disabled) { background: var(--press); }
button:disabled, input:disabled, select:disabled { color: var(--quiet); cursor: default; opacity: .6; }
button[aria-pressed='true'] { background: var(--press); }
input[type='text'], select { padding: 2px 8px; min-width: 0; }
input[type='text'] { font-family: ui-monospace, 'SF Mono', Menlo, Consolas, monospace; font-size: 12px; }
input::placeholder { color: var(--quiet); opacity: 1; }
input[type='checkbox'] { min-height: 0; margin: 0 6px 0 0; accent-color: var(--ring); }
:focus-visible { outline: 2px solid var(--ring); outline-offset: 1px; }
label { display: inline-flex; align-items: center; min-height: 28px; color: var(--quiet); white-space: nowrap; }
.cut .head [aria-pressed='true'] { background: var(--bad); border-color: var(--bad); color: var(--card); }

.hot { --tier: var(--hot); } .warm { --tier: var(--warm); } .cold { --tier: var(--cold); } .nobody { --tier: var(--nobody); }
[data-tier='hot'] { --tier: var(--hot); } [data-tier='warm'] { --tier: var(--warm); } [data-tier='cold'] { --tier: var(--cold); }
[data-tier='nobody'] { --tier: var(--nobody); } [data-tier='bad'] { --tier: var(--bad); }
.dot { display: inline-block; flex: none; width: 9px; height: 9px; border-radius: 50%; background: var(--tier); color: var(--tier); }
tr.hot .dot, .legend .hot .dot, .card.hot .dot { border-radius: 50%; }
.warm .dot { border-radius: 2px; } .cold .dot { border-radius: 50% 50% 50% 0; rotate: -45deg; }
th .dot, dt .dot { margin-inline-end: 7px; }

.cards { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 12px; }
.card { border-top: 3px solid var(--tier); }
.card.absent { background: none; border-style: dashed; border-top-color: var(--line); box-shadow: none; }
.card.absent h3, .card.absent b, .card.absent dd { color: var(--quiet); } .card.absent .dot { background: var(--nobody); }
.card .fill { display: flex; align-items: baseline; gap: 6px; height: 34px; white-space: nowrap; overflow: hidden; }
.card .fill b { font-size: 22px; font-weight: 650; letter-spacing: -.02em; }
.card .fill b { flex: 1; overflow: hidden; text-overflow: ellipsis; }
.card .fill button { align-self: center; }
.meter, .shares { position: relative; height: 6px; border-radius: 3px; overflow: hidden; background: var(--track); }
.meter { margin: 4px 0 10px; }
.meter i { position: absolute; inset: 0; background: var(--tier); transform-origin: left; transform: scaleX(var(--share, 0)); }
.meter.unlimited { background: repeating-linear-gradient(90deg, var(--track) 0 4px, transparent 4px 8px); }
.card dl { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 6px 8px; }
dt { font-size: 12px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
dd { font-weight: 550; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }

.summary { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 6px 28px; align-items: start; }
.summary > header { grid-column: 1 / -1; }
.shares { height: 12px; border-radius: 4px; grid-column: 1 / -1; margin-bottom: 4px; }
.shares i { position: absolute; inset: 0; background: var(--tier); transform-origin: left; transform: translateX(calc(var(--from, 0) * 100%)) scaleX(var(--share, 0)); }
.legend, .money { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 8px; }
.legend dt { display: flex; align-items: center; }
.legend dd, .money dd { font-size: 17px; font-weight: 620; letter-spacing: -.01em; }

.pair { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 12px; }
.rows { margin: 4px -8px 0; }
.rows li { height: 27px; contain: strict; }
.rows button { width: 100%; height: 26px; min-height: 0; border-color: transparent; background: none; padding: 0 8px; text-align: start; border-radius: 6px; }
.rows button, .log li { display: grid; align-items: center; column-gap: 10px; }
.reads .rows button { grid-template-columns: 88px minmax(0, 1fr) 52px 72px 62px; }
.rows button:focus-visible { outline-offset: -2px; }
.taught { position: relative; }
.teaching { position: absolute; inset: 0; display: grid; place-content: center; padding: 0 12%; text-align: center; text-wrap: balance; color: var(--quiet); pointer-events: none; }
.teaching:empty { display: none; }
.rows span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.rows .key, .story .key { white-space: pre; }
.time, .count { color: var(--quiet); font-size: 12px; }
.key { direction: rtl; text-align: left; font-family: ui-monospace, 'SF Mono', Menlo, Consolas, monospace; font-size: 12px; }
.rows .took, .rows .count { text-align: end; }
.source::before, .what::before, .steps .name::before { content: ''; display: inline-block; width: 8px; height: 8px; border-radius: 50%; background: var(--tier); margin-inline-end: 7px; }
.rows button[aria-pressed='true'] { background: var(--press); border-color: var(--line); }
.log li { grid-template-columns: 88px 148px minmax(0, 1fr); padding: 0 8px; }
.bad .what { color: var(--bad); font-weight: 600; }

.story .key { font-size: 13px; height: 22px; overflow: hidden; text-overflow: ellipsis; }
.sentence { height: 39px; margin: 2px 0 10px; overflow: hidden; display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical; text-wrap: pretty; }
.steps li { display: grid; grid-template-columns: 64px minmax(0, 1fr) 108px 62px; gap: 10px; align-items: center; height: 27px; contain: strict; }
.track { position: relative; height: 10px; border-radius: 3px; background: var(--track); overflow: hidden; }
.track i { position: absolute; inset: 0; background: var(--tier); transform-origin: left; transform: translateX(calc(min(var(--from, 0), .985) * 100%)) scaleX(max(var(--share, 0), .015)); }
.steps .took { text-align: end; }
.steps .bad .said { color: var(--bad); font-weight: 600; }
.unasked, .after .said { color: var(--quiet); } .unasked i { visibility: hidden; } .unasked .name::before { opacity: .4; }
.steps .after { grid-template-columns: 64px minmax(0, 1fr); } .after .track, .after .took { display: none; }
.said { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }

table { width: 100%; border-collapse: collapse; table-layout: fixed; }
th { font-weight: 500; text-align: start; } thead th { font-size: 12px; }
th, td { padding: 0; height: 26px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.chart th:first-child { width: 72px; }
.chart th:nth-child(n + 3) { width: 62px; } .chart th:nth-child(n + 3), .chart td:nth-child(n + 3) { text-align: end; }
.plot { position: relative; height: 62px; border-bottom: 1px solid var(--line);
  background: repeating-linear-gradient(90deg, var(--line) 0 1px, transparent 1px calc((100% - 1px) / 6)); }
.bars { position: absolute; inset: 6px 0 0; display: grid; grid-template-columns: repeat(48, 1fr); gap: 1px; }
.bars i { background: var(--tier); border-radius: 2px 2px 0 0; transform-origin: bottom; transform: scaleY(var(--share, 0)); }
.plot b { position: absolute; inset: 0; border-inline-start: 2px solid var(--text); transform: translateX(calc(var(--from, 0) * 100%)); }
.chart td:nth-child(2) { overflow: visible; }
.chart tbody td, .chart tbody th { height: 71px; vertical-align: bottom; padding-bottom: 4px; }
.chart tbody td:nth-child(2) { padding-bottom: 0; }
.ticks { display: flex; justify-content: space-between; color: var(--quiet); font-size: 11px; }
.ticks span { width: 0; display: flex; justify-content: center; }
.chart tfoot td { overflow: visible; }

form { display: flex; align-items: center; gap: 8px; margin: 6px 0; }
form label { width: 84px; flex: none; } form input { flex: 1; }
.keys table { margin: 6px 0 8px; }
.keys thead th:first-child { width: 92px; } .keys thead th:last-child { width: 160px; } .keys thead th:nth-child(5) { width: 70px; }
.keys thead th:nth-child(3), .keys thead th:nth-child(4) { width: 166px; }
.keys tbody td, .keys tbody th { height: 34px; border-top: 1px solid var(--line); padding-inline-end: 10px; }
.keys td.do { padding: 0; text-align: end; } .do button { margin-inline-start: 6px; }
.keys tr.none td:nth-child(2) { color: var(--quiet); }
.arming { width: 92px; }
.places .rows button, .heads { display: grid; column-gap: 10px; grid-template-columns: minmax(0, 1fr) repeat(3, 72px); align-items: center; }
.heads { color: var(--quiet); font-size: 12px; height: 26px; border-bottom: 1px solid var(--line); } .heads .dot { margin-inline-end: 7px; }
.heads span + span { justify-self: center; } .mark { justify-self: center; line-height: 1; }
.mark.not .dot { background: none; box-shadow: inset 0 0 0 1px var(--edge); opacity: .55; } .mark.unknown .dot { display: none; } .mark.unknown::after { content: '?' / ''; color: var(--quiet); font-size: 12px; }
.places .rows .mark { position: relative; overflow: visible; }

@container (max-width: 860px) {
  .keys thead th:nth-child(3), .keys thead th:nth-child(4) { width: 160px; }
  .keys tr > :nth-child(5), .keys tr > :nth-child(6) { display: none; }
  .pair { grid-template-columns: minmax(0, 1fr); } .summary { grid-template-columns: minmax(0, 1fr); }
}
@container (max-width: 740px) { .keys tr > :nth-child(4) { display: none; } }
@container (max-width: 620px) {
  .panel { padding: 10px; gap: 10px; }
  .cards { grid-template-columns: minmax(0, 1fr); }
  .head { display: grid; grid-template-columns: minmax(0, 1fr) auto auto; gap: 2px 6px; margin: -10px -10px -4px; padding: 8px 10px; } .head button { padding: 2px 6px; font-size: 12px; } h2 { font-size: 14px; }
  .titles { display: contents; } .titles p, .titles span { grid-area: 2 / 1 / auto / 4; height: 36px; line-height: 18px; white-space: normal; }
  .legend, .money { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .reads .rows button { grid-template-columns: minmax(0, 1fr) 36px 68px 54px; column-gap: 6px; } .rows .time { display: none; }
  .sentence { height: 58px; -webkit-line-clamp: 3; }
  .log li { grid-template-columns: 154px minmax(0, 1fr); }
  .reads header .note { display: none; }
  .steps li { grid-template-columns: 58px minmax(0, 1fr) 92px 58px; gap: 8px; } .steps .after { grid-template-columns: 58px minmax(0, 1fr); }
  .chart th:first-child { width: 62px; } .chart th:nth-child(n + 3) { width: 54px; }
  .chart th:nth-child(4), .chart td:nth-child(4) { display: none; }
  .ticks span:nth-child(even) { visibility: hidden; }
  .places .rows button, .heads { grid-template-columns: minmax(0, 1fr) repeat(3, 40px); } .heads .dot { display: none; }
  form { flex-wrap: wrap; } form label { width: 100%; } form input { flex-basis: 140px; }
  .keys thead th:first-child { width: 70px; } .keys thead th:last-child { width: 150px; } .keys tbody td, .keys tbody th { padding-inline-end: 4px; }
  .keys th:nth-child(n + 3):not(:last-child), .keys td:nth-child(n + 3):not(:last-child) { display: none; }
  .keys td.do { white-space: normal; overflow: visible; } .do button { margin: 4px 0 4px 6px; }
}
@media (pointer: coarse) { button, input, select { min-height: 36px; } }
@media (prefers-contrast: more) { :host { --quiet: var(--text); --line: var(--text); } }
@media (forced-colors: active) { .dot, i, .source::before, .what::before, .steps .name::before { forced-color-adjust: none; } }
`;
