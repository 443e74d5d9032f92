/* A pickle: read, and looked through as far as it is a dictionary.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "format/pickle.h"
#include "input.h"

static const char *refuse_os(const char *global)
{
    return strncmp(global, "os ", 3) == 0 ? "no" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    inv_pickle *pickle = NULL;
    if (inv_pickle_read("fuzz", data, size, refuse_os, &pickle) == INV_OK) {
        const inv_pickle_value *root = inv_pickle_root(pickle), *key = NULL, *value = NULL;
        for (size_t i = 0; inv_pickle_item(root, i, &key, &value); i++) {
            (void)inv_pickle_argument(value, "collections OrderedDict", 0);
            (void)inv_pickle_is(key, INV_PICKLE_TEXT, "model");
        }
        (void)inv_pickle_get(root, "model");
    }
    inv_pickle_free(pickle);
    return 0;
}
