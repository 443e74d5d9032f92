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

/* The only number of a value, where that is known before any node is looked at. */
static inv_status known_number(onnx_importing *im, const char *name, bool *found, double *out)
{
    double *numbers = NULL;
    onnx_value constant;
    inv_status status = onnx_constant_value(im, name, &constant);
    *found = status == INV_OK && constant.is_known && inv_onnx_count(&constant.known) == 1;
    if (!*found)
        return status;
    status = inv_onnx_values(&constant.known, &numbers);
    *found = status == INV_OK && numbers;
    if (*found)
        *out = numbers[0];
    free(numbers);
    return status;
}

#define SOFTPLUS_IS_X 17.0 /* from where on log(1 + exp(x)) is x in float */

/* Where(Greater(b x, threshold), x, Softplus(b x) / b): PyTorch's Softplus, which leaves large values
 * as they are; so does the formula, to all digits of a float. */
static inv_status find_softplus(onnx_importing *im, json_t *node)
{
    const json_t *greater = NULL, *divide = NULL, *softplus = NULL, *times = NULL;
    const char *x = inv_onnx_input(node, 1);
    double beta = 0.0, threshold = 0.0;
    bool found = false, is_far = false;
    if (!comes_from(im, inv_onnx_input(node, 0), "Greater", &greater) ||
        !comes_from(im, inv_onnx_input(node, 2), "Div", &divide) ||
        !comes_from(im, inv_onnx_input(divide, 0), "Softplus", &softplus) ||
        !comes_from(im, inv_onnx_input(softplus, 0), "Mul", &times) ||
        strcmp(inv_onnx_input(greater, 0), inv_onnx_input(softplus, 0)) != 0 ||
        strcmp(inv_onnx_input(times, 0), x) != 0 ||
        strcmp(inv_onnx_input(times, 1), inv_onnx_input(divide, 1)) != 0)
        return INV_OK;
    inv_status status = known_number(im, inv_onnx_input(times, 1), &found, &beta);
    if (found)
        status = known_number(im, inv_onnx_input(greater, 1), &is_far, &threshold);
    if (found && is_far && threshold >= SOFTPLUS_IS_X) {
        json_object_set_new(node, "attributes", json_pack("{sf}", "beta", beta));
        become(node, "Softplus", x);
    }
    return status;
}

/* The node of that operator that a value comes from, but for other sizes that it was given; or NULL.
 * PyTorch's squeeze is an If of whether the axis is of size 1, which leads to the value too. */
static const json_t *before_shapes(const onnx_importing *im, const char *name, const char *op)
{
    static const char *const shapes[] = {"Reshape", "Squeeze", "Unsqueeze", "If",
                                         "Equal",   "Gather",  "Shape"};
    const json_t *node = inv_onnx_maker(&im->graph, name);
    for (size_t i = 0; node && i < 8 && strcmp(inv_onnx_op(node), op) != 0; i++) {
        bool is_shape = false;
        for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++)
            is_shape = is_shape || strcmp(inv_onnx_op(node), shapes[k]) == 0;
        node = is_shape ? inv_onnx_maker(&im->graph, inv_onnx_input(node, 0)) : NULL;
    }
    return node && strcmp(inv_onnx_op(node), op) == 0 ? node : NULL;
}

/* x / (k + alpha mean)^beta, the mean that of x x over an axis of a pool that channels are: PyTorch's
 * LocalResponseNorm. */
static inv_status find_lrn(onnx_importing *im, json_t *node)
{
    static const struct {
        const char *op, *key; /* the key that its second input gives */
    } chain[] = {{"Pow", "beta"},       {"Add", "bias"}, {"Mul", "alpha"},
                 {"AveragePool", NULL}, {"Pad", NULL},   {"Mul", NULL}};
    const char *x = inv_onnx_input(node, 0), *name = inv_onnx_input(node, 1);
    const json_t *at = NULL, *pool = NULL;
    json_t *attributes = json_object();
    double number = 0.0;
    bool found = attributes;
    inv_status status = INV_OK;
    for (size_t i = 0; found && i < sizeof chain / sizeof *chain; i++) {
        at = before_shapes(im, name, chain[i].op);
        found = at;
        if (found && chain[i].key) {
            INV_TRY(known_number(im, inv_onnx_input(at, 1), &found, &number));
            json_object_set_new(attributes, chain[i].key, json_real(number));
        }
        pool = i == 3 ? at : pool;
        name = found ? inv_onnx_input(at, 0) : "";
    }
    const int64_t size = found ? inv_onnx_whole_at(pool, "kernel_shape", 0, 0) : 0;
    if (size < 1 || inv_onnx_whole_at(pool, "kernel_shape", 1, 1) != 1 ||
        inv_onnx_whole_at(pool, "kernel_shape", 2, 1) != 1 || strcmp(name, x) != 0 ||
        strcmp(inv_onnx_input(at, 1), x) != 0)
        goto done;
    json_object_set_new(attributes, "size", json_integer(size));
    json_object_set_new(attributes, "before", json_integer(size / 2));
    json_object_set(node, "attributes", attributes);
    become(node, "LRN", x);
done:
    json_decref(attributes);
    return status;
}

inv_status onnx_simplify(onnx_importing *im, json_t *node)
{
    if (strcmp(inv_onnx_op(node), "Mul") == 0)
        find_swish(im, node);
    if (strcmp(inv_onnx_op(node), "Div") == 0)
        return find_lrn(im, node);
    return strcmp(inv_onnx_op(node), "Where") == 0 ? find_softplus(im, node) : INV_OK;
}
