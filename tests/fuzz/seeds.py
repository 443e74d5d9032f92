#!/usr/bin/env python3
"""Writes what the fuzzers begin with: seeds.py FOLDER (tests/fuzz/corpus). All of it is sound and small.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import gzip
import json
import os
import pickle
import struct
import sys
import zipfile
import zlib
from collections import OrderedDict
from io import BytesIO


def idx(kind, dims, data, gz=False):
    raw = struct.pack(">BBBB", 0, 0, kind, len(dims)) + struct.pack(">%dI" % len(dims), *dims) + data
    return gzip.compress(raw, mtime=0) if gz else raw


def npy(descr, dims, data, fortran=False, version=1):
    header = "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }" % (descr, fortran, tuple(dims))
    head = b"\x93NUMPY" + bytes([version, 0])
    room = 2 if version == 1 else 4
    header += " " * (-(len(head) + room + len(header) + 1) % 64) + "\n"
    return head + struct.pack("<H" if room == 2 else "<I", len(header)) + header.encode() + data


def npz(members, how):
    out = BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, how)
    return out.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, colour, rows, before=b"", interlaced=0):
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + before +
            chunk(b"IDAT", zlib.compress(b"".join(b"\0" + r for r in rows))) + chunk(b"IEND", b""))


LAYERS = {
    "dense": [{"name": "hidden", "type": "dense", "units": 4, "activation": "sigmoid"},
              {"name": "output", "type": "dense", "units": 3, "activation": "softmax"}],
    "conv": [{"name": "c", "type": "conv2d", "filters": 3, "height": 3, "width": 2, "stride": 1,
              "padding": "same", "activation": "relu"},
             {"name": "n", "type": "batch_norm"},
             {"name": "p", "type": "max_pool", "size": 2},
             {"name": "d", "type": "dropout", "rate": 0.25},
             {"name": "f", "type": "flatten"},
             {"name": "o", "type": "dense", "units": 3, "activation": "softmax"}],
    "local": [{"name": "l", "type": "local", "filters": 2, "size": 2, "activation": "tanh"},
              {"name": "a", "type": "avg_pool", "size": 2, "padding": "same"},
              {"name": "s", "type": "scale"},
              {"name": "o", "type": "dense", "units": 2, "frozen": True}],
    "inverse": [{"name": "a", "type": "inverse_dense", "units": 7, "kernel": {"type": "normal", "stddev": 0.2}},
                {"name": "b", "type": "squash", "low": -1.0, "width": 0.5},
                {"name": "c", "type": "atanh"},
                {"name": "d", "type": "inverse_scale"}],
}


# The stream of include/invproj/stream.h.
def text(value):
    return struct.pack("<I", len(value)) + value


def head(kind, size, dims, flags=1):
    return struct.pack("<cBIB", kind, flags, size, len(dims)) + struct.pack("<%dQ" % len(dims), *dims)


def attribute(name, kind, size, dims, values, flags=0):
    return b"A" + text(name) + head(kind, size, dims, flags) + struct.pack("<Q", len(values)) + values


def said(name, value):
    return attribute(name, b"t", 0, (), text(value), 1)


def counted(name, value):
    return attribute(name, b"u", 8, (), struct.pack("<Q", value))


def array(path, kind, size, dims, values, storage=0):
    return b"D" + text(path) + bytes([storage]) + head(kind, size, dims, 0) + b"B" + struct.pack(
        "<Q", len(values)) + values


def group(path):
    return b"G" + text(path)


def stream(*records):
    start = b"S\1\1" + group(b"/") + said(b"format", b"invproj-run") + counted(b"format_version", 2)
    return start + b"".join(records) + b"E"


def floats(n):
    return struct.pack("<%df" % n, *[0.125 * i - 0.5 for i in range(n)])


def network():
    layers = [{"name": "h", "type": "dense", "units": 2, "activation": "tanh"},
              {"name": "o", "type": "dense", "units": 2, "activation": "softmax"}]
    return (group(b"/network") + said(b"layers", json.dumps(layers).encode()) + counted(b"height", 2) +
            group(b"/network/h") + array(b"/network/h/kernel", b"f", 4, (4, 2), floats(8)) +
            array(b"/network/h/bias", b"f", 4, (2,), floats(2)) +
            group(b"/network/o") + array(b"/network/o/kernel", b"f", 4, (2, 2), floats(4)) +
            array(b"/network/o/bias", b"f", 4, (2,), floats(2)))


def experiments():
    for name in sorted(os.listdir("experiments")):
        if name.endswith(".cfg"):
            with open(os.path.join("experiments", name), "rb") as file:
                yield name, file.read()


def all_seeds():
    grey = bytes(range(0, 240, 8))
    stored, packed = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
    yield "idx/labels", idx(8, (5,), bytes([0, 1, 2, 3, 4]))
    yield "idx/images.gz", idx(8, (2, 5, 3), grey, True)
    yield "idx/floats", idx(13, (2, 3), struct.pack(">6f", 0, 1, -2.5, 1e9, 0.1, 7))
    yield "idx/shorts", idx(11, (2, 2, 1, 2), struct.pack(">8h", *range(-4, 4)))
    yield "idx/doubles.gz", idx(14, (3,), struct.pack(">3d", 0.5, 2, -1), True)
    bytes_npy = npy("|u1", (2, 5, 3), grey)
    turned = npy(">f4", (3, 2), struct.pack(">6f", *range(6)), True)
    yield "npy/bytes", bytes_npy
    yield "npy/turned", turned
    yield "npy/bool2", npy("|b1", (4,), b"\0\1\1\0", version=2)
    yield "npy/half3", npy("<f2", (3,), struct.pack("<3e", 0, 1, 2), version=3)
    yield "npy/wide", npy("<i8", (2,), struct.pack("<2q", -5, 2 ** 20))
    yield "npy/stored", npz([("x_train.npy", bytes_npy), ("y_train.npy", npy("|u1", (2,), b"\0\1"))], stored)
    yield "npy/packed", npz([("x.npy", turned), ("note.txt", b"hello")], packed)
    yield "png/grey", png(6, 5, 8, 0, [grey[6 * i:6 * i + 6] for i in range(5)])
    yield "png/bits", png(9, 2, 1, 0, [b"\xaa\x80", b"\x55\0"], chunk(b"tEXt", b"Title\0bits"))
    yield "png/colour", png(2, 2, 8, 2, [b"\0\x80\xff\xff\0\0", b"\1\2\3\4\5\6"], chunk(b"gAMA", b"\0\0\xb1\x8f"))
    yield "png/alpha16", png(1, 2, 16, 6, [bytes(range(8)), bytes(range(8, 16))])
    yield "png/palette", png(3, 1, 8, 3, [b"\0\1\2"], chunk(b"PLTE", bytes(range(9))) + chunk(b"tRNS", b"\xff\x80"))
    yield "png/adam7", png(1, 1, 8, 4, [b"\x40\xff"], interlaced=1)
    for name, value in experiments():
        yield "experiment/" + name, value
    yield "experiment/odd", b'title = "a" "b"; x = [1, 0x1F, -3L]; y = (1, "a", { z = 1e-3; }); # end\n'
    for name, value in LAYERS.items():
        yield "layers/" + name, json.dumps(value).encode()
    run = stream(network())
    mixed = stream(
        attribute(b"class_names", b"t", 0, (2,), text(b"cat") + text(b"dog"), 1) +
        attribute(b"fixed", b"s", 5, (), b"IMAGE") + attribute(b"none", b"f", 4, (), b"\0\0\x80\x3f"),
        group(b"/inverse") + group(b"/inverse/a") + group(b"/training") +
        array(b"/training/loss", b"f", 4, (5,), floats(5), 3) +
        array(b"/images", b"f", 4, (2, 3, 2), floats(12), 2) + array(b"/empty", b"i", 2, (0, 3), b"")[:-9],
        b"L" + text(b"/odd") + text(b"compound values"))
    for name, value in (*keras_seeds(), *model_seeds()):
        yield name, value
    for kind in "stream", "record":
        yield kind + "/run", run
        yield kind + "/mixed", mixed
        yield kind + "/failed", b"S\1\0F\4" + text(b"it is damaged")


def keras_file(architecture, variables):
    """An architecture, and behind its NUL the stream of layers/NAME/vars/NUMBER."""
    def head(kind, size, dims):
        return kind + struct.pack("<BIB", 0, size, len(dims)) + struct.pack("<%dQ" % len(dims), *dims)

    body = b"S\1\0M" + text(b"keras-h5") + b"G" + text(b"/") + b"G" + text(b"/vars") + b"G" + text(b"/layers")
    for path, dims in variables:
        count = 1
        for n in dims:
            count *= n
        values = struct.pack("<%df" % count, *[0.25 + i % 7 / 8 for i in range(count)])
        body += b"G" + text(b"/layers/" + path.split(b"/")[0]) if path.endswith(b"vars/0") else b""
        body += b"D" + text(b"/layers/" + path) + b"\0" + head(b"f", 4, dims) + b"B" + struct.pack("<Q", 4 * count) + values
    return json.dumps(architecture).encode() + b"\0" + body + b"E"


def layer(class_name, **config):
    return {"class_name": class_name, "config": config}


def keras_seeds():
    first = {"data_format": "channels_first"}
    yield "keras/chain", keras_file({"class_name": "Sequential", "config": {"layers": [
        layer("InputLayer", batch_shape=[None, 2, 5, 6]), layer("Conv2D", name="a", filters=3, kernel_size=[2, 3], activation="relu", **first),
        layer("BatchNormalization", name="b", axis=1), layer("MaxPooling2D", pool_size=2, **first), layer("Flatten"),
        layer("Dense", name="c", units=4, activation="softmax")]}}, [
            (b"conv2d/vars/0", (2, 3, 2, 3)), (b"conv2d/vars/1", (3,)), (b"batch_normalization/vars/0", (3,)),
            (b"batch_normalization/vars/1", (3,)), (b"batch_normalization/vars/2", (3,)), (b"batch_normalization/vars/3", (3,)),
            (b"dense/vars/0", (12, 4)), (b"dense/vars/1", (4,))])
    tensor = lambda name: {"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}}
    node = lambda *args: [{"args": list(args), "kwargs": {}}]
    graph = [dict(layer("InputLayer", name="in", batch_shape=[None, 4, 4, 1]), name="in", inbound_nodes=[]),
             dict(layer("Multiply", name="m"), module="keras.src.ops.numpy", inbound_nodes=node(tensor("in"), 0.5)),
             dict(layer("Conv2DTranspose", name="t", filters=2, kernel_size=[2, 2], strides=[2, 1], padding="same"), inbound_nodes=node(tensor("m"))),
             dict(layer("PReLU", name="p", shared_axes=[1, 2]), inbound_nodes=node(tensor("t"))),
             dict(layer("Concatenate", name="c", axis=-1), inbound_nodes=node([tensor("t"), tensor("p")])),
             dict(layer("GlobalAveragePooling2D", name="g"), inbound_nodes=node(tensor("c")))]
    yield "keras/graph", keras_file({"class_name": "Functional", "config": {"layers": graph, "input_layers": ["in", 0, 0], "output_layers": ["g", 0, 0]}}, [
        (b"conv2d_transpose/vars/0", (2, 2, 2, 1)), (b"conv2d_transpose/vars/1", (2,)), (b"p_re_lu/vars/0", (1, 1, 2))])


def safetensors(tensors, metadata=None):
    header, data = {"__metadata__": metadata} if metadata else {}, b""
    for name, dtype, dims, values in tensors:
        header[name] = {"dtype": dtype, "shape": dims, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


ONNX_CASES = ("axes_that_are_split", "batch_norm", "clip", "concat_of_flattened", "constants_as_nodes", "conv_dilated", "global_pools",
              "pad_of_axes", "softmax_without_axis_of_all", "squeeze_and_excite", "values_with_values")


def onnx_cases():
    """Of the graphs that the suite of ONNX reads, some small ones."""
    with open("tests/data/models/onnx-cases.bin", "rb") as file:
        while size := file.read(4):
            name = file.read(*struct.unpack("<I", size)).decode()
            model = file.read(*struct.unpack("<I", file.read(4)))
            file.read(24)  # its outputs
            if name in ONNX_CASES:
                yield name, model


def model_seeds():
    """Files of models, and what they are packed in."""
    state = OrderedDict([("fc.weight", [1, -2, 300, 2 ** 40, 0.5, None, True]), ("fc.bias", (b"b\0", {"a": set()}))])
    for protocol in 2, 4:
        yield "pickle/state%d" % protocol, pickle.dumps(state, protocol)
    for name in "torch-zip", "torch-checkpoint":
        with zipfile.ZipFile("tests/data/models/%s.pt" % name) as archive:
            yield "pickle/" + name, archive.read(next(n for n in archive.namelist() if n.endswith("/data.pkl")))
    yield "safetensors/types", safetensors([("f", "F32", [2, 3], floats(6)), ("h", "F16", [2], b"\0\x3c\0\xc0"), ("b", "BF16", [], b"\x80\x3f"),
                                            ("i", "I64", [1], b"\5" + bytes(7)), ("u", "U8", [3, 1, 1], b"\1\2\3"), ("none", "F64", [0], b"")])
    yield "safetensors/tied", safetensors([("a.weight", "F32", [1, 2], floats(2))], {"b.weight": "a.weight", "format": "pt"})
    packed = npz([("net/config.json", b"{}"), ("net/data/0", bytes(40)), ("b.npy", npy("<f4", (2,), floats(2)))], zipfile.ZIP_DEFLATED)
    yield "zip/packed", packed
    yield "zip/comment", packed[:-2] + b"\5\0hello"
    yield "zip/arrays", npz([("a.npy", npy("|i1", (2, 2), b"\1\2\3\4")), ("b.npy", npy("<f8", (), bytes(8)))], zipfile.ZIP_STORED)
    yield "zip/empty", npz([], zipfile.ZIP_STORED)
    for name, model in onnx_cases():
        yield "onnx/" + name, model


def main():
    for name, value in all_seeds():
        path = os.path.join(sys.argv[1], name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(value)


main()
