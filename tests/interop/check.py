"""Nets that other programs write, read here, and written again for each of them: check.py INVPROJ FOLDER

Fresh files of Keras, PyTorch, its two ONNX exporters and skl2onnx are fed with arrays, and what invproj gives is held to
what the program itself gives. Then each net is exported to every format; ONNX Runtime, Keras and PyTorch load those, and
must give the same, and what is exported, imported and exported again must be the same bytes. One line a net: the largest
difference over the largest output. SPDX-License-Identifier: GPL-3.0-or-later
"""
import json
import logging
import os
import subprocess
import sys
import warnings

import keras
import numpy as np
import onnx
import onnxruntime
import safetensors.torch
import skl2onnx
import torch
from keras import layers as L
from sklearn.neural_network import MLPClassifier
from torch import nn

INVPROJ, FOLDER = os.path.realpath(sys.argv[1]), sys.argv[2]
ALLOWED = 1e-5
FORMATS = ("onnx", "keras", "h5", "safetensors", "npz")
bad = []
logging.disable(logging.WARNING)  # that .h5 is an old format, that torchvision is not there


def stir(values, rng):
    """Values of no pattern, so that a wrong order shows."""
    for name, shape, put in values:
        positive = "var" in name
        put(rng.uniform(0.5, 1.5, shape) if positive else rng.normal(0, 0.25, shape))


# ---- nets of other programs: each saves a file, and gives its options, its input and its outputs -------------------


def keras_net(name, model, seed):
    rng = np.random.default_rng(seed)
    stir([(v.path, v.shape, v.assign) for v in model.weights if v.dtype == "float32"], rng)
    x = rng.uniform(0, 1, (5,) + model.input_shape[1:]).astype("f")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(name)
    # a .keras file does not say what Keras ran on, and averages at a border differ
    return ["--backend", "torch"] if name.endswith(".keras") else [], x, np.asarray(model.predict(x, verbose=0)), x


def keras_cnn(name):
    return keras_net(name, keras.Sequential([
        L.Input((12, 10, 3)), L.Rescaling(2.0, -1.0), L.Conv2D(6, (3, 2), activation="relu"), L.BatchNormalization(),
        L.MaxPooling2D(2), L.DepthwiseConv2D(3, padding="same"), L.PReLU(shared_axes=[1, 2]), L.Conv2DTranspose(4, 3, strides=2, padding="same"),
        L.AveragePooling2D(3, strides=2, padding="same"), L.LayerNormalization(), L.Flatten(), L.Dense(7, "gelu"), L.Dropout(0.2), L.Dense(5, "softmax")]), 1)


def keras_graph(name):
    i = L.Input((9, 8, 2))
    a = L.Conv2D(4, 3, padding="same", activation="silu")(i)
    b = L.Conv2D(4, 3, padding="same")(a)
    x = L.Concatenate()([L.Add()([a, b]), L.Multiply()([a, b])])
    x = L.GlobalAveragePooling2D()(L.GroupNormalization(2)(L.UpSampling2D(2, interpolation="bilinear")(x)))
    return keras_net(name, keras.Model(i, L.Dense(4)(x * 0.5 + 0.25)), 2)


def torch_net(seed):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Conv2d(2, 6, (3, 2), padding=1), nn.BatchNorm2d(6), nn.ELU(), nn.MaxPool2d(2), nn.Conv2d(6, 4, 3, groups=2), nn.GroupNorm(2, 4),
                        nn.Hardswish(), nn.Flatten(), nn.Linear(4 * 3 * 3, 7), nn.LayerNorm(7), nn.Mish(), nn.Linear(7, 5)).eval()
    rng = np.random.default_rng(seed)
    stir([(n, tuple(p.shape), lambda v, p=p: p.data.copy_(torch.from_numpy(np.asarray(v)))) for n, p in net.state_dict().items() if p.dtype == torch.float32], rng)
    x = rng.uniform(0, 1, (5, 2, 10, 9)).astype("f")
    with torch.no_grad():
        return net, x, net(torch.from_numpy(x)).numpy()


def architecture(net, name):
    with open(name, "w", encoding="utf-8") as file:
        file.write("input: 2x10x9\n" + str(net) + "\n")
    return ["--arch", name]


def torch_state(name):
    net, x, y = torch_net(3)
    torch.save(net.state_dict(), name)
    return architecture(net, name + ".arch.txt"), x, y, x.transpose(0, 2, 3, 1)


def torch_safetensors(name):
    net, x, y = torch_net(4)
    safetensors.torch.save_file(net.state_dict(), name)
    return architecture(net, name + ".arch.txt"), x, y, x.transpose(0, 2, 3, 1)


def torch_onnx(dynamo):
    def make(name):
        net, x, y = torch_net(5 + dynamo)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(net, (torch.from_numpy(x),), name, dynamo=dynamo, external_data=False, verbose=False)
        return [], x, y, x.transpose(0, 2, 3, 1)
    return make


