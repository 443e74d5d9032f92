/* A safetensors file: its header, and the parameters that it places, as the process for strangers' files
 * decodes them. What is made of them is fuzz_parameters.c's.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input_send("safetensors", data, size);
    return 0;
}
