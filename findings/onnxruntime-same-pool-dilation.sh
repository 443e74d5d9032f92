#!/bin/sh
# onnxruntime 1.32.0 leaves out the dilation when it pads a pool by auto_pad.
#
# By the operators' definition SAME_UPPER pads MaxPool and AveragePool so that ceil(n / stride) windows fit, a window being
# (size - 1) dilation + 1 long. It pads as if the dilation were 1, so fewer come out than onnx's shape inference and reference
# say: of 9 x 8 pixels by windows of 3 with dilation 2 there come 7 x 6, not 9 x 8.
# Seen: "MaxPool 7 x 6, AveragePool 7 x 6; inferred 9 x 8". Fails once that changes.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON3:-python3}" -m venv venv
venv/bin/pip install -q onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
said=$(venv/bin/python - <<'END'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper, shape_inference
x = np.zeros((1, 1, 9, 8), np.float32)
seen = []
for op in ("MaxPool", "AveragePool"):
    node = helper.make_node(op, ["x"], ["y"], kernel_shape=[3, 3], dilations=[2, 2], auto_pad="SAME_UPPER")
    values = [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape), helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, "h", "w"])]
    model = helper.make_model(helper.make_graph([node], "g", values[:1], values[1:]), opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    inferred = shape_inference.infer_shapes(model, strict_mode=True).graph.output[0].type.tensor_type.shape.dim
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    seen.append("%s %d x %d" % ((op,) + session.run(None, {"x": x})[0].shape[2:]))
print("%s; inferred %d x %d" % (", ".join(seen), inferred[2].dim_value, inferred[3].dim_value))
END
)
echo "onnxruntime 1.32.0: $said"
[ "$said" = 'MaxPool 7 x 6, AveragePool 7 x 6; inferred 9 x 8' ]
