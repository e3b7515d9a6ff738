/** The page's looks, light or dark as the reader's system is. Every colour of text has a contrast of 4.5 to 1 or more. */
export const pageStyle = `
:root { color-scheme: light dark; --ink: #1c2420; --soft: #56625b; --paper: #fbfcfa; --card: #ffffff; --line: #d9dfda; --link: #0b6b3f; --code: #eef2ee; --get: #0b5c8a; --post: #0b6b3f; --delete: #a3271b; --warn: #8a4b08; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebe7; --soft: #a5b0a9; --paper: #131715; --card: #1a1f1c; --line: #343c37; --link: #6fd3a0; --code: #232a26; --get: #7cc4ee; --post: #6fd3a0; --delete: #ff9d91; --warn: #f0b566; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; display: grid; grid-template-columns: 17rem minmax(0, 56rem); gap: 0 3rem; padding: 0 2rem; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--card); padding: .5rem 1rem; }
header { grid-column: 1 / -1; padding: 2.5rem 0 1rem; border-bottom: 1px solid var(--line); }
header h1 { margin: 0; font-size: 2rem; }
header p { margin: .5rem 0; max-width: 46rem; color: var(--soft); }
nav { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow-y: auto; padding: 1.5rem 0; font-size: .9rem; }
nav h2 { margin: 1.2rem 0 .3rem; font-size: .8rem; text-transform: uppercase; letter-spacing: .06em; color: var(--soft); }
nav ul { list-style: none; margin: 0; padding: 0; }
nav a { display: block; padding: .15rem 0; text-decoration: none; overflow-wrap: anywhere; }
nav a:hover, nav a:focus-visible { text-decoration: underline; }
main { padding: 1.5rem 0 6rem; }
a { color: var(--link); }
h2 { margin: 2.5rem 0 .2rem; font-size: 1.5rem; }
section:first-of-type > h2 { margin-top: 0; }
h3 { margin: 0; font-size: 1.15rem; }
h3 a { color: inherit; text-decoration: none; }
h3 a:hover, h3 a:focus-visible { text-decoration: underline; }
h4 { margin: 1.2rem 0 .3rem; font-size: .8rem; text-transform: uppercase; letter-spacing: .06em; color: var(--soft); }
p { margin: .4rem 0; }
article { margin: 1rem 0 1.5rem; padding: 1.2rem 1.4rem; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
article:target { border-color: var(--link); }
code, pre { font: .88em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
code { background: var(--code); padding: .1em .3em; border-radius: .25rem; overflow-wrap: anywhere; }
pre { margin: .3rem 0; padding: .8rem 1rem; background: var(--code); border-radius: .4rem; overflow-x: auto; }
pre code { background: none; padding: 0; overflow-wrap: normal; }
.route code { background: none; padding: 0; font-size: 1rem; }
.method { font: 700 .85rem/1 ui-monospace, monospace; }
.get { color: var(--get); } .post { color: var(--post); } .delete { color: var(--delete); }
.need, .media, .in, .kind { color: var(--soft); font-size: .9rem; }
a.kind { color: var(--link); }
em { color: var(--warn); font-style: normal; font-size: .85rem; }
dl { margin: .3rem 0; }
dl.members > dt { margin-top: .6rem; }
dd { margin: 0 0 0 1.2rem; }
dd p { margin: .1rem 0; }
dl.answers { display: grid; grid-template-columns: 3rem 1fr; gap: .5rem .6rem; }
dl.answers > dd { margin: 0; min-width: 0; }
dt.success { color: var(--post); font-weight: 700; } dt.refusal { color: var(--delete); font-weight: 700; }
ul.rules { margin: .1rem 0; padding-left: 1.1rem; color: var(--soft); font-size: .9rem; }
ul.parts { margin: .3rem 0; padding-left: 1.1rem; }
details { margin: .4rem 0; }
summary { cursor: pointer; }
footer { grid-column: 1 / -1; padding: 1rem 0 2rem; color: var(--soft); font-size: .9rem; }
@media (max-width: 60rem) { body { display: block; padding: 0 1rem; } nav { position: static; max-height: none; } }
@media print { nav, .skip { display: none; } body { display: block; } article { break-inside: avoid; } }
`;
