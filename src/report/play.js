// What one can try: draw and have it classified and projected, move hidden units, walk between images.
//
// Whatever is drawn or opened goes onto the pad, and the net gets what is on the pad; the values at the point
// of the chosen inverse are what sliders and walks work on.
// SPDX-License-Identifier: GPL-3.0-or-later
'use strict';

const Play = (() => {
  const { h, number } = Dom;
  const PAD = 280; // pixels of a side of the pad, about
  const UNITS = 200; // sliders at most, but for those that are asked for
  const SPREAD = 4; // deviations from the mean that a slider reaches
  const FRAMES = 9; // of a walk
  const LISTED = 10; // classes shown, the most probable first

  // ---- the nets ----

  function open(run) {
    const net = Net.build(run.architecture.layers, Net.floats(run.net.parameters));
    const inverses = run.net.inverses.map((inverse) => ({
      ...inverse,
      net: Net.build(inverse.layers, Net.floats(inverse.parameters)),
    }));
    return { net, inverses, shape: run.architecture.input, logits: run.architecture.logits };
  }

  function classNames(run, classes) {
    const names = run.confusion?.classes ?? run.data?.images_per_class?.map(([name]) => name);
    return Array.from({ length: classes }, (_, c) => names?.[c] ?? String(c));
  }

  // The mean and the deviation of each unit at the inverse's point, from the Gaussian that the file has
  // there, or from the images that the page has.
  function statistics(inverse, codes) {
    const units = Net.sizeOf(inverse.layers[0].in);
    const mean = new Float64Array(units);
    const deviation = new Float64Array(units);
    if (inverse.gaussian) {
      const g = inverse.gaussian;
      const all = Net.floats(g.all);
      const axes = all.subarray(units, units * (g.components + 1));
      const along = all.subarray(units * (g.components + 1));
      for (let u = 0; u < units; u++) {
        let variance = g.rest;
        for (let k = 0; k < g.components; k++) variance += (axes[k * units + u] * along[k]) ** 2;
        mean[u] = all[u];
        deviation[u] = Math.sqrt(variance) || 1;
      }
      return { mean, deviation, axes, along, rest: g.rest, means: g.means.map(Net.floats) };
    }
    for (const code of codes) code.forEach((v, u) => { mean[u] += v / codes.length; });
    for (const code of codes)
      code.forEach((v, u) => { deviation[u] += (v - mean[u]) ** 2 / codes.length; });
    return { mean, deviation: deviation.map((v) => Math.sqrt(v) || 1), means: [] };
  }

  const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());

  // mean + sum over k of c[k] deviation[k] axes[k], c normal
  function sample(s) {
    const values = Float32Array.from(s.mean);
    s.along.forEach((deviation, k) => {
      const c = normal() * deviation;
      for (let u = 0; u < values.length; u++) values[u] += c * s.axes[k * values.length + u];
    });
    return values;
  }

  // ---- drawing what a net makes ----

  function screen(shape, label) {
    return h('canvas', { class: 'screen', width: shape[1], height: shape[0], role: 'img', 'aria-label': label });
  }

  function paint(canvas, shape, values, pixels) {
    const [height, width, channels] = shape;
    const image = new ImageData(width, height);
    for (let i = 0; i < height * width; i++) {
      for (let c = 0; c < 3; c++) {
        const value = values[i * channels + (channels >= 3 ? c : 0)];
        image.data[4 * i + c] = Math.round((255 * (value - pixels.black)) / (pixels.white - pixels.black));
      }
      image.data[4 * i + 3] = 255;
    }
    canvas.getContext('2d').putImageData(image, 0, 0);
  }

  function readClasses(net, logits, x, first = 0) {
    const values = net.forward(x, first);
    const end = values[net.layers.length];
    return { values, probabilities: logits < net.layers.length ? end : Net.softmax(end) };
  }

  const best = (p) => p.reduce((at, value, i) => (value > p[at] ? i : at), 0);

  // The most probable classes, as bars.
  function bars(list, names, probabilities) {
    const order = Array.from(probabilities.keys()).sort((a, b) => probabilities[b] - probabilities[a]);
    const shown = names.length > LISTED ? order.slice(0, LISTED) : Array.from(names.keys());
    list.replaceChildren(
      ...shown.map((c) => {
        const bar = h('span', { class: 'bar' });
        bar.style.width = `${100 * probabilities[c]}%`;
        return h(
          'li',
          { class: c === order[0] ? 'best' : null },
          h('span', { class: 'class' }, names[c]),
          h('span', { class: 'track' }, bar),
          h('span', { class: 'number' }, probabilities[c].toFixed(3)),
        );
      }),
    );
  }

  // ---- the pad ----

  // A canvas to draw on, whose every change calls changed(). What was done is a list, so that it can be undone.
  function makePad(shape, onBlack, changed) {
    const by = Math.max(1, Math.round(PAD / Math.max(shape[0], shape[1])));
    const canvas = h('canvas', {
      class: 'pad', width: shape[1] * by, height: shape[0] * by, role: 'img',
      'aria-label': 'Pad: draw here with the mouse, a pen or a finger',
    });
    const context = canvas.getContext('2d', { willReadFrequently: true });
    const done = [];
    const pen = Math.max(canvas.width, canvas.height) / 13;

    function drawStroke(points) {
      context.strokeStyle = context.fillStyle = onBlack ? '#fff' : '#000';
      context.lineWidth = pen;
      context.lineCap = context.lineJoin = 'round';
      context.beginPath();
      context.moveTo(points[0][0], points[0][1]);
      for (const [x, y] of points) context.lineTo(x, y);
      context.stroke();
    }

    function drawImage({ image, smooth }) {
      const width = image.naturalWidth;
      const height = image.naturalHeight;
      const scale = Math.min(canvas.width / width, canvas.height / height);
      context.imageSmoothingEnabled = smooth;
      context.imageSmoothingQuality = 'high';
      context.drawImage(
        image, (canvas.width - width * scale) / 2, (canvas.height - height * scale) / 2, width * scale, height * scale,
      );
    }

    function redraw() {
      context.fillStyle = onBlack ? '#000' : '#fff';
      context.fillRect(0, 0, canvas.width, canvas.height);
      for (const action of done) {
        if (action.image) drawImage(action);
        else drawStroke(action.points);
      }
      changed();
    }

    function place(event) {
      const box = canvas.getBoundingClientRect();
      return [
        ((event.clientX - box.left) * canvas.width) / box.width,
        ((event.clientY - box.top) * canvas.height) / box.height,
      ];
    }

    let stroke = null;
    canvas.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      try {
        canvas.setPointerCapture(event.pointerId);
      } catch {
        // a pointer that is gone already
      }
      stroke = { points: [place(event)] };
      done.push(stroke);
      redraw();
    });
    canvas.addEventListener('pointermove', (event) => {
      if (!stroke) return;
      const events = event.getCoalescedEvents?.() ?? [];
      for (const one of events.length ? events : [event]) stroke.points.push(place(one));
      redraw();
    });
    for (const name of ['pointerup', 'pointercancel'])
      canvas.addEventListener(name, () => { stroke = null; });

    return {
      canvas,
      redraw,
      isEmpty: () => done.length === 0,
      undo() { done.pop(); redraw(); },
      clear() { done.length = 0; redraw(); },
      show(image, smooth) { done.length = 0; done.push({ image, smooth }); redraw(); },
      pixels: () => context.getImageData(0, 0, canvas.width, canvas.height),
    };
  }

  // What is on the pad as the net takes it.
  function inputOf(pad, shape, pixels, centred) {
    const [height, width, channels] = shape;
    const { data, width: w, height: hh } = pad.pixels();
    const onBlack = isOnBlack(pixels);
    const range = pixels.white - pixels.black;
    const x = new Float32Array(height * width * channels);
    const layer = (take) => {
      const p = Centre.page(hh, w);
      for (let i = 0; i < p.ink.length; i++) p.ink[i] = take(i);
      return p;
    };
    const grey = (i) => (0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2]) / 255;
    if (centred) {
      const ink = Centre.centre(layer((i) => (onBlack ? grey(i) : 1 - grey(i))), height, width);
      const full = onBlack ? pixels.white : pixels.black;
      for (let i = 0; i < x.length; i++) {
        const part = ink ? ink[Math.floor(i / channels)] : 0;
        x[i] = pixels.ground + part * (full - pixels.ground);
      }
      return x;
    }
    for (let c = 0; c < channels; c++) {
      const part = Centre.fit(layer(channels === 3 ? (i) => data[4 * i + c] / 255 : grey), height, width);
      for (let i = 0; i < height * width; i++) x[i * channels + c] = pixels.black + part.ink[i] * range;
    }
    return x;
  }

  const isOnBlack = (pixels) => pixels.ground < (pixels.black + pixels.white) / 2;

  // ---- drawing, classified and projected ----

  function drawingPart(run, nets, names, state) {
    const pixels = run.net;
    const { shape } = nets;
    const seen = screen(shape, 'what the net gets');
    const list = h('ul', { class: 'bars', 'aria-label': 'The most probable classes' });
    const verdict = h('p', { class: 'verdict', role: 'status' });
    const centre = h('input', { type: 'checkbox', checked: true, onchange: () => pad.redraw() });
    const projections = nets.inverses.map((inverse) => ({
      inverse,
      canvas: screen(shape, `projection by the inverse ${inverse.name}`),
      told: h('figcaption', null, ''),
    }));

    function work() {
      const start = performance.now();
      const x = inputOf(pad, shape, pixels, centre.checked);
      const { values, probabilities } = readClasses(nets.net, nets.logits, x);
      paint(seen, shape, x, pixels);
      bars(list, names, probabilities);
      for (const p of projections) {
        const y = p.inverse.net.forward(values[p.inverse.point])[p.inverse.layers.length];
        paint(p.canvas, shape, y, pixels);
        const l1 = y.reduce((sum, v, i) => sum + Math.abs(v - x[i]), 0) / y.length;
        p.told.textContent = `${p.inverse.name}: L1 ${l1.toFixed(3)}`;
        p.values = y;
      }
      const c = best(probabilities);
      verdict.textContent = pad.isEmpty()
        ? 'Draw something, and the net says what it takes it for.'
        : `The net takes it for ${names[c]}, ${(100 * probabilities[c]).toFixed(1)} % sure.`;
      Object.assign(state, { x, values, probabilities, milliseconds: performance.now() - start });
      state.projections = projections.map((p) => p.values);
    }

    let asked = false;
    const pad = makePad(shape, isOnBlack(pixels), () => {
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        work();
      });
    });
    state.pad = pad;

    function show(image, smooth, centred) {
      centre.checked = centred;
      pad.show(image, smooth);
    }

    async function openFile(file) {
      const reader = new FileReader();
      reader.readAsDataURL(file);
      await new Promise((resolve) => { reader.onloadend = resolve; });
      const image = new Image();
      image.src = reader.result;
      try {
        await image.decode();
        show(image, true, centre.checked);
      } catch {
        verdict.textContent = `${file.name} is no picture that can be shown.`;
      }
    }

    const chooser = h('input', {
      type: 'file', accept: 'image/png,image/jpeg', class: 'file', 'aria-label': 'Open a picture',
      onchange: () => chooser.files[0] && openFile(chooser.files[0]),
    });
    pad.canvas.addEventListener('dragover', (event) => event.preventDefault());
    pad.canvas.addEventListener('drop', (event) => {
      event.preventDefault();
      if (event.dataTransfer.files[0]) openFile(event.dataTransfer.files[0]);
    });

    Page.listeners.push({
      label: 'Try with it',
      can: (p) => /^\/(projections|network)\//.test(p.array),
      take: (p, image) => {
        show(image, false, false);
        document.getElementById('net').scrollIntoView();
      },
    });

    pad.redraw();
    work();
    return h(
      'div',
      { class: 'play' },
      h(
        'div',
        { class: 'padbox' },
        pad.canvas,
        h(
          'p',
          { class: 'actions' },
          h('button', { type: 'button', onclick: () => pad.undo() }, 'Undo'),
          h('button', { type: 'button', onclick: () => { centre.checked = true; pad.clear(); } }, 'Clear'),
        ),
        h('label', { class: 'check' }, centre, ' centre it, as predict --centre does'),
        h('label', { class: 'check' }, 'or open a picture, or drop one there: ', chooser),
      ),
      h(
        'div',
        { class: 'result' },
        verdict,
        list,
      ),
      h(
        'div',
        { class: 'screens' },
        h('figure', null, seen, h('figcaption', null, 'what the net gets')),
        projections.map((p) => h('figure', null, p.canvas, p.told)),
      ),
    );
  }

  // ---- hidden units ----

  // A picture of the page, as the net takes it.
  async function pictureInput(picture, shape, pixels) {
    const image = new Image();
    image.src = picture.png;
    await image.decode();
    const pad = h('canvas', { width: shape[1], height: shape[0] });
    const context = pad.getContext('2d');
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, shape[1], shape[0]);
    const range = pixels.white - pixels.black;
    const channels = shape[2];
    return Float32Array.from(
      { length: Net.sizeOf(shape) },
      (_, i) => pixels.black + (data[4 * Math.floor(i / channels) + (i % channels)] / 255) * range,
    );
  }

  // Where sliders and walks may start: [{ name, values() }], values at the inverse's point.
  function startsOf(run, nets, inverse, s, names, state) {
    const code = (x) => nets.net.forward(x, 0, inverse.point)[inverse.point];
    const originals = (run.projections ?? []).flatMap((p) => p.pairs).slice(0, 40);
    return [
      { name: 'what is on the pad', values: async () => state.values[inverse.point].slice() },
      ...s.means.map((mean, c) => ({ name: `the mean of class ${names[c]}`, values: async () => mean.slice() })),
      { name: 'the mean of all', values: async () => Float32Array.from(s.mean) },
      ...originals.map((pair, i) => ({
        name: `image ${i}, ${pair.original.caption}`,
        values: async () => code(await pictureInput(pair.original, nets.shape, run.net)),
      })),
    ];
  }

  const chooser = (label, starts, chosen, onchange) =>
    h(
      'label',
      { class: 'choice' },
      `${label} `,
      h(
        'select',
        { onchange },
        starts.map((start, i) => h('option', { value: i, selected: i === chosen }, start.name)),
      ),
    );

  // What a slider moves: { name, units, tile }. One unit or, where a point has channels of many pixels, one channel.
  function unitHandle(run, inverse, shape, unit) {
    const [, width, channels] = shape;
    const made = run.features?.find((f) => f.at === inverse.at);
    const pixel = Math.floor(unit / channels);
    const name =
      pixelsOf(shape) === 1
        ? `unit ${unit}`
        : `channel ${unit % channels}, row ${Math.floor(pixel / width)}, column ${pixel % width}`;
    return { name, units: [unit], tile: made?.pictures.find((p) => p.unit === unit) };
  }

  function channelHandle(run, inverse, shape, channel) {
    const [layer] = inverse.at.split('.');
    const made = run.features?.find((f) => f.layer?.split('.')[0] === layer);
    const units = Array.from({ length: pixelsOf(shape) }, (_, i) => i * shape[2] + channel);
    return { name: `channel ${channel}`, units, tile: made?.pictures.find((p) => p.unit === channel) };
  }

  const pointShape = (nets, inverse) => (inverse.point ? nets.net.layers[inverse.point - 1].out : nets.shape);
  const pixelsOf = ([height, width]) => height * width;

  // The handles that vary most, in order; all where they are not too many.
  function handlesOf(run, inverse, shape, s) {
    const of = pixelsOf(shape) === 1 ? unitHandle : channelHandle;
    const spread = (one) => one.units.reduce((sum, u) => sum + s.deviation[u] ** 2, 0);
    const all = Array.from({ length: shape[2] }, (_, i) => of(run, inverse, shape, i));
    if (all.length <= UNITS) return all;
    return all.map((one) => [spread(one), one]).sort(([a], [b]) => b - a).slice(0, UNITS).map(([, one]) => one);
  }

  // A handle's tile, which may be dragged, and its slider, which counts deviations from the mean.
  function unitControl(handle, moved) {
    const slider = h('input', {
      type: 'range', min: -SPREAD, max: SPREAD, step: SPREAD / 100, 'aria-label': handle.name,
      oninput: () => moved(handle, slider.valueAsNumber),
    });
    const image = handle.tile
      ? h('img', { src: handle.tile.png, alt: '', draggable: 'false', class: 'tile' })
      : null;
    let from = null;
    image?.addEventListener('pointerdown', (event) => {
      from = { x: event.clientX, value: slider.valueAsNumber };
      image.setPointerCapture(event.pointerId);
    });
    image?.addEventListener('pointermove', (event) => {
      if (!from) return;
      slider.value = from.value + ((event.clientX - from.x) / 75) * SPREAD;
      moved(handle, slider.valueAsNumber);
    });
    for (const name of ['pointerup', 'pointercancel'])
      image?.addEventListener(name, () => { from = null; });
    const short = handle.name.replace(/^unit /, '');
    return {
      handle,
      slider,
      element: h('li', null, image, h('span', { class: 'note', 'aria-hidden': 'true' }, short), slider),
    };
  }

  // Fields for the unit that one wants, and a button that calls take(unit).
  function unitSearch(shape, take) {
    const fields =
      pixelsOf(shape) === 1
        ? [['unit', shape[2]]]
        : [['channel', shape[2]], ['row', shape[0]], ['column', shape[1]]];
    const inputs = fields.map(([name, size]) =>
      h('input', { type: 'number', min: 0, max: size - 1, value: 0, required: true, name }));
    function find(event) {
      event.preventDefault();
      const [channel, row = 0, column = 0] = inputs.map((input) => input.valueAsNumber);
      take((row * shape[1] + column) * shape[2] + channel);
    }
    return h(
      'form',
      { class: 'search', onsubmit: find },
      fields.map(([name, size], i) => h('label', null, `${name} (0 to ${size - 1}) `, inputs[i])),
      h('button', { type: 'submit' }, 'Add its slider'),
    );
  }

  const sum = (list, of) => list.reduce((total, one) => total + of(one), 0);

  function unitsPart(run, nets, inverse, s, starts, names, state) {
    const shape = pointShape(nets, inverse);
    const shown = handlesOf(run, inverse, shape, s);
    const canvas = screen(nets.shape, 'what the inverse makes of the hidden units');
    const told = h('p', { class: 'verdict', role: 'status' });
    let values = Float32Array.from(s.mean);

    function show() {
      const start = performance.now();
      const y = inverse.net.forward(values)[inverse.layers.length];
      paint(canvas, nets.shape, y, run.net);
      const { probabilities } = readClasses(nets.net, nets.logits, y);
      const c = best(probabilities);
      told.textContent = `The net takes it for ${names[c]}, ${(100 * probabilities[c]).toFixed(1)} % sure.`;
      Object.assign(state, { hidden: values, made: y, moved: performance.now() - start });
    }

    // Where a handle is: the mean over its units of how many deviations each is from its mean.
    const placeOf = ({ units }) => sum(units, (u) => (values[u] - s.mean[u]) / s.deviation[u]) / units.length;
    function moved(handle, to) {
      const by = to - placeOf(handle);
      for (const u of handle.units) values[u] += by * s.deviation[u];
      if (pixelsOf(shape) > 1) controls.filter((one) => one.handle !== handle).forEach(place); // a channel's units, and theirs
      show();
    }
    const controls = shown.map((handle) => unitControl(handle, moved));
    const list = h('ul', { class: 'units' }, controls.map((control) => control.element));
    const place = (control) => { control.slider.value = placeOf(control.handle); };

    function set(next) {
      values = next;
      controls.forEach(place);
      show();
    }

    function add(unit) {
      const handle = unitHandle(run, inverse, shape, unit);
      let control = controls.find((one) => one.handle.name === handle.name);
      if (!control) {
        control = unitControl(handle, moved);
        controls.push(control);
        place(control);
      }
      list.prepend(control.element);
      control.slider.focus();
    }

    const start = async (i) => set(await starts[i].values());
    const chosen = s.means.length ? 1 : starts.findIndex((one) => one.name === 'the mean of all');
    start(chosen);
    const [kind, total] = pixelsOf(shape) === 1 ? ['units', shape[2]] : ['channels', shape[2]];
    const all = total <= UNITS && pixelsOf(shape) === 1;
    return h(
      'div',
      { class: 'units-part' },
      h(
        'div',
        { class: 'made' },
        h('figure', null, canvas),
        told,
        chooser('start from', starts, chosen, (event) => start(Number(event.target.value))),
        s.along
          ? h('button', { type: 'button', onclick: () => set(sample(s)) }, 'Random sample of the Gaussian')
          : null,
      ),
      h(
        'div',
        null,
        total > UNITS ? h('p', { class: 'origin' }, `The ${UNITS} of ${total} ${kind} that vary most.`) : null,
        all ? null : unitSearch(shape, add),
        list,
      ),
    );
  }

  // ---- walks ----

  function walkPart(run, nets, inverse, starts, names) {
    const frames = Array.from({ length: FRAMES }, (_, i) => ({
      canvas: screen(nets.shape, `step ${i + 1} of ${FRAMES} of the walk`),
      told: h('figcaption', null, ''),
    }));
    const canvas = screen(nets.shape, 'where the walk is');
    const told = h('figcaption', null, '');
    const slider = h('input', {
      type: 'range', min: 0, max: 1, step: 0.01, value: 0.5, 'aria-label': 'how far from the one to the other',
      oninput: () => at(slider.valueAsNumber, canvas, told),
    });
    const ends = [null, null];

    function at(t, screenOf, words) {
      const [a, b] = ends;
      const y = inverse.net.forward(a.map((v, u) => (1 - t) * v + t * b[u]))[inverse.layers.length];
      paint(screenOf, nets.shape, y, run.net);
      const { probabilities } = readClasses(nets.net, nets.logits, y);
      const c = best(probabilities);
      words.textContent = `${names[c]} ${probabilities[c].toFixed(2)}`;
    }
    function show() {
      frames.forEach((frame, i) => at(i / (FRAMES - 1), frame.canvas, frame.told));
      at(slider.valueAsNumber, canvas, told);
    }
    async function choose(end, i) {
      ends[end] = await starts[i].values();
      if (ends[0] && ends[1]) show();
    }
    const chosen = [1, 2].map((i) => Math.min(i, starts.length - 1));
    chosen.forEach((i, end) => choose(end, i));
    return h(
      'div',
      { class: 'walk' },
      h(
        'p',
        { class: 'actions' },
        chooser('from', starts, chosen[0], (event) => choose(0, Number(event.target.value))),
        chooser('to', starts, chosen[1], (event) => choose(1, Number(event.target.value))),
      ),
      h('div', { class: 'frames' }, frames.map((frame) => h('figure', null, frame.canvas, frame.told))),
      h('div', { class: 'made' }, h('figure', null, canvas, told), slider),
    );
  }

  // ---- the section ----

  const slid = (nets, inverse) =>
    pixelsOf(pointShape(nets, inverse)) === 1 ? 'one unit' : 'one channel, all of its pixels together';

  function hiddenParts(run, nets, names, state) {
    if (nets.inverses.length === 0) return null;
    const place = h('div');
    function choose(i) {
      const inverse = nets.inverses[i];
      const draw = (codes) => {
        const s = statistics(inverse, codes);
        const starts = startsOf(run, nets, inverse, s, names, state);
        place.replaceChildren(
          h('h3', null, `Move the units of ${inverse.at}`),
          h('p', { class: 'origin' }, `Each slider is ${slid(nets, inverse)}, from ${SPREAD} deviations below its mean to ${SPREAD} above; dragging its tile moves it too. The inverse ${inverse.name} makes an image of them all.`),
          unitsPart(run, nets, inverse, s, starts, names, state),
          h('h3', null, 'Walk from one to another'),
          walkPart(run, nets, inverse, starts, names),
        );
      };
      if (inverse.gaussian) {
        draw([]);
        return;
      }
      const pairs = (run.projections ?? []).flatMap((p) => p.pairs).slice(0, 100);
      Promise.all(pairs.map((pair) => pictureInput(pair.original, nets.shape, run.net))).then((images) =>
        draw(images.map((x) => nets.net.forward(x, 0, inverse.point)[inverse.point])),
      );
    }
    choose(0);
    return [
      nets.inverses.length > 1
        ? h(
            'label',
            { class: 'choice' },
            'inverse ',
            h('select', { onchange: (event) => choose(Number(event.target.value)) },
              nets.inverses.map((inverse, i) => h('option', { value: i }, `${inverse.name}, at ${inverse.at}`))),
          )
        : null,
      place,
    ];
  }

  const state = {}; // what the page has worked out last, for tests

  function section(run) {
    if (run.net.left_out) return h('p', null, run.net.left_out);
    const nets = open(run);
    const lacking = [...new Set(nets.net.missing)];
    if (lacking.length > 0)
      return h('p', null, `The net has layers that this page cannot compute (${lacking.join(', ')}), so there is nothing to try here.`);
    if (![1, 3].includes(nets.shape[2]))
      return h('p', null, `Images of ${nets.shape[2]} channels cannot be drawn here.`);
    const left = nets.inverses.filter((inverse) => inverse.net.missing.length > 0);
    nets.inverses = nets.inverses.filter((inverse) => inverse.net.missing.length === 0);
    const classes = Net.sizeOf(run.architecture.layers.at(-1).out);
    const names = classNames(run, classes);
    state.nets = nets;
    return [
      drawingPart(run, nets, names, state),
      left.map((inverse) =>
        h('p', { class: 'origin' }, `The inverse ${inverse.name} has layers that this page cannot compute: ${inverse.net.missing.join(', ')}.`)),
      hiddenParts(run, nets, names, state),
    ];
  }

  return { section, state, open };
})();
