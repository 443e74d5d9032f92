/* Which axis of a value of an ONNX graph the batch is (onnx_import.h): what follows it, and what is refused
 * because it takes the images of a batch together, as a mean over them.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/onnx_import.h"

#include <string.h>

inv_status onnx_check_axis(const onnx_importing *im, const json_t *node, const onnx_value *v,
                           size_t axis)
{
    return v->batch == ONNX_NO_BATCH || v->batch != axis
               ? INV_OK
               : WRONG("works along the batch, so that what comes out of an image depends on the "
                       "others; export the net with a batch of one image");
}

inv_status onnx_check_first(const onnx_importing *im, const json_t *node, const onnx_value *v)
{
    return v->batch == ONNX_NO_BATCH || v->batch == 0
               ? INV_OK
               : WRONG("takes axis 1 for the batch, which is axis %zu", v->batch + 1);
}

inv_status onnx_check_alike(const onnx_importing *im, const json_t *node, const onnx_value *v,
                            size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (v[i].batch != v[0].batch && v[i].batch != ONNX_NO_BATCH && v[0].batch != ONNX_NO_BATCH)
            return WRONG("joins the images of a batch with one another, which is not known");
    return INV_OK;
}

void onnx_add_axis(onnx_value *v)
{
    memmove(v->dims + 1, v->dims, v->rank * sizeof *v->dims);
    v->dims[0] = 1;
    v->rank++;
    v->batch += v->batch != ONNX_NO_BATCH;
}

/* The batch lies behind as many values as before, on the first axis that does: a Reshape of a batch whose
 * number the file leaves open has it first. */
inv_status onnx_follow_sizes(const onnx_importing *im, const json_t *node, const onnx_value *old,
                             onnx_value *v)
{
    size_t before = 1, now = 1;
    if (old->batch == ONNX_NO_BATCH)
        return INV_OK;
    for (size_t i = 0; i < old->batch; i++)
        before *= old->dims[i];
    for (v->batch = 0; v->batch < v->rank && now < before; v->batch++)
        now *= v->dims[v->batch];
    return now == before
               ? INV_OK
               : WRONG("lays the images of a batch among one another, which is not known");
}
