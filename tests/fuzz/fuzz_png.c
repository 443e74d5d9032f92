/* A PNG file.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "input.h"
#include "invproj/fit.h"
#include "invproj/png.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    inv_shape shape = {0};
    float *values = NULL, fitted[9 * 7 * 3];
    if (inv_png_read(input_file(data, size), 0.5f, &shape, &values) == INV_OK)
        (void)inv_fit_image(shape, values, (inv_shape){9, 7, shape.channels}, 0.5f, fitted);
    free(values);
    return 0;
}
