/* A .npy file, or a .npz archive of them.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "input.h"
#include "invproj/npy.h"

static void read_all(const char *path)
{
    inv_npz *npz = NULL;
    if (inv_npz_open(path, &npz) == INV_OK)
        for (size_t i = 0; i < inv_npz_count(npz); i++) {
            inv_idx *array = NULL;
            (void)inv_npz_read(npz, inv_npz_name(npz, i), &array);
            inv_idx_free(array);
        }
    inv_npz_close(npz);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = input_file(data, size);
    inv_idx *array = NULL;
    if (size > 1 && memcmp(data, "PK", 2) == 0) {
        read_all(path);
    } else {
        (void)inv_npy_read(path, &array);
        inv_idx_free(array);
    }
    return 0;
}
