/* A Keras architecture, and behind its NUL any bytes as the stream of its weights that the process for
 * strangers' files could send: refused, or a model whose net can be run.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *arch = input_text(data, size);
    const size_t length = strlen(arch) + 1, rest = size > length ? size - length : 0;
    input_model(data + size - rest, rest, arch);
    free(arch);
    return 0;
}
