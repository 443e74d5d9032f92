// Reads the document and draws it.
// SPDX-License-Identifier: GPL-3.0-or-later
'use strict';

(() => {
  const { h } = Dom;
  const content = JSON.parse(document.getElementById('document').textContent);

  function header(run) {
    const a = run.about;
    return [
      h('h1', null, a.title),
      h('p', { class: 'under' }, [a.dataset, a.created?.slice(0, 10)].filter(Boolean).join(' \u00b7 ')),
    ];
  }

  // What the page is of: a sweep, several runs or one.
  function draw() {
    if (content.sweep) return { heads: Sweep.header(content.sweep), drawn: Sweep.draw(content) };
    if (content.runs.length > 1)
      return { heads: [h('h1', null, `${content.runs.length} runs compared`)], drawn: Page.drawComparison(content) };
    return { heads: header(content.runs[0]), drawn: Page.drawRun(content.runs[0]) };
  }

  const { heads, drawn } = draw();
  document.getElementById('top').append(...heads);
  const main = document.getElementById('main');
  const FIRST = 2; // sections that are there at the first look; the others follow once it is painted
  main.append(...drawn.slice(0, FIRST).map((s) => s.element));
  document
    .getElementById('contents')
    .append(h('ul', null, drawn.map((s) => h('li', null, h('a', { href: `#${s.id}` }, s.title)))));
  document
    .getElementById('bottom')
    .append(h('p', null, `Made by ${content.made_by}. This page needs no network and sends nothing.`));
  requestAnimationFrame(() =>
    setTimeout(() => {
      main.append(...drawn.slice(FIRST).map((s) => s.element));
      if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
      window.invproj = { content, Net, Centre, Play }; // for tests: all is drawn
    }),
  );
})();
