"""Makes the Keras files of this folder, and expected.tsv: what Keras itself gives for them.

    python3 -m venv env && env/bin/pip install keras==3.15.1 jax==0.10.2 scipy==1.17.1 numpy==2.4.6 h5py==3.14.0
    KERAS_BACKEND=jax env/bin/python tests/data/keras/make.py

Untrained, seeded nets with irregular values, of unequal sizes so that a missed transpose shows. Older
generations of the format are made of what Keras 3.15 writes by the changes that set them apart, as real
files of those versions show them.
"""
import json
import os

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


def main():
    os.chdir(HERE)
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

    with open("expected.tsv", "w") as o:
        o.write("file\tinput\toptions\tfirst\tsecond\n" + "\n".join(ROWS) + "\n")

    # to be refused
    keras.Sequential([L.Input((6, 4)), L.LSTM(3), L.Dense(2)]).save("lstm.keras")
    with h5py.File("leads_out.h5", "w") as f:
        f.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"layers": []}})
        f["model_weights"] = h5py.ExternalLink("other.h5", "/")


if __name__ == "__main__":
    main()
