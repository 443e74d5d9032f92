"""Makes onnx-cases.bin: small ONNX graphs, one of each kind that matters, with what ONNX's own reference makes of two
images; and onnx-refused.bin, those that must be refused, each with words of the message. With, from PyPI, onnx 1.23.2
(which brings numpy).

    python3 make_onnx.py

A file is records: u32 length and name (or words), u32 length and ONNX file, and in the first six float32, the three
outputs of either image. The images are onnx-images.npy, 2 x 60 numbers, in the order in which each graph takes them.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import struct

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

random = np.random.default_rng(20261128)
images = random.normal(size=(2, 60)).astype(np.float32)
cases, refused = [], []


def numbers(*shape):
    return random.normal(size=shape).astype(np.float32)


class Graph:
    """Nodes one after another; `last` is the newest value."""

    def __init__(self, dims=(None, 2, 6, 5), opset=20, ml=False):
        self.dims, self.opset, self.ml = dims, opset, ml
        self.nodes, self.tensors, self.count = [], [], 0
        self.last = "x"

    def constant(self, array, name=None, tensor=None):
        name = name or f"t{len(self.tensors)}"
        self.tensors.append(tensor(array, name) if tensor else numpy_helper.from_array(np.asarray(array), name))
        return name

    def whole(self, *values):
        return self.constant(np.array(values, np.int64))

    def add(self, op, *inputs, outputs=1, **attributes):
        """Inputs are names, arrays, or None for the newest value."""
        names = [self.last if i is None else i if isinstance(i, str) else self.constant(i) for i in inputs or (None,)]
        self.count += 1
        out = [f"v{self.count}" if k == 0 else f"v{self.count}_{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(op, names, out, **attributes))
        self.last = out[0]
        return self.last

    def model(self, outputs=None):
        graph = helper.make_graph(
            self.nodes, "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.dims)],
            outputs or [helper.make_tensor_value_info(self.last, TensorProto.FLOAT, None)], self.tensors)
        opsets = [helper.make_opsetid("", self.opset)] + ([helper.make_opsetid("ai.onnx.ml", 3)] if self.ml else [])
        return helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="make_onnx")

    def run(self, model, index=0):
        batch = self.dims[0] if isinstance(self.dims[0], int) and len(self.dims) != 3 else 1
        x = images.reshape((2, 1) + tuple(self.dims[1:]))
        out = []
        for image in x:
            got = ReferenceEvaluator(model).run(None, {"x": np.repeat(image, batch, axis=0)})[index]
            out.append(np.asarray(got)[:1].reshape(-1) if batch > 1 else np.asarray(got).reshape(-1))
        return np.array(out, np.float32)

    def end(self, name, ends=True, backwards=False, like=None):
        """Brings what there is to three numbers; `like` are nodes that the reference runs in place of the first."""
        if ends:
            self.add("Flatten")
            size = self.run(self.model()).shape[1]
            small = self.constant(random.integers(-9, 10, (size, 3)).astype(np.int8))
            flat, weights = self.last, self.add("Cast", small, to=TensorProto.FLOAT)
            self.add("Gemm", flat, weights, alpha=float(0.2 / np.sqrt(size)))
        model = self.model()
        want = self.run(model)
        if like:
            nodes, self.nodes = self.nodes, like + self.nodes[1:]
            want, self.nodes = self.run(self.model()), nodes
        assert want.shape == (2, 3), (name, want.shape)
        assert np.isfinite(want).all(), name
        if backwards:
            self.nodes.reverse()
            model = self.model()
        cases.append((name, model.SerializeToString(), want))


def image_cases():
    g = Graph()
    g.add("Conv", None, numbers(4, 2, 3, 2), numbers(4), pads=[1, 0, 2, 1], strides=[2, 1])
    g.end("conv")
    for mode in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        g = Graph()
        g.add("Conv", None, numbers(4, 1, 3, 2), auto_pad=mode, group=2, strides=[2, 2])
        g.add("MaxPool", kernel_shape=[2, 2], strides=[1, 1], auto_pad=mode)
        g.end("auto_pad_" + mode)
    g = Graph()
    g.add("Conv", None, numbers(3, 2, 3, 2), dilations=[2, 1], kernel_shape=[3, 2])
    g.add("Add", None, numbers(3, 1, 1))  # a bias of its own
    g.end("conv_dilated")
    g = Graph()
    g.add("Reshape", None, g.whole(1, 2, 30))
    g.add("Conv", None, numbers(3, 2, 4), numbers(3), pads=[1, 2], strides=[2])
    g.add("MaxPool", kernel_shape=[3])
    g.add("GlobalAveragePool")
    g.end("conv_of_one_axis")
    g = Graph()
    g.add("ConvTranspose", None, numbers(2, 3, 3, 2), numbers(3), strides=[2, 1], pads=[1, 0, 0, 1], output_padding=[1, 0])
    g.end("conv_transpose")
    g = Graph()
    g.add("ConvTranspose", None, numbers(2, 2, 3, 3), strides=[2, 2], output_shape=[12, 10], pads=[1, 1, 0, 0])
    g.end("conv_transpose_output_shape")
    for ceil in (0, 1):
        g = Graph()
        g.add("AveragePool", kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1], ceil_mode=ceil, count_include_pad=0)
        g.end(f"average_pool_{ceil}")
        g = Graph()
        g.add("AveragePool", kernel_shape=[2, 2], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=0, count_include_pad=1)
        g.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=ceil)
        g.end(f"average_pool_counts_{ceil}")
    g = Graph()
    a = g.add("GlobalAveragePool", "x")
    b = g.add("GlobalMaxPool", "x")
    c = g.add("ReduceMean", "x", g.whole(-1, -2), keepdims=1)
    d = g.add("Concat", a, b, c, axis=1)
    g.end("global_pools")
    g = Graph(opset=13)
    a = g.add("ReduceMean", "x", axes=[2], keepdims=0)
    b = g.add("ReduceMax", "x", axes=[2], keepdims=0)
    g.add("Sub", a, b)
    g.end("reduce_rows")
    g = Graph()
    g.add("BatchNormalization", None, numbers(2), numbers(2), numbers(2), np.abs(numbers(2)), epsilon=1e-3)
    g.end("batch_norm")
    g = Graph()
    g.add("Flatten")
    g.add("BatchNormalization", None, numbers(60), numbers(60), numbers(60), np.abs(numbers(60)))
    g.end("batch_norm_of_a_flattened_image")
    g = Graph()
    g.add("Conv", None, numbers(6, 2, 1, 1))
    g.add("InstanceNormalization", None, numbers(6), numbers(6), epsilon=1e-4)
    g.end("instance_norm")
    g = Graph(opset=21)
    g.add("Conv", None, numbers(6, 2, 1, 1))
    g.add("GroupNormalization", None, numbers(6), numbers(6), num_groups=3)
    g.end("group_norm")
    g = Graph()
    g.add("Conv", None, numbers(6, 2, 1, 1))
    at = g.last
    g.add("Reshape", None, g.whole(0, 3, -1))
    g.add("InstanceNormalization", None, numbers(3), numbers(3))
    inner, shape = g.last, g.add("Shape", at)
    g.add("Reshape", inner, shape)
    g.add("Mul", None, numbers(6, 1, 1))
    g.end("group_norm_in_pieces")
    g = Graph()
    g.add("LayerNormalization", None, numbers(2, 6, 5), numbers(2, 6, 5), axis=1)
    g.end("layer_norm")
    g = Graph()
    g.add("Transpose", perm=[0, 2, 3, 1])
    g.add("Conv", g.add("Transpose", None, perm=[0, 3, 1, 2]), numbers(4, 2, 2, 2))
    g.add("Transpose", perm=[0, 2, 3, 1])
    g.add("LayerNormalization", None, numbers(4), numbers(4))
    g.end("layer_norm_of_channels")
    for mode in ("constant", "reflect", "edge", "wrap"):
        g = Graph()
        g.add("Pad", None, g.whole(0, 0, 1, 2, 0, 0, 2, 1), np.float32(0.5), mode=mode)
        g.end("pad_" + mode)
    g = Graph(opset=10)
    g.add("Pad", pads=[0, 0, 1, 0, 0, 0, 0, 1], value=-1.0)
    g.end("pad_by_attributes")
    g = Graph()
    g.add("Pad", None, g.whole(1, 2, 0, 1), "", g.whole(2, -1))
    g.end("pad_of_axes")
    for name, keys in {"nearest": {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
                       "default": {}, "linear": {"mode": "linear"},
                       "corners": {"mode": "linear", "coordinate_transformation_mode": "align_corners"}}.items():
        g = Graph()
        g.add("Resize", None, "", np.array([1, 1, 2, 3], np.float32), **keys)
        g.end("resize_" + name)
    g = Graph()
    g.add("Resize", None, "", "", g.whole(1, 2, 9, 7), mode="linear")
    g.end("resize_to_sizes")


def axes_cases():
    g = Graph((None, 6, 5, 2))
    g.add("Transpose", perm=[0, 3, 1, 2])
    g.add("Conv", None, numbers(4, 2, 3, 3))
    g.add("Transpose", perm=[0, 2, 3, 1])
    g.add("Add", None, numbers(4))
    g.add("Relu")
    g.end("channels_last")
    g = Graph((None, 6, 5, 2))
    g.add("MatMul", None, numbers(2, 4))
    g.add("Add", None, numbers(4))
    g.end("weights_at_each_pixel")
    g = Graph()
    g.add("Transpose", perm=[0, 1, 3, 2])
    g.add("Conv", None, numbers(3, 2, 2, 3))
    g.end("rows_and_columns_change")
    g = Graph()
    g.add("Reshape", None, g.whole(1, 12, 5))
    g.add("Transpose", perm=[0, 2, 1])
    g.end("axes_that_are_two")
    g = Graph()
    g.add("Reshape", None, g.whole(1, 4, 3, 5))
    g.add("Transpose", perm=[0, 2, 1, 3])
    g.add("Reshape", None, g.whole(1, 3, 5, 4))
    g.add("Conv", None, numbers(2, 3, 2, 2))
    g.end("axes_that_are_split")
    g = Graph((None, 60))
    g.add("MatMul", None, numbers(60, 24) / 8)
    g.add("Reshape", None, g.whole(-1, 2, 3, 4))
    g.add("Conv", None, numbers(2, 2, 2, 2))
    g.end("a_vector_as_image")
    g = Graph((4, 2, 6, 5))
    g.add("Tanh")
    g.add("Reshape", None, g.whole(4, 60), allowzero=1)
    g.end("a_batch_of_four")
    g = Graph((1, 2, 6, 5))
    g.add("Squeeze", None, g.whole(0))
    g.add("Unsqueeze", None, g.whole(0))
    g.add("Conv", None, numbers(2, 2, 2, 2))
    g.add("Reshape", None, g.whole(-1))
    weights = g.constant(numbers(3, 40))
    flat, turned = g.last, g.add("Transpose", weights, perm=[1, 0])
    g.add("MatMul", flat, turned)
    g.add("Softmax", axis=0)
    g.end("without_a_batch", ends=False)
    for axis in (1, 2, 3):
        g = Graph()
        a = g.add("Conv", "x", numbers(2, 2, 1, 1))
        b = g.add("Sigmoid", "x")
        g.add("Concat", a, b, "x", axis=axis)
        g.end(f"concat_{axis}")
    g = Graph()
    a = g.add("Flatten", "x")
    b = g.add("Flatten", g.add("MaxPool", "x", kernel_shape=[2, 2]))
    g.add("Concat", a, b, axis=1)
    g.end("concat_of_flattened")
    g = Graph()
    s = g.add("GlobalAveragePool", "x")
    s = g.add("Conv", s, numbers(2, 2, 1, 1))
    s = g.add("HardSigmoid", s)
    g.add("Mul", "x", s)
    g.end("squeeze_and_excite")
    g = Graph()
    s = g.add("GlobalAveragePool", "x")
    g.add("Sub", s, "x")
    g.end("the_smaller_first")
    g = Graph()
    a = g.add("Reshape", "x", g.whole(1, 2, 5, 6))
    b = g.add("Conv", a, numbers(2, 2, 1, 1))
    c = g.add("Transpose", "x", perm=[0, 1, 3, 2])
    g.add("Add", b, c)
    g.end("values_laid_in_other_ways")


def value_cases():
    g = Graph()
    for op, keys in {"Relu": {}, "Sigmoid": {}, "Tanh": {}, "Softsign": {}, "Mish": {}, "HardSwish": {}, "Erf": {},
                     "Exp": {}, "Abs": {}, "LeakyRelu": {"alpha": 0.3}, "Elu": {"alpha": 0.7}, "Celu": {"alpha": 0.6},
                     "Selu": {}, "HardSigmoid": {"alpha": 0.3, "beta": 0.4}, "Softplus": {},
                     "ThresholdedRelu": {"alpha": 0.6}, "Neg": {}, "Gelu": {"approximate": "tanh"}}.items():
        g.add(op, "x", **keys)
    g.add("Gelu", "x")
    g.add("Shrink", "x", lambd=0.4, bias=0.4)
    g.add("Shrink", "x", lambd=0.4)
    g.add("Sqrt", g.add("Abs", "x"))
    g.add("Log", g.add("Exp", "x"))
    used = {i for n in g.nodes for i in n.input}
    names = [n.output[0] for n in g.nodes if n.output[0] not in used]
    g.add("Concat", *names, axis=1)
    g.end("activations")
    g = Graph()
    g.add("Clip", None, np.float32(-0.5), np.float32(0.7))
    g.add("Clip", None, np.float32(0), np.float32(6))
    g.add("Clip", None, "", np.float32(0.6))
    g.end("clip")
    g = Graph(opset=10)
    g.add("Clip", min=0.0, max=1.0)
    g.end("clip_by_attributes")
    g = Graph()
    a = g.add("PRelu", "x", numbers(2, 1, 1))
    b = g.add("PRelu", "x", np.array([0.3], np.float32))
    c = g.add("PRelu", "x", numbers(2, 6, 5))
    g.add("Sum", a, b, c)
    g.end("prelu")
    g = Graph()
    g.add("Mul", None, numbers(2, 1, 1))
    g.add("Add", numbers(6, 5), None)
    g.add("Sub", np.float32(2), None)
    g.add("Div", None, np.abs(numbers(2, 6, 5)) + 1)
    g.add("Max", None, np.float32(0.1))
    g.add("Pow", None, np.float32(2))
    g.add("Sub", None, np.float32(0.2))
    g.end("constants")
    g = Graph()
    a = g.add("Sigmoid", "x")
    b = g.add("Exp", "x")
    g.add("Div", g.add("Mul", a, b), g.add("Add", b, b))
    c = g.last
    g.add("Mean", c, a, b)
    d = g.last
    g.add("Mul", d, d)
    e = g.last
    g.add("Min", g.add("Max", e, a), b)
    g.end("values_with_values")
    g = Graph()
    s = g.add("Sigmoid", "x")
    g.add("Mul", "x", s)
    g.end("swish")
    g = Graph()
    beta, limit = g.constant(np.float32(2)), g.constant(np.float32(20))
    scaled = g.add("Mul", "x", beta)
    soft = g.add("Div", g.add("Softplus", scaled), beta)
    large = g.add("Greater", scaled, limit)
    g.add("Where", large, "x", soft)
    g.end("softplus_in_pieces")
    g = Graph()
    e = g.add("Erf", g.add("Div", "x", np.float32(np.sqrt(2))))
    e = g.add("Add", e, np.float32(1))
    g.add("Mul", g.add("Mul", "x", e), np.float32(0.5))
    g.end("gelu_in_pieces")
    g = Graph()
    g.add("Flatten")
    g.add("MatMul", None, numbers(60, 3) / 8)
    g.add("Softmax", axis=-1)
    g.end("softmax", ends=False)
    g = Graph(opset=11)
    g.add("LogSoftmax", axis=1)
    # before opset 13 it is over all axes from that one on, which the reference does not know
    g.end("log_softmax_of_all", like=[helper.make_node("Flatten", ["x"], ["f"]),
                                      helper.make_node("LogSoftmax", ["f"], ["v1"], axis=-1)])


def dense_cases():
    g = Graph()
    g.add("Flatten")
    g.add("Gemm", None, numbers(4, 60), numbers(4), transB=1, alpha=0.5, beta=2.0)
    g.add("Transpose", perm=[1, 0])
    g.add("Gemm", None, numbers(4, 3), np.float32(0.3), transA=1)
    g.end("gemm", ends=False)
    g = Graph()
    g.add("Flatten")
    g.add("Transpose", perm=[1, 0])
    g.add("MatMul", numbers(3, 60), None)
    g.end("weights_first", ends=False)
    g = Graph()
    g.add("Flatten")
    g.add("MatMul", None, numbers(60, 3) / 8)
    g.add("Add", numbers(3), None)
    at = g.last
    g.add("Add", at, g.add("Tanh", at))  # what is used twice has its own values
    g.add("Add", None, numbers(1, 3))
    g.end("bias_first", ends=False)

    def typed(kind):
        return lambda array, name: helper.make_tensor(name, kind, array.shape, array.flatten().tolist())
    g = Graph()
    g.add("Flatten")
    for i, kind in enumerate((TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE, TensorProto.FLOAT)):
        w = g.constant(numbers(60 if i == 0 else 6, 6) / 4, tensor=typed(kind))
        g.nodes.append(helper.make_node("Cast", [w], [w + "f"], to=TensorProto.FLOAT))
        g.add("MatMul", None, w + "f")
    g.end("types_of_values")
    g = Graph()
    g.add("Flatten")
    w = numbers(60, 3).astype(np.float16)
    g.nodes.append(helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(w)))
    g.nodes.append(helper.make_node("Cast", ["w"], ["wf"], to=TensorProto.FLOAT))
    g.add("MatMul", None, "wf")
    g.nodes.append(helper.make_node("Constant", [], ["b"], value_floats=[1.0, 2.0, 3.0]))
    g.add("Add", None, "b")
    g.end("constants_as_nodes", ends=False)
    g = Graph()
    g.add("Relu")
    flat = g.last
    n = g.add("Unsqueeze", g.add("Gather", g.add("Shape", flat), np.int64(0), axis=0), g.whole(0))
    shape = g.add("Concat", n, g.whole(-1), axis=0)
    g.add("Reshape", flat, g.add("Cast", g.add("Cast", shape, to=1), to=7))
    g.end("sizes_from_the_batch")
    g = Graph()
    half = g.add("Div", g.add("Sub", g.add("Slice", g.add("Shape", "x"), g.whole(2), g.whole(4)), g.whole(1)), g.whole(2))
    none = g.add("ConstantOfShape", g.whole(2), value=helper.make_tensor("", TensorProto.INT64, [1], [0]))
    pads = g.add("Concat", half, none, axis=0)  # 2 2 0 0, then turned round in pairs
    pads = g.add("Reshape", pads, g.whole(-1, 2))
    pads = g.add("Slice", pads, g.whole(-1), g.whole(-(2 ** 63) + 1), g.whole(0), g.whole(-1))
    pads = g.add("Reshape", pads, g.whole(-1))
    pads = g.add("Concat", pads, pads, axis=0)
    g.add("Pad", "x", pads)
    g.end("pads_from_the_sizes")
    g = Graph()
    g.add("Dropout", None, np.float32(0.5))
    g.add("Identity")
    g.add("Flatten")
    g.add("MatMul", None, numbers(60, 3))
    g.end("nodes_in_any_order", ends=False, backwards=True)


def classifier_cases():
    for kind, norm in (("LOGISTIC", True), ("SOFTMAX", True), ("NONE", False)):
        g = Graph((None, 60), ml=True)
        g.add("Scaler", domain="ai.onnx.ml", offset=numbers(60).tolist(), scale=(numbers(60) / 8).tolist())
        g.nodes.append(helper.make_node("LinearClassifier", [g.last], ["label", "scores"], domain="ai.onnx.ml",
                                        coefficients=numbers(180).tolist(), intercepts=numbers(3).tolist(),
                                        classlabels_ints=[0, 1, 2], post_transform=kind))
        g.last = "scores"
        if norm:
            g.add("Normalizer", domain="ai.onnx.ml", norm="L1")
        outputs = [helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
                   helper.make_tensor_value_info(g.last, TensorProto.FLOAT, [None, 3])]
        model = g.model(outputs)
        cases.append(("linear_classifier_" + kind, model.SerializeToString(), g.run(model, 1)))


def default_cases():
    """Attributes that are left out."""
    for opset in (11, 20):
        g = Graph(opset=opset)
        g.add("Flatten")
        g.add("MatMul", None, numbers(60, 3) / 8)
        g.add("Softmax")
        g.end(f"softmax_without_axis_{opset}", ends=False)
    g = Graph(opset=11)
    g.add("Softmax")
    g.end("softmax_without_axis_of_all", like=[helper.make_node("Flatten", ["x"], ["f"]),
                                               helper.make_node("Softmax", ["f"], ["v1"], axis=-1)])


def refuse(words, g, outputs=None, change=None):
    model = g.model(outputs)
    if change:
        change(model)
    refused.append((words, model.SerializeToString(), None))


def refused_cases():
    def one(op, *inputs, **keys):
        g = Graph()
        g.add(op, *inputs, **keys)
        return g
    refuse("(LSTM): this operator is not known", one("LSTM", None, numbers(1, 4, 5), numbers(1, 4, 1), hidden_size=1))
    refuse("(QLinearConv): a quantised net", one("QLinearConv", None, numbers(1)))
    refuse("(DequantizeLinear): a quantised net", one("DequantizeLinear", None, np.float32(1)))
    refuse("the domain com.microsoft.nchwc", one("Conv", None, numbers(2, 2, 1, 1), domain="com.microsoft.nchwc"))
    refuse("drops values at random (training_mode)", one("Dropout", None, np.float32(0.5), np.array(True)))
    refuse("is in training mode", one("BatchNormalization", None, *[numbers(2)] * 4, training_mode=1))
    inner = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "inner", [], [
        helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    refuse("graphs within the graph", one("If", np.array(True), then_branch=inner, else_branch=inner))
    refuse("weights for 3 channels, but 2 come in", one("Conv", None, numbers(4, 3, 2, 2)))
    refuse("is no constant", one("Conv", None, numbers(4, 2, 2, 2), "x"))
    old = Graph(opset=12)
    old.add("Softmax", axis=2)
    refuse("along several axes, which are not all", old)
    refuse("do not take these sizes", one("Reshape", None, np.array([1, 7, -1], np.int64)))
    refuse("which nothing makes", one("Add", None, "nowhere"))
    g = one("Flatten")
    g.add("GlobalAveragePool")
    refuse("takes images, as batch", g)
    g = one("Flatten")
    g.nodes += [helper.make_node("Constant", [], ["c"], value_float=[1.0, 2.0])]
    g.add("Add", "c")
    refuse("value_float is a list", g)
    g = one("Relu")
    g.nodes = [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])]
    g.last = "b"
    refuse("takes what comes of itself", g)
    g = one("Relu")
    g.add("Tanh", "x")
    refuse("gives 2 outputs (v1, v2)", g, [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in ("v1", "v2")])
    refuse("takes 2 inputs (x, left)", one("Relu"), change=lambda m: m.graph.input.append(
        helper.make_tensor_value_info("left", TensorProto.FLOAT, [1, 2])))
    g = Graph((None, None, 6, 5))
    g.add("Relu")
    refuse("size 2 of its input 'x' is not fixed", g)
    g = Graph((None, 2, 1 << 20, 1 << 20))
    g.add("Relu")
    refuse("images of more than", g)
    refuse("holds functions of its own", one("Relu"), change=lambda m: m.functions.append(
        helper.make_function("d", "f", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], [])))
    refuse("gives the same whatever the image", one("Identity", numbers(1, 3)))
    refuse("damaged: t0: has other bytes", one("Add", None, numbers(2, 1, 1)), change=lambda m:
           m.graph.initializer[0].dims.append(7))
    refuse("damaged: t0: a tensor of these sizes", one("Add", None, numbers(2, 1, 1)), change=lambda m:
           m.graph.initializer[0].dims.extend([1 << 40, 1 << 40]))
    g = one("Add", None, "far")
    far = TensorProto(name="far", data_type=TensorProto.FLOAT, dims=[2, 1, 1], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "far.bin"), ("offset", "4"), ("length", "8")):
        far.external_data.add(key=key, value=value)
    g.tensors.append(far)
    refuse("tensor 'far' lies in far.bin where that does not reach", g)
    bad = numbers(2, 1, 1)
    bad[0] = np.nan
    refuse("not finite", one("Conv", None, bad.reshape(1, 2, 1, 1)))
    refuse("there is no axis 5", one("Flatten", axis=5))
    refuse("there is no axis -6", one("Flatten", axis=-6))
    refuse("over an axis that is not there", one("Softmax", axis=4))


def many_axes_cases():
    """As many axes that are not of one as an image has, one of one behind them; and one more."""
    g = Graph()
    g.add("Reshape", None, g.whole(1, 4, 3, 5, 1))
    g.add("Transpose", perm=[0, 2, 1, 3, 4])
    g.add("Reshape", None, g.whole(1, 3, 4, 5))
    g.add("Conv", None, numbers(2, 3, 2, 2))
    g.end("an_axis_of_one_behind_three")
    g = Graph()
    g.add("Reshape", None, g.whole(1, 2, 3, 2, 5))
    g.add("Transpose", perm=[0, 3, 2, 1, 4])
    refuse("of more than three axes", g)


def part_cases():
    g = Graph()
    g.add("Slice", None, g.whole(1, 0), g.whole(-1, 1 << 62), g.whole(2, 1), g.whole(1, 1))
    g.add("Slice", None, g.whole(-1), g.whole(-(1 << 62)), g.whole(3), g.whole(-2))
    g.end("slice")
    g = Graph(opset=9)
    g.add("Slice", starts=[1, 0], ends=[2, 4], axes=[1, 2])
    g.end("slice_by_attributes")
    g = Graph()
    g.add("Conv", None, numbers(5, 2, 2, 2), numbers(5))
    first, second = "v2", "v2_1"
    g.add("Split", None, g.whole(3, 2), outputs=2, axis=1)
    g.add("Concat", second, first, axis=1)
    g.add("Add", None, numbers(5, 1, 1))
    g.end("split")
    g = Graph()
    g.add("Flatten")
    g.add("Split", outputs=2, axis=1, num_outputs=2)
    g.add("Sigmoid", "v2_1")
    g.add("Mul", None, "v2")
    g.end("split_of_values")
    g = Graph(opset=12)
    g.add("Split", outputs=3, axis=2)
    g.add("Max", "v1", "v1_1", "v1_2")
    g.end("split_of_rows")
    g = Graph()
    g.add("Gather", None, np.array(-1, np.int64), axis=1)
    g.add("Gather", None, g.whole(4, 2, 0), axis=2)
    g.end("gather")
    g = Graph()
    g.add("GlobalAveragePool")
    g.add("Expand", None, g.whole(1, 2, 6, 5))
    g.add("Sub", "x", None)
    g.end("expand_for_arithmetic")
    g = Graph((None, 1, 10, 6))
    g.add("Expand", None, g.whole(1, 3, 1, 1))
    g.add("Conv", None, numbers(2, 3, 3, 3))
    g.end("expand")
    g = Graph()
    g.add("Tile", None, g.whole(1, 2, 1, 3))
    g.end("tile")
    for op in ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare",
               "ReduceLogSumExp"):
        g = Graph()
        g.add(op, None, g.whole(1), keepdims=op > "ReduceM")
        g.end(op + "_of_channels")
    g = Graph()
    g.add("ReduceSum", None, g.whole(1, 3), keepdims=0)
    g.end("reduce_channels_and_columns")
    g = Graph()
    g.add("Reshape", None, g.whole(1, 2, 30))
    g.add("ReduceMean", None, g.whole(-1), keepdims=1)
    g.add("Sub", "v1", None)
    g.end("reduce_pixels")
    g = Graph()
    g.add("LpNormalization", axis=1)
    g.end("lp_normalization")
    for axis in (1, 2):
        g = Graph()
        g.add("Softmax", axis=axis)
        g.end(f"softmax_along_{axis}")
    g = Graph()
    g.add("MatMul", None, numbers(5, 4))
    g.end("weights_of_columns")
    g = Graph((None, 6, 2, 5))
    g.add("Reshape", None, g.whole(-1, 2, 3, 2, 5))
    g.add("Transpose", perm=[0, 2, 1, 3, 4])
    g.add("Reshape", None, g.whole(-1, 6, 2, 5))
    g.end("channels_shuffled")
    for size in (3, 4):  # beside Conv and others: the reference's own LRN is wrong (findings/onnx-reference-lrn.sh)
        g = Graph((None, 6, 2, 5))
        weights = np.zeros((6, 6, 1, 1), np.float32)
        for k in range(6):
            weights[k, max(0, k - (size - 1) // 2):k + size // 2 + 1] = 0.75 / size
        names = [g.constant(a) for a in (weights, np.array([1.5] * 6, np.float32), np.float32(0.5))]
        g.add("LRN", size=size, alpha=0.75, beta=0.5, bias=1.5)
        g.end(f"lrn_{size}", like=[
            helper.make_node("Mul", ["x", "x"], ["squares"]), helper.make_node("Conv", ["squares", *names[:2]], ["sums"]),
            helper.make_node("Pow", ["sums", names[2]], ["powers"]), helper.make_node("Div", ["x", "powers"], ["v1"])])
    g = Graph()
    g.add("Conv", None, numbers(5, 2, 2, 2))
    x = g.last
    g.add("Mul", x, x)
    g.add("Reshape", None, g.whole(1, 1, 5, 5, -1))
    g.add("Pad", None, g.whole(0, 0, 2, 0, 0, 0, 0, 1, 0, 0))
    g.add("AveragePool", kernel_shape=[4, 1, 1], strides=[1, 1, 1])
    g.add("Squeeze", None, g.whole(1))
    g.add("Mul", None, np.float32(0.8))
    g.add("Add", None, np.float32(2))
    g.add("Pow", None, np.float32(0.7))
    g.add("Div", x, None)
    g.end("lrn_in_pieces")
    g = Graph()
    g.add("Abs")
    g.add("Add", None, np.float32(0.5))
    x = g.last
    for power in (3, 1.5, -0.5, 4, -2):
        g.add("Pow", x, np.float32(power))
        g.add("Add", None, x)
        g.add("Reciprocal")
        x = g.add("Div", numbers(2, 1, 1), None)
        x = g.add("Abs")
    g.end("powers_and_fractions")
    g = Graph()
    weights = g.constant(numbers(3, 60))
    g.add("ReduceL2", weights, g.whole(1), keepdims=1)
    g.add("Clip", None, np.float32(1e-12))
    norms = g.add("Expand", g.last, g.add("Shape", weights))
    unit = g.add("Div", weights, norms)
    flat = g.add("Flatten", "x")
    g.add("Gemm", flat, unit, transB=1)
    g.end("weights_of_length_1", ends=False)
    g = Graph()
    chosen = g.add("Where", g.constant(np.array([True, False])), g.whole(1), g.whole(5, 30))
    sizes = g.add("Mul", chosen, g.add("Tile", g.whole(1, 2), g.whole(1)))
    g.add("Reshape", "x", sizes)
    g.end("sizes_chosen")
    g = Graph()
    g.add("Flatten")
    small = g.constant(numbers(60, 3))
    g.add("MatMul", None, small)
    want = g.run(g.model())
    g.add("ArgMax", axis=1, keepdims=0)
    cases.append(("the_class_alone", g.model([helper.make_tensor_value_info(g.last, TensorProto.INT64, None)])
                  .SerializeToString(), want))


    g = Graph(ml=True)
    g.add("Flatten")
    g.add("MatMul", None, numbers(60, 3))
    g.add("Softmax", axis=1)
    want = g.run(g.model())
    g.add("ZipMap", domain="ai.onnx.ml", classlabels_strings=["boot", "coat", "bag"])
    cases.append(("names_of_classes", g.model().SerializeToString(), want))


def sizes_cases():
    """Pools with dilations, blocks of pixels, and Resize in its other ways."""
    for op in ("MaxPool", "AveragePool"):
        g = Graph()
        g.add(op, kernel_shape=[3, 2], dilations=[2, 3], pads=[1, 0, 1, 1])
        g.end("dilated_" + op)
    for name, op, keys in (("rows", "DepthToSpace", {"blocksize": 2}), ("columns", "DepthToSpace", {"blocksize": 2, "mode": "CRD"}),
                           ("back", "SpaceToDepth", {"blocksize": 2})):
        g = Graph((None, 4, 5, 3) if op[0] == "D" else (None, 15, 2, 2))
        g.add(op, **keys)
        g.end("blocks_" + name)
    ways = {"asymmetric": {"mode": "linear", "coordinate_transformation_mode": "asymmetric"}, "centres": {"mode": "linear"},
            "nearest": {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}, "nearest_centre": {"nearest_mode": "round_prefer_ceil"}}
    for name, keys in ways.items():
        g = Graph()
        g.add("Resize", None, "", np.array([1, 1, 1.45, 0.7], np.float32), **keys)
        g.end("resize_by_" + name)
        g = Graph()
        g.add("Resize", None, "", "", g.whole(5, 7), axes=[2, 3], **keys)
        g.end("resize_of_axes_" + name)


def refused_parts():
    def one(op, *inputs, **keys):
        g = Graph()
        g.add(op, *inputs, **keys)
        return g
    refuse("takes values in an order that is not known", one("Gather", None, np.array([0, 1, 3], np.int64), axis=2))
    refuse("takes nothing", one("Slice", None, np.array([3], np.int64), np.array([2], np.int64), np.array([2], np.int64)))
    refuse("repeats an axis 65 times", one("Tile", None, np.array([1, 1, 65, 1], np.int64)))
    refuse("by a power of 0.3 is not known", one("Pow", None, np.float32(0.3)))
    refuse("its inputs do not fit", one("Split", None, np.array([9], np.int64), axis=1))
    refuse("other than by the root of squares", one("LpNormalization", axis=1, p=1))
    refuse("of a window of 0 channels", one("LRN", size=0))
    refuse("mode cubic with half_pixel is not known", one("Resize", None, "", np.array([1, 1, 2, 2], np.float32), mode="cubic"))
    refuse("of other axes than those of an image", one("Resize", None, "", np.array([1, 2, 2, 2], np.float32)))
    refuse("blocks of 0 pixels", one("DepthToSpace", blocksize=0))
    refuse("keep the aspect ratio", one("Resize", None, "", "", np.array([5, 9], np.int64), axes=[2, 3], keep_aspect_ratio_policy="not_larger"))


def batch_cases():
    """What leaves each image to itself, however the batch's axis lies."""
    g = Graph()
    g.add("Slice", None, g.whole(0, 1), g.whole(2**31 - 1, 4), g.whole(0, 2))
    g.end("batch_sliced_whole")
    g = Graph((3, 2, 6, 5))
    g.add("Slice", None, g.whole(0, 1), g.whole(3, 2), g.whole(0, 1))
    g.add("Squeeze")
    g.add("Softmax", axis=1)
    g.end("batch_squeezed")
    g = Graph()
    g.add("Flatten")
    g.add("Transpose", perm=[1, 0])
    g.add("MatMul", numbers(7, 60) / 8, None)
    g.add("ReduceMean", None, g.whole(0), keepdims=1)
    g.add("Sub", "v3", None)
    g.add("Transpose", perm=[1, 0])
    g.end("batch_as_columns")
    g = Graph()
    g.add("Transpose", perm=[2, 1, 0, 3])
    g.add("ReduceMax", None, g.whole(0), keepdims=0)
    g.add("Transpose", perm=[1, 0, 2])
    g.end("batch_among_axes")
    g = Graph()
    g.add("Unsqueeze", None, g.whole(0))
    g.add("ReduceSum", None, g.whole(3), keepdims=0)
    g.add("Squeeze", None, g.whole(0))
    g.end("batch_behind_an_axis")
    g = Graph((1, 2, 6, 5))
    g.add("ReduceMean", None, g.whole(0, 2), keepdims=1)
    g.add("Sub", "x", None)
    g.end("batch_of_one_reduced")
    g = Graph()
    mean = g.add("ReduceMean", "x", g.whole(1), keepdims=1)  # a constant of more channels than the values
    g.add("Sub", "x", g.add("Add", g.add("Mul", mean, numbers(1, 2, 1, 1)), numbers(2, 1, 1)))
    g.end("constant_wider_than_the_values")
    bias = numbers(2)
    g = Graph(opset=7)
    g.add("Add", None, bias.reshape(2, 1, 1))
    g.end("old_axis_of_a_bias")
    name, model, want = cases.pop()
    cases.append((name, as_opset_6(onnx.load_from_string(model), bias), want))


