"""Makes the Keras files of this folder, and expected.tsv: what Keras itself gives for them.

    python3 -m venv env && env/bin/pip install keras==3.15.1 jax==0.10.2 scipy==1.17.1 numpy==2.4.6 h5py==3.14.0
    KERAS_BACKEND=jax env/bin/python tests/data/keras/make.py

With names of files as arguments, those alone are made anew, as long as they are among the second half.

Untrained, seeded nets with irregular values, of unequal sizes so that a missed transpose shows. Older
generations of the format are made of what Keras 3.15 writes by the changes that set them apart, as real
files of those versions show them.
"""
import json
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")
import h5py
import keras
import numpy as np
from keras import layers as L

HERE = os.path.dirname(os.path.abspath(__file__))
ROWS = []


def stir(model, seed):
    rng = np.random.RandomState(seed)
    for v in model.weights:
        name, a = v.path.split("/")[-1], np.asarray(v.value)
        if a.dtype.kind != "f":
            continue
        if name == "moving_variance":
            v.assign(rng.uniform(0.5, 2.0, a.shape))
        elif name == "gamma":
            v.assign(rng.uniform(0.7, 1.4, a.shape))
        else:
            v.assign(rng.normal(0, 0.25, a.shape))


def add(name, model, options=""):
    shape = model.input_shape[1:]
    stem = name.split(".")[0]
    x = np.random.RandomState(sum(stem.encode())).uniform(0, 1, (2,) + tuple(shape)).astype(np.float32)
    npy = stem + ".npy"
    np.save(npy, x)
    y = np.asarray(model(x))
    ROWS.append("\t".join([name, npy, options] + [",".join("%.9g" % v for v in row.ravel()) for row in y]))


def seq(shape, *layers, seed=1, name=None):
    model = keras.Sequential([L.Input(shape)] + list(layers), name=name)
    stir(model, seed)
    return model


def local_rows(x, kernel, bias, size):
    """LocallyConnected2D of Keras 2, implementation 1, and relu: Keras 3 has none."""
    n, h, w, _ = x.shape
    rows, columns = h - size[0] + 1, w - size[1] + 1
    y = np.zeros((n, rows, columns, kernel.shape[2]), np.float32)
    for i in range(rows):
        for j in range(columns):
            window = x[:, i:i + size[0], j:j + size[1]].reshape(n, -1)
            y[:, i, j] = window @ kernel[i * columns + j] + bias[i, j]
    return np.maximum(y, 0)


