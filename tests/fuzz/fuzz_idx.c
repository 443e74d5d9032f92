/* An IDX file, gzipped or not.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "input.h"
#include "invproj/idx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    inv_idx *idx = NULL;
    if (inv_idx_read(input_file(data, size), &idx) == INV_OK) {
        float first = 0.0f;
        double low = 0.0, high = 0.0;
        inv_idx_floats(idx->type, idx->data, idx->size - 1, 1, 255.0, &first);
        (void)inv_idx_range(idx->type, idx->data, idx->size, &low, &high);
    }
    inv_idx_free(idx);
    return 0;
}
