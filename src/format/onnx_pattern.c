/* ONNX: what exporters write in several nodes as one (onnx_import.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/onnx_import.h"

#include <stdlib.h>
#include <string.h>

/* ---- what exporters write in several nodes ---- */

static bool comes_from(const onnx_importing *im, const char *name, const char *op,
                       const json_t **node)
{
    *node = inv_onnx_maker(&im->graph, name);
    return *node && strcmp(inv_onnx_op(*node), op) == 0;
}

static void become(json_t *node, const char *op, const char *input)
{
    json_object_set_new(node, "op", json_string(op));
    json_object_set_new(node, "in", json_pack("[s]", input));
}

/* x sigmoid(x) */
static void find_swish(const onnx_importing *im, json_t *node)
{
    for (size_t i = 0; i < 2; i++) {
        const char *other = inv_onnx_input(node, !i);
        const json_t *sigmoid = NULL;
        if (comes_from(im, inv_onnx_input(node, i), "Sigmoid", &sigmoid) &&
            strcmp(inv_onnx_input(sigmoid, 0), other) == 0) {
            become(node, "Swish", other);
            return;
        }
    }
}

/* Where(Greater(b x, threshold), x, Softplus(b x) / b): PyTorch's Softplus, which leaves large values
 * as they are; so does the formula, to all digits of a float. */
static inv_status find_softplus(onnx_importing *im, json_t *node)
{
    const json_t *greater = NULL, *divide = NULL, *softplus = NULL, *times = NULL;
    const char *x = inv_onnx_input(node, 1);
    onnx_value beta;
    double *number = NULL;
    if (!comes_from(im, inv_onnx_input(node, 0), "Greater", &greater) ||
        !comes_from(im, inv_onnx_input(node, 2), "Div", &divide) ||
        !comes_from(im, inv_onnx_input(divide, 0), "Softplus", &softplus) ||
        !comes_from(im, inv_onnx_input(softplus, 0), "Mul", &times) ||
        strcmp(inv_onnx_input(greater, 0), inv_onnx_input(softplus, 0)) != 0 ||
        strcmp(inv_onnx_input(times, 0), x) != 0 ||
        strcmp(inv_onnx_input(times, 1), inv_onnx_input(divide, 1)) != 0)
        return INV_OK;
    inv_status status = onnx_constant_value(im, inv_onnx_input(times, 1), &beta);
    if (status != INV_OK || !beta.is_known || inv_onnx_count(&beta.known) != 1)
        return status;
    status = inv_onnx_values(&beta.known, &number);
    if (status == INV_OK) {
        json_object_set_new(node, "attributes", json_pack("{sf}", "beta", number[0]));
        become(node, "Softplus", x);
    }
    free(number);
    return status;
}

inv_status onnx_simplify(onnx_importing *im, json_t *node)
{
    if (strcmp(inv_onnx_op(node), "Mul") == 0)
        find_swish(im, node);
    return strcmp(inv_onnx_op(node), "Where") == 0 ? find_softplus(im, node) : INV_OK;
}