def as_opset_6(model, bias):
    """The same with the attributes by which arithmetic was broadcast before opset 7."""
    model.opset_import[0].version = 6
    tensors = model.graph.initializer
    tensors[0].CopyFrom(numpy_helper.from_array(bias, tensors[0].name))
    tensors.append(numpy_helper.from_array(np.zeros(3, np.float32), "none"))
    for node in model.graph.node:
        if node.op_type == "Gemm":
            node.input.append("none")
        if node.op_type in ("Add", "Gemm"):
            node.attribute.append(helper.make_attribute("broadcast", 1))
        if node.op_type == "Add":
            node.attribute.append(helper.make_attribute("axis", 1))
    return model.SerializeToString()


def refused_batches():
    def one(op, *inputs, dims=(None, 2, 6, 5), then=(), **keys):
        g = Graph(dims)
        g.add(op, *inputs, **keys)
        for name, more in then:
            g.add(name, **more)
        return g
    along, zero = "works along the batch", np.array([0], np.int64)
    for dims in ((None, 2, 6, 5), (3, 2, 6, 5)):
        refuse(along, one("ReduceMean", None, zero, dims=dims))
        refuse(along, one("ReduceMax", dims=dims))
        refuse(along, one("Slice", None, zero, np.array([1], np.int64), dims=dims))
        refuse(along, one("Slice", None, zero - 1, zero - 2**31, zero, zero - 1, dims=dims))
        refuse(along, one("Gather", None, np.array(0, np.int64), dims=dims))
        refuse(along, one("Tile", None, np.array([2, 1, 1, 1], np.int64), dims=dims))
        refuse(along, one("Concat", None, None, axis=0, dims=dims))
    refuse(along, one("Softmax", axis=0))
    refuse(along, one("LpNormalization", axis=0))
    refuse(along, one("LayerNormalization", None, numbers(1, 2, 6, 5), axis=0))
    refuse(along, one("Split", None, np.array([1, 2], np.int64), axis=0, outputs=2, dims=(3, 2, 6, 5)))
    refuse(along, one("Transpose", perm=[1, 2, 3, 0], then=[("Softmax", {"axis": -1})]))
    refuse(along, one("Flatten", axis=0, then=[("Softmax", {"axis": 1})]))
    refuse("takes axis 1 for the batch", one("Transpose", perm=[1, 0, 2, 3], dims=(None, 1, 10, 6), then=[("GlobalAveragePool", {})]))
    refuse("lays the images of a batch among one another", mixed())
    g = one("Transpose", perm=[1, 0, 2, 3], dims=(None, 3, 6, 5))
    g.add("Sub", "x", None)
    refuse("joins the images of a batch with one another", g)
    refuse("its attribute size_of_it is not known", one("Relu", size_of_it=3))
    refuse("to whole numbers is not known", one("Cast", to=TensorProto.INT32))


