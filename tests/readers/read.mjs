// Writes what a reader of JavaScript sees in a run file, as JSON: read.mjs jsfive|h5wasm RUN.h5
// SPDX-License-Identifier: GPL-3.0-or-later
import fs from "fs";

const ARRAYS = ["network/hidden1/kernel", "network/output/bias", "training/history/step", "training/history/loss",
  "training/state/order", "projections/r2rt/image", "projections/r2rt/label", "generated/r2rt/settled"];
const ATTRIBUTES = [["/", "format"], ["/", "format_version"], ["/", "seed"], ["/", "scale"], ["/", "experiment"],
  ["network", "accuracy"], ["network", "layers"], ["network", "sha256"]];

function weighed(shape, values) {
  let sum = 0;
  Array.from(values, Number).forEach((value, i) => { sum += value * (1 + i % 7); });
  return [shape.map(Number), sum];
}

async function open(library, path) {
  if (library === "jsfive") {
    const { File } = await import("jsfive");
    const bytes = fs.readFileSync(path);
    const file = new File(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    return { file, attribute: (object, name) => object.attrs[name] };
  }
  const h5wasm = (await import("h5wasm/node")).default;
  await h5wasm.ready;
  return { file: new h5wasm.File(path, "r"), attribute: (object, name) => object.attrs[name].value };
}

const [library, path] = process.argv.slice(2);
const { file, attribute } = await open(library, path);
const plain = (value) => (typeof value === "string" ? value : Number(value));
const seen = { arrays: {}, attributes: {}, count: Object.keys(file.attrs).length };
for (const name of ARRAYS) {
  const array = file.get(name);
  seen.arrays[name] = weighed(array.shape, array.value);
}
for (const [at, name] of ATTRIBUTES) {
  seen.attributes[`${at}@${name}`] = plain(attribute(at === "/" ? file : file.get(at), name));
}
console.log(JSON.stringify(seen));
