#!/bin/sh
# keras.activations.sparsemax of Keras 3.15.1 is not sparsemax where more than one value is kept.
#
# By its definition (Martins and Astudillo 2016, algorithm 1) the threshold is (the sum of the k largest values - 1) / k.
# Keras takes the sum of the cumulative sums instead, (z1 + (z1 + z2) + ...), on the backends NumPy, PyTorch and TensorFlow:
# outputs no longer add up to 1, and small ones are 0. With one value kept both are the same.
# Seen: "sparsemax of 0.1 0.5 0.3 1.2 sums to 0.25". Fails once that changes.
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON3:-python3}" -m venv venv
venv/bin/pip install -q keras==3.15.1 numpy==2.4.6 scipy==1.16.3 jax==0.8.1
said=$(KERAS_BACKEND=numpy venv/bin/python - <<'END'
import keras, numpy as np
x = np.array([[0.1, 0.5, 0.3, 1.2]], dtype="float32")
y = keras.ops.convert_to_numpy(keras.activations.sparsemax(x))
print("sparsemax of 0.1 0.5 0.3 1.2 sums to", round(float(y.sum()), 4))
END
)
echo "keras 3.15.1: $said"
[ "$said" = 'sparsemax of 0.1 0.5 0.3 1.2 sums to 0.25' ]
