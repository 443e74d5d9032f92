// Nets in JavaScript: layer by layer what src/net/layers does, for one image at a time and in inference
// mode. Sums are worked in double and each layer's values kept in float32, as there.
// SPDX-License-Identifier: GPL-3.0-or-later
'use strict';

const Net = (() => {
  const sizeOf = ([height, width, channels]) => height * width * channels;

  // float32, little-endian, from base64
  function floats(base64) {
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    const view = new DataView(bytes.buffer);
    const values = new Float32Array(bytes.length / 4);
    for (let i = 0; i < values.length; i++) values[i] = view.getFloat32(4 * i, true);
    return values;
  }

  // ---- values one by one ----

  const log1pExp = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  const logistic = (x) => 1 / (1 + Math.exp(-x));
  const hardSigmoid = (x) => Math.min(Math.max(x / 6 + 0.5, 0), 1);
  const same = (x) => x;

  // Each: a function of a value and the layer's settings.
  const maps = {
    linear: same,
    dropout: same,
    flatten: same,
    reshape: same,
    sigmoid: logistic,
    tanh: (x) => Math.tanh(x),
    relu: (x, s) => {
      const corner = s.threshold ?? 0;
      if (s.max_value && x >= s.max_value) return s.max_value;
      return x >= corner ? x : (s.negative_slope ?? 0) * (x - corner);
    },
    leaky_relu: (x, s) => (x > 0 ? x : s.alpha * x),
    elu: (x, s) => (x > 0 ? x : s.alpha * Math.expm1(x)),
    selu: (x, s) => s.scale * (x > 0 ? x : s.alpha * Math.expm1(x)),
    celu: (x, s) => (x > 0 ? x : s.alpha * Math.expm1(x / s.alpha)),
    softplus: (x, s) => {
      const beta = s.beta ?? 1;
      return s.threshold && beta * x > s.threshold ? x : log1pExp(beta * x) / beta;
    },
    softsign: (x) => x / (1 + Math.abs(x)),
    silu: (x, s) => x * logistic((s.beta ?? 1) * x),
    mish: (x) => x * Math.tanh(log1pExp(x)),
    log_sigmoid: (x) => -log1pExp(-x),
    hard_sigmoid: (x, s) => Math.min(Math.max(s.slope * x + s.offset, 0), 1),
    hard_tanh: (x, s) => Math.min(Math.max(x, s.low), s.high),
    hard_silu: (x) => x * hardSigmoid(x),
    exponential: (x) => Math.exp(x),
    square: (x) => x * x,
    abs: (x) => Math.abs(x),
    logit: (x) => Math.log(x / (1 - x)),
    atanh: (x) => Math.log((1 + x) / (1 - x)) / 2,
    inverse_elu: (x, s) => {
      if (x > 0) return x;
      return x > -s.alpha / 2 ? Math.log1p(x / s.alpha) : 1 - Math.LN2 + (2 * x) / s.alpha;
    },
    inverse_softplus: (x) =>
      x > Math.LN2 ? x + Math.log(-Math.expm1(-x)) : 2 * (x - Math.LN2),
  };

  // ---- windows ----

  // How many zeros stand before n values, of windows of `reach` that start every `stride`.
  function before(n, reach, stride, padding, given) {
    if (padding === 'explicit') return given ?? 0;
    if (padding !== 'same') return 0;
    const all = (Math.ceil(n / stride) - 1) * stride + reach - n;
    return Math.floor(Math.max(all, 0) / 2);
  }

  function windowOf(layer) {
    const s = layer.settings;
    const w = {
      height: s.height || s.size,
      width: s.width || s.size,
      strideY: s.stride_height || s.stride || s.height || s.size,
      strideX: s.stride_width || s.stride || s.width || s.size,
      dilationY: s.dilation_height || s.dilation || 1,
      dilationX: s.dilation_width || s.dilation || 1,
    };
    w.reachY = (w.height - 1) * w.dilationY + 1;
    w.reachX = (w.width - 1) * w.dilationX + 1;
    w.top = before(layer.in[0], w.reachY, w.strideY, s.padding, s.top);
    w.left = before(layer.in[1], w.reachX, w.strideX, s.padding, s.left);
    return w;
  }

  // Calls visit(where in the image, which value of the window) for each pixel of window (i, j) that lies in the
  // image of that height and width.
  function overWindow(w, height, width, i, j, visit) {
    for (let r = 0; r < w.height; r++) {
      const y = i * w.strideY - w.top + r * w.dilationY;
      if (y < 0 || y >= height) continue;
      for (let c = 0; c < w.width; c++) {
        const x = j * w.strideX - w.left + c * w.dilationX;
        if (x >= 0 && x < width) visit(y * width + x, r * w.width + c);
      }
    }
  }

  function pool(layer, x, take) {
    const [height, width, channels] = layer.in;
    const [rows, columns] = layer.out;
    const w = windowOf(layer);
    const y = new Float32Array(rows * columns * channels);
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++)
        for (let k = 0; k < channels; k++) {
          const values = [];
          overWindow(w, height, width, i, j, (at) => values.push(x[at * channels + k]));
          y[(i * columns + j) * channels + k] = take(values, w);
        }
    return y;
  }

  const mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;

  function globalPool(layer, x, take) {
    const channels = layer.in[2];
    const y = new Float32Array(channels);
    for (let k = 0; k < channels; k++) {
      const values = [];
      for (let at = k; at < x.length; at += channels) values.push(x[at]);
      y[k] = take(values);
    }
    return y;
  }

  function convolve(layer, block, x) {
    const [height, width, channels] = layer.in;
    const [rows, columns, filters] = layer.out;
    const kernel = block('kernel');
    const bias = block('bias');
    const w = windowOf(layer);
    const sums = new Float64Array(filters);
    const y = new Float32Array(rows * columns * filters);
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++) {
        for (let f = 0; f < filters; f++) sums[f] = bias ? bias[f] : 0;
        overWindow(w, height, width, i, j, (at, tap) => {
          for (let k = 0; k < channels; k++) {
            const value = x[at * channels + k];
            const row = (tap * channels + k) * filters;
            if (value !== 0) for (let f = 0; f < filters; f++) sums[f] += value * kernel[row + f];
          }
        });
        y.set(sums, (i * columns + j) * filters);
      }
    return y;
  }

  // The transpose of a convolution from what comes out to what goes in: windows add up.
  function convolveBack(layer, block, x) {
    const [rows, columns, channels] = layer.in;
    const [height, width, filters] = layer.out;
    const kernel = block('kernel');
    const bias = block('bias');
    const s = layer.settings;
    const w = windowOf(layer);
    w.top = s.padding === 'same' ? Math.floor(Math.max(w.reachY - w.strideY, 0) / 2) : s.top ?? 0;
    w.left = s.padding === 'same' ? Math.floor(Math.max(w.reachX - w.strideX, 0) / 2) : s.left ?? 0;
    const sums = new Float64Array(height * width * filters);
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++) {
        const from = (i * columns + j) * channels;
        overWindow(w, height, width, i, j, (at, tap) => {
          for (let f = 0; f < filters; f++) {
            const row = (tap * filters + f) * channels;
            let sum = 0;
            for (let k = 0; k < channels; k++) sum += x[from + k] * kernel[row + k];
            sums[at * filters + f] += sum;
          }
        });
      }
    if (bias) for (let i = 0; i < sums.length; i++) sums[i] += bias[i % filters];
    return Float32Array.from(sums);
  }

  // Where row i of m that come out lies among n: two of them, and how much the second counts.
  function taps(s, i, n, m) {
    if (s.interpolation === 'nearest') return [Math.floor((i * n) / m), 0, 0];
    let u = ((i + 0.5) * n) / m - 0.5;
    if (s.align_corners) u = m > 1 ? (i * (n - 1)) / (m - 1) : 0;
    u = Math.min(Math.max(u, 0), n - 1);
    const at = Math.floor(u);
    return [at, Math.min(at + 1, n - 1), u - at];
  }

  function upsample(layer, x) {
    const [height, width, channels] = layer.in;
    const [rows, columns] = layer.out;
    const y = new Float32Array(rows * columns * channels);
    for (let i = 0; i < rows; i++) {
      const [y0, y1, v] = taps(layer.settings, i, height, rows);
      for (let j = 0; j < columns; j++) {
        const [x0, x1, u] = taps(layer.settings, j, width, columns);
        for (let k = 0; k < channels; k++) {
          const value = (a, b) => x[(a * width + b) * channels + k];
          y[(i * columns + j) * channels + k] =
            (1 - v) * ((1 - u) * value(y0, x0) + u * value(y0, x1)) +
            v * ((1 - u) * value(y1, x0) + u * value(y1, x1));
        }
      }
    }
    return y;
  }

  // ---- layers ----

  function dense(layer, block, x) {
    const kernel = block('kernel');
    const bias = block('bias');
    const units = sizeOf(layer.out);
    const sums = bias ? Float64Array.from(bias) : new Float64Array(units);
    for (let i = 0; i < x.length; i++) {
      const value = x[i];
      if (value !== 0) for (let j = 0; j < units; j++) sums[j] += value * kernel[i * units + j];
    }
    return Float32Array.from(sums);
  }

  function inverseDense(layer, block, x) {
    const bias = block('bias');
    const less = bias ? x.map((value, i) => value - bias[i]) : x;
    return dense(layer, (name) => (name === 'kernel' ? block(name) : null), less);
  }

  function softmax(x) {
    const most = x.reduce((a, b) => Math.max(a, b), -Infinity);
    const powers = Float64Array.from(x, (value) => Math.exp(value - most));
    const sum = powers.reduce((a, b) => a + b, 0);
    return Float32Array.from(powers, (value) => value / sum);
  }

  function squash(layer, x) {
    const { low, high, width } = layer.settings;
    const least = x.reduce((a, b) => Math.min(a, b), Infinity);
    const range = x.reduce((a, b) => Math.max(a, b), -Infinity) - least;
    if (!(range >= 1.1754944e-38)) return new Float32Array(x.length).fill((low + high) / 2);
    const start = (low + high) / 2 - (width * (high - low)) / 2;
    return x.map((value) => (value - least) * ((width * (high - low)) / range) + start);
  }

  // y = f(x, parameters of its channel)
  function perChannel(layer, x, f) {
    const channels = layer.in[2];
    return x.map((value, i) => f(value, i % channels));
  }

  function norm(layer, block, x, back) {
    const [gamma, beta] = [block('gamma'), block('beta')];
    const [centre, variance] = [block('mean'), block('variance')];
    const { epsilon } = layer.settings;
    return perChannel(layer, x, (value, c) => {
      const scale = gamma ? gamma[c] : 1;
      const spread = Math.sqrt(variance[c] + epsilon);
      if (!back) return ((value - centre[c]) * scale) / spread + (beta ? beta[c] : 0);
      if (Math.abs(scale) < 1e-30) return centre[c];
      return ((value - (beta ? beta[c] : 0)) * spread) / scale + centre[c];
    });
  }

  function rescale(layer, block, x) {
    const scale = block('scale');
    const offset = block('offset');
    if (!scale) return x.map((v) => layer.settings.scale * v + layer.settings.offset);
    return x.map((v, i) => scale[i % scale.length] * v + offset[i % offset.length]);
  }

  const joins = {
    add: (a, b) => a + b,
    subtract: (a, b) => a - b,
    multiply: (a, b) => a * b,
    maximum: Math.max,
    minimum: Math.min,
  };

  function join(inputs, f) {
    const y = Float32Array.from(inputs[0]);
    for (const x of inputs.slice(1)) for (let i = 0; i < y.length; i++) y[i] = f(y[i], x[i]);
    return y;
  }

  // Along channels: those of each pixel in turn.
  function concat(layer, inputs) {
    const pixels = layer.out[0] * layer.out[1];
    const y = new Float32Array(sizeOf(layer.out));
    for (let p = 0, at = 0; p < pixels; p++)
      for (const x of inputs) {
        const channels = x.length / pixels;
        y.set(x.subarray(p * channels, (p + 1) * channels), at);
        at += channels;
      }
    return y;
  }

  const types = {
    dense,
    inverse_dense: inverseDense,
    softmax: (layer, block, x) => softmax(x),
    squash: (layer, block, x) => squash(layer, x),
    batch_norm: (layer, block, x) => norm(layer, block, x, false),
    inverse_batch_norm: (layer, block, x) => norm(layer, block, x, true),
    rescale,
    scale: (layer, block, x) => x.map((v, i) => v * block('kernel')[i]),
    conv2d: convolve,
    conv2d_transpose: convolveBack,
    max_pool: (layer, block, x) => pool(layer, x, (values) => Math.max(...values)),
    avg_pool: (layer, block, x) => pool(layer, x, mean),
    global_avg_pool: (layer, block, x) => globalPool(layer, x, mean),
    global_max_pool: (layer, block, x) => globalPool(layer, x, (values) => Math.max(...values)),
    upsample: (layer, block, x) => upsample(layer, x),
    concat: (layer, block, x, inputs) => concat(layer, inputs),
  };

  // Whether the layer is one of those, with nothing about it that they leave out.
  function can(layer, layers) {
    const s = layer.settings;
    const sizeAt = (point) => sizeOf(point > 0 ? layers[point - 1].out : layers[0].in);
    if (layer.type in maps) return true;
    if (layer.type in joins) return layer.inputs.every((point) => sizeAt(point) === sizeOf(layer.out));
    if (!(layer.type in types)) return false;
    if ((s.groups ?? 1) > 1 || s.count_padding) return false;
    if (layer.type === 'concat') return s.axis === 'channels';
    if (layer.type === 'softmax') return layer.in[0] * layer.in[1] === 1 || s.over !== 'channels';
    return true;
  }

  // The net of those layers, which the document describes, and those parameters.
  function build(layers, parameters) {
    function run(layer, inputs) {
      const block = (name) => {
        const b = layer.blocks[name];
        return b ? parameters.subarray(b.at, b.at + b.dims.reduce((a, n) => a * n, 1)) : null;
      };
      const map = maps[layer.type];
      if (map) return inputs[0].map((value) => map(value, layer.settings));
      if (layer.type in joins) return join(inputs, joins[layer.type]);
      return types[layer.type](layer, block, inputs[0], inputs);
    }
    return {
      layers,
      missing: layers.filter((layer) => !can(layer, layers)).map((layer) => layer.type),
      // The values at each point from `first` to `last`, those at `first` given.
      forward(x, first = 0, last = layers.length) {
        const values = [];
        values[first] = Float32Array.from(x);
        for (let p = first; p < last; p++)
          values[p + 1] = run(layers[p], layers[p].inputs.map((point) => values[point]));
        return values;
      },
    };
  }

  return { build, floats, sizeOf, softmax };
})();
