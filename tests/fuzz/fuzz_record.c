/* Any bytes, as the stream that the process for strangers' files could send: its records alone,
 * without the HDF5 that a run is built with, so that there can be many.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "format/record.h"
#include "input.h"

/* As whoever builds a run takes what follows a record. */
static inv_status take_values(inv_source *from, const inv_record *r)
{
    inv_status status = INV_OK;
    if (r->kind != INV_RECORD_BLOCK && r->kind != INV_RECORD_ATTRIBUTE)
        return INV_OK;
    if (r->kind == INV_RECORD_ATTRIBUTE && r->head.kind == INV_VALUE_TEXTS) {
        for (uint64_t i = 0; status == INV_OK && i < inv_value_count(&r->head); i++) {
            char *text = NULL;
            status = inv_record_take_text(from, &text);
            free(text);
        }
        return status;
    }
    void *values = malloc(r->bytes ? (size_t)r->bytes : 1);
    if (!values)
        abort(); /* a size is checked against what is there before memory is taken */
    status = inv_record_take_bytes(from, values, (size_t)r->bytes);
    free(values);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input_rest in = {data, size};
    inv_source source = input_source(&in);
    inv_record record;
    inv_status status = INV_OK;
    while (status == INV_OK && !source.is_at_end) {
        status = inv_record_take(&source, &record);
        if (status == INV_OK)
            status = take_values(&source, &record);
    }
    return 0;
}
