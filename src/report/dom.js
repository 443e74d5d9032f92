// Elements, made of texts: nothing here or elsewhere makes HTML of a text, which may be a stranger's.
// SPDX-License-Identifier: GPL-3.0-or-later
'use strict';

const Dom = (() => {
  function add(element, children) {
    for (const child of children.flat(Infinity))
      if (child !== null && child !== undefined && child !== false) element.append(child);
    return element;
  }

  function make(element, attributes) {
    for (const [name, value] of Object.entries(attributes ?? {})) {
      if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, '');
      else if (value !== null && value !== undefined && value !== false)
        element.setAttribute(name, value);
    }
    return element;
  }

  // h('p', { class: 'note' }, 'text', h('b', null, 'more'))
  const h = (tag, attributes, ...children) =>
    add(make(document.createElement(tag), attributes), children);
  const svg = (tag, attributes, ...children) =>
    add(make(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes), children);

  const labels = new Map(); // how often each has been given: readers tell regions apart by them

  // A table that scrolls by itself where it is too wide.
  function table(label, heads, rows) {
    const times = (labels.get(label) ?? 0) + 1;
    labels.set(label, times);
    return h(
      'div',
      { class: 'scroll', role: 'region', 'aria-label': times > 1 ? `${label} (${times})` : label, tabindex: '0' },
      h(
        'table',
        null,
        h('thead', null, h('tr', null, heads.map((text) => h('th', { scope: 'col' }, text)))),
        h('tbody', null, rows),
      ),
    );
  }

  // Names with what they say: [['seed', 1], ...]; what says nothing is left out.
  function facts(list) {
    return h(
      'dl',
      { class: 'facts' },
      list
        .filter(([, value]) => value !== undefined && value !== null && value !== '')
        .map(([name, value]) => h('div', null, h('dt', null, name), h('dd', null, String(value)))),
    );
  }

  const number = (value, digits = 4) =>
    typeof value === 'number' ? Number(value.toPrecision(digits)).toString() : '';
  const count = (value) => Number(value).toLocaleString('en-US');

  return { h, svg, table, facts, number, count };
})();
