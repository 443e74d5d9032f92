#!/bin/sh
# onnx.reference of onnx 1.23.2 normalises in LRN only as many channels as there are images.
#
# By the operator's definition each channel is divided by a power of the squares of the channels around it. The loop
# over channels of op_lrn.py goes to x.shape[0], which is the number of images; the channels behind are divided by
# bias^beta alone. onnxruntime does them all.
# Seen: "LRN of 1 2 3 4 gives 0.603 1.633 2.4495 3.266", where 0.603 0.8944 1.0142 1.4368 are right. Fails once that changes.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON3:-python3}" -m venv venv
venv/bin/pip install -q onnx==1.23.2 numpy==2.4.6
said=$(venv/bin/python - <<'END'
import numpy as np
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4, 1, 1]) for name in "xy"]
node = helper.make_node("LRN", ["x"], ["y"], size=3, alpha=0.75, beta=0.5, bias=1.5)
model = helper.make_model(helper.make_graph([node], "g", values[:1], values[1:]))
x = np.arange(1, 5, dtype=np.float32).reshape(1, 4, 1, 1)
y = ReferenceEvaluator(model).run(None, {"x": x})[0]
print("LRN of 1 2 3 4 gives", *[round(float(v), 4) for v in y.reshape(-1)])
END
)
echo "onnx 1.23.2: $said"
[ "$said" = 'LRN of 1 2 3 4 gives 0.603 1.633 2.4495 3.266' ]
