/* A ZIP archive in memory: its list, every member unpacked, and as the .npz that it may be.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "data/zip.h"
#include "input.h"

#define MEMBER_MAX ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    inv_zip *zip = NULL;
    if (inv_zip_open_bytes("fuzz", data, size, &zip) == INV_OK)
        for (size_t i = 0; i < inv_zip_count(zip); i++) {
            unsigned char *bytes = NULL;
            size_t unpacked = 0, member = 0;
            if (!inv_zip_find(zip, inv_zip_name(zip, i), &member) || member != i)
                abort(); /* a name stands for one member */
            if (inv_zip_read(zip, i, MEMBER_MAX, &bytes, &unpacked) == INV_OK)
                free(bytes);
        }
    inv_zip_close(zip);
    input_send("npz", data, size);
    return 0;
}