def mixed():
    """[2, batch, 6, 5] as [3, ...]: no axis begins behind two values."""
    g = Graph()
    g.add("Transpose", perm=[1, 0, 2, 3])
    g.add("Reshape", None, g.whole(3, -1))
    return g


def edge_cases():
    """Arguments at the edge of what the specification says, and constants of whole numbers."""
    g = Graph()
    g.add("Clip", None, np.float32(0.5), np.float32(-0.3))
    g.end("clip_below_its_minimum")
    g = Graph(opset=18)
    g.add("ReduceMax", None, noop_with_empty_axes=1)
    g.end("reduce_over_no_axis")
    for name, op, values, keys in (("mod_as_fmod", "Mod", (numbers(2, 1, 1) - 3, numbers(2, 1, 1) / 2 + 1), {"fmod": 1}),
                                   ("mean_of_whole_numbers", "ReduceMean", (np.array([[7, 4], [2, 2]], np.int32).reshape(2, 2, 1), np.array([1], np.int64)), {}),
                                   ("cast_to_truth", "Cast", (np.array([-3, 0], np.int32).reshape(2, 1, 1),), {"to": TensorProto.BOOL})):
        g = Graph()
        g.add(op, *values, **keys)
        factor = g.add("Cast", to=TensorProto.FLOAT)
        g.add("Mul", "x", factor)
        g.end(name)