def sklearn_onnx(name):
    rng = np.random.default_rng(7)
    x = rng.uniform(0, 1, (200, 30)).astype("f")
    net = MLPClassifier((11, 9), activation="tanh", max_iter=40, tol=0.1).fit(x, rng.integers(0, 4, 200))
    with open(name, "wb") as file:
        file.write(skl2onnx.to_onnx(net, x[:1], options={"zipmap": False}).SerializeToString())
    return [], x[:5], net.predict_proba(x[:5]), x[:5]


NETS = {"keras.keras": keras_cnn, "keras.h5": keras_cnn, "graph.keras": keras_graph, "torch.pt": torch_state, "torch.safetensors": torch_safetensors,
        "dynamo.onnx": torch_onnx(True), "script.onnx": torch_onnx(False), "sklearn.onnx": sklearn_onnx}

# ---- files of this program, in others: `x` are images with channels last, or rows ----------------------------------


def fitting(x, shape, first):
    """As many values as the file's input has, which may be rows where the net was given images."""
    x = x.transpose(0, 3, 1, 2) if first and x.ndim == 4 else x
    return np.ascontiguousarray(x.reshape((len(x),) + tuple(shape)))


def by_onnxruntime(path, x):
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    return session.run(None, {given.name: fitting(x, given.shape[1:], True)})[0]


def by_keras(path, x):
    """An .h5 file without a training configuration is loaded without compiling, as Keras asks for."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = keras.models.load_model(path, **({"compile": False} if path.endswith(".h5") else {}))
    return np.asarray(model.predict(fitting(x, model.input_shape[1:], False), verbose=0))


def by_torch(path, x):
    names = {}
    with open(path + ".py", encoding="utf-8") as file:
        exec(compile(file.read(), path + ".py", "exec"), names)
    net = names["Net"]().eval()
    if path.endswith(".npz"):
        state = {key: torch.from_numpy(value) for key, value in np.load(path).items() if key in net.state_dict()}
    else:
        state = safetensors.torch.load_file(path)
    net.load_state_dict(state)
    shape = x.transpose(0, 3, 1, 2).shape[1:] if x.ndim == 4 else x.shape[1:]
    with torch.no_grad():
        return net(torch.from_numpy(fitting(x, shape, True))).numpy()


LOADERS = {"onnx": by_onnxruntime, "keras": by_keras, "h5": by_keras, "safetensors": by_torch, "npz": by_torch}

# ---- the table -----------------------------------------------------------------------------------------------------


def run(*words):
    done = subprocess.run([INVPROJ, *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return done.stdout


def differs(got, wanted):
    got = np.asarray(got).reshape(np.shape(wanted))
    return float(np.abs(got - wanted).max() / np.abs(wanted).max())


def imported(name, options, x, y):
    np.save("input.npy", x)
    lines = run("predict", name, "input.npy", "--outputs", *options).splitlines()
    return differs([json.loads(line)["outputs"] for line in lines], y)


def exported(name, options, kind, x, y):
    """The net as another file, as its program has it; and the same file again after an import."""
    path, again = f"{name}-to.{kind}", f"{name}-again.{kind}"
    with open(path + ".py", "w", encoding="utf-8") as file:
        file.write(run("export", name, "-o", path, "--force", "-q", *options))
    run("import", path, "-o", "back.h5", "--force", "-q")
    run("export", "back.h5", "-o", again, "--force", "-q")
    with open(path, "rb") as a, open(again, "rb") as b:
        if a.read() != b.read():
            raise RuntimeError(f"{path}: imported and exported again it is another file")
    return differs(LOADERS[kind](path, x), y)


def cell(name, what):
    try:
        difference = what()
    except Exception as error:  # whatever a loader raises is what is to be told
        bad.append(f"{name}: {type(error).__name__}: {error}")
        return "WRONG"
    if not difference <= ALLOWED:
        bad.append(f"{name}: differs by {difference:.2g} of the largest output; {ALLOWED} are allowed")
    return f"{difference:.1e}"


def main():
    os.makedirs(FOLDER, exist_ok=True)
    os.chdir(FOLDER)
    print(f"keras {keras.__version__}, torch {torch.__version__}, onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}, "
          f"skl2onnx {skl2onnx.__version__}")
    print("%-20s" % "made there", *("%11s" % title for title in ("read here",) + FORMATS))
    for name, make in NETS.items():
        options, x, y, images = make(name)
        cells = [cell(name, lambda: imported(name, options, x, y))]
        for kind in FORMATS:
            cells.append(cell(f"{name} to {kind}", lambda: exported(name, options, kind, images, y)))
        print("%-20s" % name, *("%11s" % text for text in cells), flush=True)
    for line in bad:
        print(line)
    sys.exit(1 if bad else 0)


main()
