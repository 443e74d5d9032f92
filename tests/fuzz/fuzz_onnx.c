/* An ONNX graph: decoded, sent as a stream, taken into a tree and made a net.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input_import("onnx", data, size, NULL);
    return 0;
}