def save_local(name):
    rng = np.random.RandomState(11)
    x = rng.uniform(0, 1, (2, 5, 6, 2)).astype(np.float32)
    kernel, bias = (rng.normal(0, 0.3, s).astype(np.float32) for s in ((3 * 5, 12, 3), (3, 5, 3)))
    w, b = (rng.normal(0, 0.3, s).astype(np.float32) for s in ((45, 4), (4,)))
    y = local_rows(x, kernel, bias, (3, 2)).reshape(2, -1) @ w + b
    np.save("local.npy", x)
    ROWS.append("\t".join([name, "local.npy", ""] + [",".join("%.9g" % v for v in row) for row in y]))
    layers = [{"class_name": "LocallyConnected2D", "config": {"name": "lc", "filters": 3, "kernel_size": [3, 2], "strides": [1, 1], "padding": "valid",
               "data_format": "channels_last", "activation": "relu", "use_bias": True, "implementation": 1, "batch_input_shape": [None, 5, 6, 2]}},
              {"class_name": "Flatten", "config": {"name": "flatten", "data_format": "channels_last"}},
              {"class_name": "Dense", "config": {"name": "dense", "units": 4, "activation": "linear", "use_bias": True}}]
    with h5py.File(name, "w") as f:
        f.attrs["keras_version"] = np.bytes_("2.3.1")
        f.attrs["backend"] = np.bytes_("tensorflow")
        f.attrs["model_config"] = np.bytes_(json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": layers}}))
        g = f.create_group("model_weights")
        g.attrs["layer_names"] = np.array([b"lc", b"flatten", b"dense"])
        for layer, arrays in (("lc", [("kernel:0", kernel), ("bias:0", bias)]), ("flatten", []), ("dense", [("kernel:0", w), ("bias:0", b)])):
            s = g.create_group(layer)
            s.attrs["weight_names"] = np.array([("%s/%s" % (layer, n)).encode() for n, _ in arrays]) if arrays else np.zeros(0)
            for n, a in arrays:
                s["%s/%s" % (layer, n)] = a


def more(wanted):
    if "int4.keras" in wanted:
        m = seq((9,), L.Dense(7, activation="relu"), L.Dense(3), seed=8)
        m.quantize("int4")
        m.save("int4.keras")
        add("int4.keras", m)
    if "int8.keras" in wanted:  # outputs without the rounding of inputs that Keras does besides
        m = seq((9,), L.Dense(7, activation="relu"), L.Dense(3), seed=13)
        m.quantize("int8")
        m.save("int8.keras")
        add("int8.keras", m)
        x, row = np.load("int8.npy"), ROWS.pop().split("\t")
        for layer, last in zip(m.layers, (False, True)):
            x = x @ (np.asarray(layer._kernel, np.float32) / np.asarray(layer.kernel_scale)) + np.asarray(layer.bias)
            x = x if last else np.maximum(x, 0)
        ROWS.append("\t".join(row[:3] + [",".join("%.9g" % v for v in r) for r in x]))
    if "lora.h5" in wanted:
        m = seq((6, 5, 2), L.Conv2D(3, 2, name="c"), L.ReLU(), L.Flatten(), L.Dense(4, name="d"), seed=14)
        m.get_layer("c").enable_lora(2)
        m.get_layer("d").enable_lora(3, lora_alpha=5)
        stir(m, 15)
        m.save("lora.h5")
        add("lora.h5", m)
    if "frozen.h5" in wanted:  # its weights: those of a_1 first, those that are not trained last
        inner = keras.Sequential([L.Input((6, 5, 2)), L.Conv2D(2, 2, name="a"), L.Conv2D(2, 2, name="a_1"), L.ReLU()], name="inner")
        m = seq((6, 5, 2), inner, L.Flatten(), L.Dense(3), seed=9, name="outer")
        inner.layers[0].trainable = False
        m.save("frozen.h5")
        add("frozen.h5", m)
    if "rows.keras" in wanted:
        m = seq((9, 4), L.TimeDistributed(L.Dense(3, activation="tanh")), L.Conv1D(5, 3, padding="causal", dilation_rate=2), L.MaxPooling1D(2, strides=1),
                L.ZeroPadding1D((1, 2)), L.SeparableConv1D(4, 2, strides=2, activation="relu"), L.UpSampling1D(3), L.Cropping1D((1, 3)), L.BatchNormalization(axis=1),
                L.GlobalAveragePooling1D(), L.RepeatVector(2), L.Flatten(), L.Dense(3), seed=10)
        m.save("rows.keras")
        add("rows.keras", m)
    if "called.keras" in wanted:
        i = L.Input((6, 5), name="in")
        x = L.Resizing(8, 7)(keras.ops.cast(keras.ops.expand_dims(i, -1), "float32") / 255.0)
        x = L.Conv2D(3, 2, name="c")(keras.ops.transpose(x, (0, 2, 1, 3)))
        x = L.Dense(3, name="d")(keras.ops.mean(keras.ops.tanh(x), axis=[1, 2]))
        m = keras.Model({"in": i}, keras.ops.squeeze(keras.ops.reshape(x, (-1, 1, 3)), 1))
        stir(m, 12)
        m.save("called.keras")
        add("called.keras", keras.Model(i, m.outputs))
    if "local.h5" in wanted:
        save_local("local.h5")


def write_rows():
    """Rows of files that are not made anew stay."""
    head, made, old = "file\tinput\toptions\tfirst\tsecond", {r.split("\t")[0]: r for r in ROWS}, []
    if os.path.exists("expected.tsv"):
        old = open("expected.tsv").read().splitlines()[1:]
    rows = [made.pop(r.split("\t")[0], r) for r in old] + list(made.values())
    with open("expected.tsv", "w") as o:
        o.write(head + "\n" + "\n".join(rows) + "\n")


def main():
    os.chdir(HERE)
    wanted = sys.argv[1:]
    if not wanted:
        older()
    more(wanted or MORE)
    write_rows()


MORE = ["int4.keras", "int8.keras", "lora.h5", "frozen.h5", "rows.keras", "called.keras", "local.h5"]


def older():
    keras.utils.set_random_seed(5)
    cnn = lambda: [L.Conv2D(4, (3, 2), activation="relu", name="zeta"), L.BatchNormalization(name="beta"), L.MaxPooling2D((2, 3)),
                   L.Dropout(0.2), L.Flatten(), L.Dense(6, activation="hard_sigmoid", name="alpha"), L.Dense(3, activation="softmax")]
    m = seq((9, 8, 2), *cnn(), seed=2)
    m.save("cnn.h5")
    add("cnn.h5", m)
    m.save("cnn.keras")
    add("cnn.keras", m)
    m.save_weights("bare.weights.h5")
    open("bare.arch.json", "w").write(m.to_json())
    add("bare.weights.h5", m, "--arch bare.arch.json")
    m.save("folder", zipped=False)
    add("folder", m)

    c = dict(data_format="channels_first")
    m = seq((2, 7, 6), L.Conv2D(3, (3, 2), **c), L.BatchNormalization(axis=1), L.Activation("tanh"), L.AveragePooling2D((2, 1), **c),
            L.Flatten(data_format="channels_last"), L.Dense(4), seed=3)
    m.save("first.keras")
    add("first.keras", m)

    i = L.Input((6, 7, 1), name="in")
    a = L.Conv2D(3, 3, padding="same", activation="relu", name="a")(i / 255.0)
    b = L.Conv2D(3, 3, padding="same", name="b")(a)
    d = L.Dense(5, activation="tanh", name="twice")
    t = L.Flatten()(L.Concatenate()([L.Add()([a, b]) * 0.5 - 0.25, b]))
    t = d(d(L.Dense(5, name="first")(t)))
    m = keras.Model(i, L.Dense(3, name="top")(t), name="graph")
    stir(m, 4)
    m.save("graph.keras")
    add("graph.keras", m)

    inner = keras.Sequential([L.Input((6, 5, 1)), L.Conv2D(2, 3, name="b"), L.BatchNormalization(name="n"), L.ReLU(), L.Conv2D(3, 2, name="a")], name="inner")
    m = seq((6, 5, 1), inner, L.Flatten(), L.Dense(4), seed=5, name="outer")
    m.save("nested.h5")
    add("nested.h5", m)

    m = seq((11,), L.Dense(9, activation="elu"), L.Dense(40), L.Dense(3), seed=6)
    m.save_weights("parts.weights.json", max_shard_size=2e-6)
    open("parts.arch.json", "w").write(m.to_json())
    add("parts.weights.json", m, "--arch parts.arch.json")

    # Keras 1 with Theano: channels first, kernels [out, in, rows, columns] that run backwards, old names
    m = seq((1, 6, 5), L.Conv2D(2, (3, 2), **c), L.Activation("relu"), L.Flatten(data_format="channels_last"), L.Dense(3, activation="softmax"), seed=7)
    k, kb, w, b = [np.asarray(v) for v in m.get_weights()]
    add("theano.h5", m)
    layers = [{"class_name": "Convolution2D", "config": {"name": "conv_1", "nb_filter": 2, "nb_row": 3, "nb_col": 2, "border_mode": "valid", "subsample": [1, 1],
               "dim_ordering": "th", "activation": "linear", "bias": True, "batch_input_shape": [None, 1, 6, 5]}},
              {"class_name": "Activation", "config": {"name": "act_1", "activation": "relu"}}, {"class_name": "Flatten", "config": {"name": "flatten_1"}},
              {"class_name": "Dense", "config": {"name": "dense_1", "output_dim": 3, "activation": "softmax", "bias": True}}]
    with h5py.File("theano.h5", "w") as f:
        f.attrs["keras_version"] = np.bytes_("1.2.2")
        f.attrs["model_config"] = np.bytes_(json.dumps({"class_name": "Sequential", "config": layers}))
        g = f.create_group("model_weights")
        g.attrs["layer_names"] = np.array([b"conv_1", b"act_1", b"flatten_1", b"dense_1"])
        for name, arrays in (("conv_1", [("conv_1_W", k[::-1, ::-1].transpose(3, 2, 0, 1)), ("conv_1_b", kb)]), ("act_1", []), ("flatten_1", []),
                             ("dense_1", [("dense_1_W", w), ("dense_1_b", b)])):
            s = g.create_group(name)
            s.attrs["weight_names"] = np.array([n.encode() for n, _ in arrays]) if arrays else np.zeros(0)
            for n, a in arrays:
                s[n] = np.ascontiguousarray(a)

    # to be refused
    keras.Sequential([L.Input((6, 4)), L.LSTM(3), L.Dense(2)]).save("lstm.keras")
    with h5py.File("leads_out.h5", "w") as f:
        f.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"layers": []}})
        f["model_weights"] = h5py.ExternalLink("other.h5", "/")


if __name__ == "__main__":
    main()
