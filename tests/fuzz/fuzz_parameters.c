/* A file of named parameters, as PyTorch, safetensors or NumPy write it: sent as a stream, taken into
 * a tree, and made a net by an architecture.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "input.h"

static const char arch[] = "input: 2x7x6\n"
                           "conv: Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 0), bias=False)\n"
                           "norm: BatchNorm2d(4, eps=0.001)\n"
                           "r1: ReLU()\n"
                           "same: Conv2d(4, 6, 3, padding=1, groups=2)\n"
                           "pool: MaxPool2d(2)\n"
                           "flat: Flatten()\n"
                           "fc1: Linear(24, 5)\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"safetensors", "torch", "torch-old", "npz"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        input_import(names[i], data, size, arch);
    return 0;
}