def refused_edges():
    def one(op, *inputs, opset=20, dims=(None, 2, 6, 5), then=(), **keys):
        g = Graph(dims, opset=opset)
        g.add(op, *inputs, **keys)
        for name, more in then:
            g.add(name, None, **more)
        return g

    def times(op, *values, **keys):
        g = one(op, *values, **keys)
        g.add("Cast", to=TensorProto.FLOAT)
        g.add("Mul", "x", None)
        return g

    def append(*nodes):
        return lambda m: m.graph.node.extend([helper.make_node(op, inputs, outputs) for op, inputs, outputs in nodes])
    norm = [numbers(2), numbers(2), numbers(2)]
    refuse("over no axis (noop_with_empty_axes)", one("ReduceL2", noop_with_empty_axes=1))
    refuse("wraps around what it also cuts off", one("Pad", None, np.array([0, 0, 2, 0, 0, 0, -1, 0], np.int64), mode="wrap"))
    refuse("names an axis twice", one("Pad", None, np.array([1, 2, 0, 0], np.int64), "", np.array([2, -2], np.int64)))
    refuse("names an axis twice", one("Slice", None, np.array([1, 0], np.int64), np.array([3, 5], np.int64), np.array([2, 2], np.int64)))
    refuse("its output_shape are not 2", one("ConvTranspose", None, numbers(2, 3, 2, 2), strides=[2, 2], output_shape=[1, 3, 12, 10]))
    refuse("its pads are not 4", one("MaxPool", kernel_shape=[2, 2], pads=[1, 1]))
    refuse("mode nearest with tf_crop_and_resize", one("Resize", None, "", np.array([1, 1, 2, 2], np.float32), coordinate_transformation_mode="tf_crop_and_resize"))
    refuse("its parameters differ along axes that it is not over", one("LayerNormalization", None, numbers(5, 1), axis=-1, dims=(None, 6, 5, 2)))
    refuse("variance 1 is -0.5, of which with epsilon 0.001", one("BatchNormalization", None, *norm, np.array([1, -0.5], np.float32), epsilon=1e-3))
    refuse("to numbers that do not hold 300", times("Cast", np.array([1, 300], np.int32).reshape(2, 1, 1), to=TensorProto.UINT8))
    refuse("which whole numbers may not hold", times("Mul", np.array([70000, 2], np.int32).reshape(2, 1, 1), np.array(70000, np.int32)))
    refuse("gives -1, which whole numbers may not hold", times("Sub", np.array([1, 2], np.uint32).reshape(2, 1, 1), np.array(2, np.uint32)))
    refuse("its attribute size_of_it is not known", times("Neg", numbers(2, 1, 1), size_of_it=3))
    g = Graph()
    wide = g.add("Mul", "x", g.constant(np.float32(1)))
    soft = g.add("Div", g.add("Softplus", wide), "t0")
    g.add("Where", g.add("Greater", wide, np.float32(0.1)), "x", soft)
    refuse("(Greater): this operator is not known", g)
    g = one("Conv", None, numbers(2, 2, 2, 2))
    g.add("Sub", "x", None)
    refuse("which differ", g)
    refuse("two tensors are named 't0'", one("Add", None, numbers(2, 1, 1)), change=lambda m: m.graph.initializer.append(m.graph.initializer[0]))
    refuse("makes 't0', which is a constant of the file", one("Add", None, numbers(2, 1, 1)), change=append(("Neg", ["t0"], ["t0"])))
    refuse("makes 'x', which is the graph's input", one("Relu"), change=append(("Relu", ["v1"], ["x"])))
    refuse("makes 'v1', which another node makes too", one("Relu"), change=append(("Neg", ["x"], ["v1"])))
    refuse("node 'b' (Relu): takes what comes of itself", one("Relu"), change=append(("Relu", ["b"], ["a"]), ("Relu", ["a"], ["b"])))
    work = "its constants and shared parameters take more work and memory"
    refuse(work, one("ConstantOfShape", np.array([60, 600000], np.int64)))
    refuse("node 'v1' (ConstantOfShape): a constant of more than", one("ConstantOfShape", np.array([60, 1 << 33], np.int64)))


def write(name, records):
    with open(name, "wb") as file:
        for words, model, want in records:
            for part in (words.encode(), model):
                file.write(struct.pack("<I", len(part)) + part)
            if want is not None:
                file.write(want.astype("<f4").tobytes())


image_cases()
axes_cases()
value_cases()
dense_cases()
classifier_cases()
default_cases()
refused_cases()
many_axes_cases()
sizes_cases()
part_cases()
refused_parts()
batch_cases()
refused_batches()
edge_cases()
refused_edges()
np.save("onnx-images.npy", images)
write("onnx-cases.bin", cases)
write("onnx-refused.bin", refused)
print(len(cases), "cases,", len(refused), "refused")
