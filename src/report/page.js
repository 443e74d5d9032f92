// The page: each section of the document (README.md in this folder) as elements.
// SPDX-License-Identifier: GPL-3.0-or-later
'use strict';

const Page = (() => {
  const { h, svg, table, facts, number, count } = Dom;

  // ---- pictures ----

  let viewer = null; // the dialog that shows one picture
  const listeners = []; // what else can be done with a picture: { label, can, take }

  // So large that it fills about `wanted` pixels of the screen, by whole steps, so that pixels stay crisp.
  function enlarged(image, wanted) {
    const by = Math.max(1, Math.floor(wanted / Math.max(image.naturalWidth, image.naturalHeight)));
    const canvas = h('canvas', { width: image.naturalWidth * by, height: image.naturalHeight * by });
    const context = canvas.getContext('2d');
    context.imageSmoothingEnabled = false;
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return canvas;
  }

  function fileName(picture) {
    return `${picture.array.slice(1).replace(/[^\w.-]+/g, '-')}-${picture.index}.png`;
  }

  function showPicture(picture) {
    if (!viewer) {
      viewer = h('dialog', { class: 'viewer', 'aria-labelledby': 'viewer-title' });
      viewer.addEventListener('click', (event) => {
        if (event.target === viewer) viewer.close();
      });
      document.body.append(viewer);
    }
    const image = h('img', { src: picture.png, alt: picture.alt, class: 'large' });
    const save = (canvas, label) =>
      h('a', { class: 'button', download: fileName(picture), href: canvas }, label);
    const links = h('p', { class: 'actions' }, save(picture.png, 'Save as PNG'));
    image.decode().then(() => {
      links.append(save(enlarged(image, 512).toDataURL('image/png'), 'Save enlarged'));
    });
    for (const { label, can, take } of listeners)
      if (can(picture))
        links.append(
          h('button', { type: 'button', onclick: () => { viewer.close(); take(picture, image); } }, label),
        );
    const content = h(
      'div',
      null,
      h('h2', { id: 'viewer-title' }, picture.caption || 'Picture'),
      image,
      facts([
        ...(picture.facts ?? []),
        ['values', `${number(picture.low)} to ${number(picture.high)}`],
        ['in the file', `${picture.array}[${picture.index}]`],
      ]),
      links,
      picture.exemplars
        ? [h('h3', null, 'What excites it most'), gallery(picture.exemplars, 'small')]
        : null,
      h('form', { method: 'dialog' }, h('button', { autofocus: true }, 'Close')),
    );
    viewer.replaceChildren(content);
    if (!viewer.open) viewer.showModal();
  }

  function picture(p, caption = p.caption) {
    const image = p.png
      ? h('img', { src: p.png, alt: p.alt, decoding: 'async' })
      : h('span', { class: 'none' }, 'not finite');
    return h(
      'button',
      { type: 'button', class: 'picture', onclick: () => p.png && showPicture(p) },
      image,
      caption ? h('span', { class: 'caption' }, caption) : null,
      p.note ? h('span', { class: 'note' }, p.note) : null,
    );
  }

  const gallery = (pictures, kind = '') =>
    h('ul', { class: `gallery ${kind}` }, pictures.map((p) => h('li', null, picture(p))));

  // ---- what a result says of itself ----

  function origin(result) {
    const words = [result.path];
    if (result.inverse) words.push(`by the inverse ${result.inverse}`);
    if (result.kind) words.push(`of kind ${result.kind}`);
    if (result.at) words.push(`at ${result.at}`);
    if (result.layer) words.push(`layer ${result.layer}`);
    if (result.judge) words.push(`judged by ${result.judge}`);
    return h('p', { class: 'origin' }, words.join(', '));
  }

  const flat = (object, before = '') =>
    Object.entries(object).flatMap(([key, value]) =>
      value && typeof value === 'object' && !Array.isArray(value)
        ? flat(value, `${before}${key}.`)
        : [[before + key, Array.isArray(value) ? value.join(', ') : value]],
    );

  const settings = (result) =>
    result.settings
      ? h('details', null, h('summary', null, 'Settings'), facts(flat(result.settings)))
      : null;

  const stale = (result) =>
    result.stale ? h('p', { class: 'stale' }, `Out of date: ${result.stale}.`) : null;

  function partly(result, shown) {
    return result.count > shown
      ? h('p', { class: 'origin' }, `The first ${count(shown)} of ${count(result.count)}.`)
      : null;
  }

  // One result after the other, each with a heading where there are several; draw is given the level below.
  function results(list, draw) {
    return list.map((result) =>
      h(
        'article',
        null,
        list.length > 1 ? h('h3', null, result.name) : null,
        origin(result),
        stale(result),
        draw(result, list.length > 1 ? 'h4' : 'h3'),
        settings(result),
      ),
    );
  }

  // ---- sections ----

  function about(run) {
    const a = run.about;
    return [
      h('p', { class: 'lead' }, a.summary.join(' ')),
      facts([
        ['data', a.dataset],
        ['seed', a.seed],
        ['made', a.created],
        ['invproj', a.program_version],
        ['file', a.file],
        ['seal', a.sealed ? 'as invproj wrote it' : 'none: another program has opened it'],
      ]),
      a.again || a.experiment
        ? h(
            'details',
            null,
            h('summary', null, 'Make it again'),
            a.again ? h('p', null, a.again) : null,
            a.command ? h('pre', { tabindex: '0' }, a.command) : null,
            a.experiment ? h('pre', { tabindex: '0' }, a.experiment) : null,
          )
        : null,
    ];
  }

  const arrows = { higher: '\u2191 higher is better', lower: '\u2193 lower is better', neither: '' };

  function figureRow(f) {
    const error = typeof f.error === 'number' ? ` \u00b1 ${number(f.error, 2)}` : '';
    return h(
      'tr',
      null,
      h(
        'th',
        { scope: 'row' },
        f.label,
        f.result ? h('span', { class: 'of' }, `${f.group} ${f.result}`) : null,
      ),
      h('td', { class: 'number' }, f.text, f.unit ? ` ${f.unit}` : '', h('span', { class: 'of' }, error)),
      h('td', { class: 'number' }, f.published ?? '', f.published_by ? h('span', { class: 'of' }, f.published_by) : null),
      h('td', { class: 'meaning' }, f.meaning, arrows[f.better] ? h('span', { class: 'of' }, arrows[f.better]) : null),
    );
  }

  function figures(run) {
    const published = run.figures.some((f) => f.published);
    const heads = ['figure', 'this run', ...(published ? ['published'] : []), 'what it means'];
    const rowsOf = (list) =>
      list.map((f) => {
        const row = figureRow(f);
        if (!published) row.children[2].remove();
        return row;
      });
    const details = run.figures.filter((f) => f.detail);
    return [
      table('Table of figures', heads, rowsOf(run.figures.filter((f) => !f.detail))),
      details.length
        ? h('details', null, h('summary', null, 'More figures'), table('Table of more figures', heads, rowsOf(details)))
        : null,
    ];
  }

  const isConstant = (chart) => new Set(chart.series.flatMap((s) => s.y)).size === 1;

  function curves(run) {
    const stages = [...new Set(run.curves.map((chart) => chart.stage))];
    return stages.map((stage) => {
      const charts = run.curves.filter((c) => c.stage === stage);
      return [
        h('h3', null, stage[0].toUpperCase() + stage.slice(1)),
        facts(charts.filter(isConstant).map((c) => [`${c.title}, throughout`, number(c.series[0].y[0], 6)])),
        h('div', { class: 'charts' }, charts.filter((c) => !isConstant(c)).map((c) => Chart.figure(c, 'h4'))),
      ];
    });
  }

  // Shades from 0 to 5, by the part of the largest.
  function shade(value, most) {
    if (!value) return 0;
    return Math.min(5, 1 + Math.floor((value / most) * 4.99));
  }

  function matrix(confusion) {
    const names = confusion.classes;
    const wrong = Math.max(...confusion.counts.map((row, i) => Math.max(...row.filter((_, j) => i !== j))));
    const rows = confusion.counts.map((row, i) => {
      const sum = row.reduce((a, b) => a + b, 0);
      return h(
        'tr',
        null,
        h('th', { scope: 'row' }, names[i]),
        row.map((value, j) =>
          h(
            'td',
            {
              class: `cell ${i === j ? 'right' : 'wrong'}${shade(value, i === j ? sum : wrong)}`,
              title: `${names[i]} taken for ${names[j]}: ${value} of ${sum}`,
            },
            value || '',
          ),
        ),
      );
    });
    const found = table('Confusion matrix, scrolls', ['class', ...names], rows);
    found.firstChild.classList.add('matrix');
    return [
      h('p', { class: 'origin' }, `${confusion.path}: a row is a class, a column what the net takes its test images for.`),
      found,
    ];
  }

  function confusion(run) {
    const parts = [];
    const c = run.confusion;
    if (c?.counts) parts.push(matrix(c));
    if (c?.pairs.length)
      parts.push(
        h('h3', null, 'Most frequent'),
        h(
          'ol',
          { class: 'pairs' },
          c.pairs.slice(0, 10).map(([is, as, n]) =>
            h('li', null, h('b', null, c.classes[is]), ' taken for ', h('b', null, c.classes[as]), `: ${count(n)}`),
          ),
        ),
      );
    if (run.mistakes?.pictures.length)
      parts.push(
        h('h3', null, 'The most wrong'),
        h('p', { class: 'origin' }, 'Test images that the net is surest of and wrong about: the class, what it is taken for, and with what confidence.'),
        gallery(run.mistakes.pictures, 'small'),
      );
    return parts;
  }

  function projections(run) {
    return results(run.projections, (result) => [
      h('p', { class: 'origin' }, 'Left the original, right what the inverse makes of it, with the class that the net takes it for.'),
      h(
        'ul',
        { class: 'gallery pairs' },
        result.pairs.map((pair) => {
          const changed = pair.original.facts && pair.image.caption && pair.original.caption !== pair.image.caption;
          return h(
            'li',
            { class: changed ? 'pair changed' : 'pair' },
            picture(pair.original),
            picture(pair.image),
          );
        }),
      ),
      partly(result, result.pairs.length),
    ]);
  }

  const pictures = (list) =>
    results(list, (result) => [gallery(result.pictures), partly(result, result.pictures.length)]);

  // Of exemplars only their settings say which.
  const layerOf = (result) => (result.layer ?? result.at ?? result.settings?.layer)?.split('.')[0];

  // Feature and exemplars of the same unit belong together.
  function withExemplars(run, result) {
    const rows = (run.exemplars ?? []).filter((one) => layerOf(one) === layerOf(result)).flatMap((one) => one.rows);
    return result.pictures.map((p) => ({ ...p, exemplars: rows.find((row) => row.caption === `unit ${p.unit}`)?.pictures }));
  }

  function features(run) {
    return results(run.features, (result, head) => [
      result.answers
        ? h('p', { class: 'origin' }, 'Under each unit the two classes that it answers to most: those with the highest mean there.')
        : null,
      gallery(withExemplars(run, result)),
      result.low ? [h(head, null, 'Low'), gallery(result.low)] : null,
      result.difference ? [h(head, null, 'Difference, grey where there is none'), gallery(result.difference)] : null,
      partly(result, result.pictures.length),
    ]);
  }

  function exemplars(run) {
    return results(run.exemplars, (result, head) =>
      result.rows.map((row) =>
        h('div', { class: 'row' }, h(head, null, row.caption), gallery(row.pictures, 'small')),
      ),
    );
  }

  // ---- the architecture ----

  const shapeText = ([height, width, channels]) =>
    height === 1 && width === 1 ? count(channels) : `${height} \u00d7 ${width} \u00d7 ${channels}`;

  // Boxes from the image down to the classes, as wide as the logarithm of how many values there are; lines
  // from each to those that read it.
  function architecture(run) {
    const a = run.architecture;
    const [step, box, middle, widest] = [46, 28, 66, 116];
    const points = [{ name: 'image', type: 'input', out: a.input, inputs: [], parameters: 0 }, ...a.layers];
    const sizes = points.map((p) => Math.log2(1 + Net.sizeOf(p.out)));
    const most = Math.max(...sizes);
    const top = (i) => 8 + i * step;
    const height = top(points.length - 1) + box + 8;
    const lines = points.flatMap((p, i) =>
      p.inputs.map((from) => {
        if (from === i - 1) return svg('line', { class: 'wire', x1: middle, x2: middle, y1: top(from) + box, y2: top(i) });
        const [y0, y1] = [top(from) + box / 2, top(i) + box / 2];
        return svg('path', { class: 'wire', d: `M${middle} ${y0}C${4} ${y0} ${4} ${y1} ${middle} ${y1}` });
      }),
    );
    const drawing = svg(
      'svg',
      { class: 'net', viewBox: `0 0 360 ${height}`, role: 'img', 'aria-label': `The net: ${points.map((p) => `${p.name}, ${p.type}, ${shapeText(p.out)}`).join('; ')}` },
      lines,
      points.map((p, i) => {
        const width = Math.max(24, (widest * sizes[i]) / most);
        const kind = i === 0 ? 'image' : p.parameters > 0 ? 'learned' : 'plain';
        return svg(
          'g',
          null,
          svg('rect', { class: `box ${kind}`, x: middle - width / 2, y: top(i), width, height: box, rx: 4 }),
          svg('text', { class: 'shape', x: middle, y: top(i) + 18, 'text-anchor': 'middle' }, shapeText(p.out)),
          svg('text', { class: 'name', x: 138, y: top(i) + 11 }, p.name),
          svg('text', { class: 'tick', x: 138, y: top(i) + 26 }, p.parameters > 0 ? `${p.type} \u00b7 ${count(p.parameters)} parameters` : p.type),
        );
      }),
    );
    const rows = a.layers.map((l) =>
      h(
        'tr',
        null,
        h('th', { scope: 'row' }, l.name),
        h('td', null, l.type),
        h('td', null, shapeText(l.in)),
        h('td', null, shapeText(l.out)),
        h('td', { class: 'number' }, count(l.parameters)),
        h('td', null, flat(l.settings).map(([key, value]) => `${key} ${value}`).join(', ')),
      ),
    );
    return [
      h('p', { class: 'origin' }, `${count(a.parameters)} parameters in all.`),
      drawing,
      h(
        'details',
        null,
        h('summary', null, 'Layers as a table'),
        table('Table of layers', ['layer', 'type', 'in', 'out', 'parameters', 'settings'], rows),
      ),
    ];
  }

  // ---- data and environment ----

  function data(run) {
    const d = { ...run.data };
    const classes = d.images_per_class ?? [];
    delete d.images_per_class;
    return [
      facts(Object.entries(d)),
      classes.length
        ? h(
            'details',
            null,
            h('summary', null, 'Images of each class that it was trained on'),
            facts(classes.map(([name, n]) => [name, count(n)])),
          )
        : null,
    ];
  }

  function environment(run) {
    const e = run.environment;
    return [
      e.source
        ? [
            h('h3', null, 'Where the net comes from'),
            facts(Object.entries(e.source).filter(([key]) => key !== 'notes')),
            e.source.notes ? h('ul', null, e.source.notes.map((note) => h('li', null, note))) : null,
          ]
        : null,
      e.first ? facts(Object.entries(e.first)) : null,
      (e.later ?? []).map((start, i) => [h('h3', null, `Start ${i + 2}`), facts(Object.entries(start))]),
    ];
  }

  // key: of the document, or several; the section is there where one of them is.
  const sections = [
    { key: ['about'], title: 'In short', draw: about },
    { key: ['figures'], title: 'Figures', draw: figures },
    { key: ['curves'], title: 'Training', draw: curves },
    { key: ['confusion', 'mistakes'], title: 'Mistakes', draw: confusion },
    { key: ['projections'], title: 'Projections', draw: projections },
    { key: ['generated'], title: 'Generated images', draw: (run) => pictures(run.generated) },
    { key: ['features'], title: 'Features', draw: features },
    { key: ['exemplars'], title: 'Exemplars', draw: exemplars },
    { key: ['filters'], title: 'Filters', draw: (run) => pictures(run.filters) },
    { key: ['architecture'], title: 'The net', draw: architecture },
    { key: ['net'], title: 'Try it', draw: (run) => Play.section(run) },
    { key: ['data'], title: 'Data', draw: data },
    { key: ['environment'], title: 'Environment', draw: environment },
  ];

  // The sections of a run: { id, title, element }, drawn when the element is asked for; of several runs with the
  // name of each.
  function drawRun(run, before = '', name = '') {
    return sections
      .filter((s) => s.key.some((key) => run[key]))
      .map((s) => {
        const id = before + s.key[0];
        return {
          id,
          title: s.title,
          get element() {
            return h(
              'section',
              { id, 'aria-labelledby': `${id}-title` },
              h('h2', { id: `${id}-title` }, s.title, name ? h('span', { class: 'of' }, name) : null),
              s.draw(run),
            );
          },
        };
      });
  }

  // ---- several runs ----

  // Where names of files share their beginning, that is left out.
  function shortNames(names) {
    const parts = names.map((name) => name.split('/'));
    let same = 0;
    while (parts.every((p) => same < p.length - 1 && p[same] === parts[0][same])) same++;
    return parts.map((p) => p.slice(same).join('/'));
  }

  // One or two settings that differ say more than names of files.
  function columnNames(content) {
    const differ = content.comparison.settings;
    if (differ.length === 1 || differ.length === 2)
      return content.comparison.columns.map((_, i) => differ.map((one) => `${one.key} ${one.values[i]}`).join(', '));
    const short = shortNames(content.comparison.columns.map((c) => c.name));
    return content.comparison.columns.map((c, i) => (c.runs.length > 1 ? `${short[i]} and ${c.runs.length - 1} more` : short[i]));
  }

  function comparedSettings(content, names) {
    const { columns, settings: differ } = content.comparison;
    const row = (name, values) =>
      h('tr', null, h('th', { scope: 'row' }, name), values.map((value) => h('td', null, value)));
    return table('Table of settings that differ', ['setting', ...names], [
      row('runs', columns.map((c) => c.runs.length)),
      row('seeds', columns.map((c) => c.seeds.join(', '))),
      differ.map((one) => row(one.key, one.values)),
    ]);
  }

  function comparedFigures(content, names) {
    const cell = (c) =>
      h(
        'td',
        { class: c.best ? 'number better' : 'number' },
        c.text,
        c.best ? ' *' : '',
        typeof c.spread === 'number' ? h('span', { class: 'of' }, `\u00b1 ${number(c.spread, 2)}`) : null,
      );
    const rows = content.comparison.figures.map((f) =>
      h(
        'tr',
        null,
        h(
          'th',
          { scope: 'row', title: f.meaning },
          f.label,
          h('span', { class: 'of' }, `${f.path.slice(1)} ${arrows[f.better]}`),
        ),
        f.cells.map(cell),
      ),
    );
    return [
      table('Table of figures compared', ['figure', ...names], rows),
      h('p', { class: 'origin' }, 'Where several runs differ only by the seed: their mean, \u00b1 the deviation of one run. An asterisk marks the better one where these deviations leave no doubt; without them nothing is marked.'),
    ];
  }

  // Curves of the same name over each other, in the colour of their column.
  function comparedCurves(content, names) {
    const found = new Map();
    content.comparison.columns.forEach((column, i) =>
      column.runs.forEach((r) =>
        (content.runs[r].curves ?? []).forEach((chart) => {
          const key = `${chart.stage}: ${chart.title}`;
          if (!found.has(key)) found.set(key, { ...chart, title: key, series: [] });
          const s = chart.series.find((one) => one.name === 'validation') ?? chart.series[0];
          const seed = content.runs[r].about.seed;
          found.get(key).series.push({ ...s, name: column.runs.length > 1 ? `${names[i]}, seed ${seed}` : names[i], colour: i });
        }),
      ),
    );
    const charts = [...found.values()].filter((chart) => !isConstant(chart));
    return h('div', { class: 'charts' }, charts.map((chart) => Chart.figure(chart)));
  }

  const SHOWN = 10; // pictures of a row

  // A row a run, of what `take` finds in it.
  function rowsOfRuns(content, names, take) {
    return content.comparison.columns.flatMap((column, i) =>
      column.runs.slice(0, 1).map((r) => {
        const list = take(content.runs[r]).slice(0, SHOWN);
        return list.length
          ? h('div', { class: 'row' }, h('h3', null, names[i]), gallery(list, 'small'))
          : null;
      }),
    );
  }

  const comparisons = [
    { id: 'settings', title: 'What differs', draw: comparedSettings },
    { id: 'compared', title: 'Figures', draw: comparedFigures },
    { id: 'overlaid', title: 'Training', draw: comparedCurves },
    {
      id: 'projected', title: 'Projections',
      draw: (content, names) => [
        rowsOfRuns(content, ['originals'], (run) => (run === content.runs[0] ? (run.projections ?? []).flatMap((p) => p.pairs.map((pair) => pair.original)) : [])),
        rowsOfRuns(content, names, (run) => (run.projections ?? []).flatMap((p) => p.pairs.map((pair) => pair.image))),
      ],
    },
    {
      id: 'made', title: 'Generated images',
      draw: (content, names) => rowsOfRuns(content, names, (run) => (run.generated ?? []).flatMap((g) => g.pictures)),
    },
  ];

  // A run's own sections, drawn when they are opened.
  function wholeRun(run, i, name) {
    const place = h('div');
    const details = h('details', { class: 'run' }, h('summary', null, `${name}: ${run.about.title}, seed ${run.about.seed ?? 'unknown'}`), place);
    details.addEventListener('toggle', () => {
      if (details.open && !place.firstChild) place.append(...drawRun(run, `run${i}-`, name).map((s) => s.element));
    });
    return details;
  }

  // Those with the ids; all where none are given.
  function drawComparison(content, ids) {
    const names = columnNames(content);
    const files = shortNames(content.comparison.columns.flatMap((c) => c.runs).sort((a, b) => a - b).map((r) => content.comparison.files[r]));
    const parts = comparisons
      .filter((s) => !ids || ids.includes(s.id))
      .map((s) => ({ id: s.id, title: s.title, drawn: s.draw(content, names) }));
    parts.push({
      id: 'runs',
      title: 'Each run',
      drawn: [
        h('p', { class: 'origin' }, 'What one can draw and move is on the page of one run alone, which invproj report makes: several nets would make this one too large.'),
        content.runs.map((run, i) => wholeRun(run, i, files[i])),
      ],
    });
    return asSections(parts);
  }

  // Parts { id, title, drawn } as sections, without those that have nothing.
  function asSections(parts) {
    return parts
      .filter((s) => [s.drawn].flat(Infinity).some(Boolean))
      .map((s) => ({
        id: s.id,
        title: s.title,
        element: h('section', { id: s.id, 'aria-labelledby': `${s.id}-title` }, h('h2', { id: `${s.id}-title` }, s.title), s.drawn),
      }));
  }

  return { drawRun, drawComparison, asSections, listeners };
})();
