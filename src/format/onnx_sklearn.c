/* ONNX: what scikit-learn's classifiers are written as, in the domain ai.onnx.ml (onnx_import.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/onnx_import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "invproj/dataset.h"

/* ---- scikit-learn's ---- */

/* A list of numbers in an attribute as a constant. */
static inv_status listed(onnx_importing *im, const json_t *node, const char *name, size_t rows,
                         inv_onnx_tensor *out)
{
    const json_t *list = inv_onnx_attribute(node, name);
    const size_t count = json_array_size(list);
    double *numbers = NULL;
    if (count == 0 || rows == 0 || count % rows)
        return WRONG("its %s do not fit", name);
    const size_t dims[2] = {rows, count / rows};
    inv_status status = inv_onnx_make(im->sketch, dims, 2, false, &numbers, out);
    for (size_t i = 0; status == INV_OK && i < count; i++)
        numbers[i] = json_number_value(json_array_get(list, i));
    return status;
}

/* (x - offset) scale */
static inv_status add_scaler(onnx_importing *im, const json_t *node, const onnx_value *in,
                             size_t count, onnx_value *out)
{
    inv_onnx_tensor tensor = {0};
    double *scale = NULL, *offset = NULL;
    size_t scales = 0, offsets = 0;
    inv_status status = INV_OK;
    (void)count;
    INV_TRY(listed(im, node, "scale", 1, &tensor));
    INV_TRY(onnx_spread(im, node, &tensor, &in[0], &scale, &scales));
    INV_TRY(listed(im, node, "offset", 1, &tensor));
    INV_TRY(onnx_spread(im, node, &tensor, &in[0], &offset, &offsets));
    const size_t period = scales > offsets ? scales : offsets;
    INV_TRY(onnx_lengthen(im, &scale, scales, period));
    INV_TRY(onnx_lengthen(im, &offset, offsets, period));
    for (size_t i = 0; i < period; i++)
        offset[i] *= -scale[i];
    INV_TRY(onnx_add_affine(im, node, scale, offset, period, &in[0], out));
done:
    free(scale);
    free(offset);
    return status;
}

/* The scores, its second output. */
static inv_status add_linear_classifier(onnx_importing *im, const json_t *node,
                                        const onnx_value *in, size_t count, onnx_value *out)
{
    const char *behind = inv_onnx_text(node, "post_transform", "NONE");
    const size_t classes = json_array_size(inv_onnx_attribute(node, "intercepts"));
    inv_onnx_tensor weights = {0}, bias = {0};
    double *numbers = NULL;
    inv_status status = INV_OK;
    (void)count;
    if (classes < 2)
        return WRONG("of two classes with one score is not known");
    INV_TRY(listed(im, node, "coefficients", classes, &weights));
    INV_TRY(listed(im, node, "intercepts", 1, &bias));
    INV_TRY(inv_onnx_values(&bias, &numbers));
    INV_TRY(onnx_add_dense(im, node, &weights, true, 1.0, &in[0], out));
    for (size_t i = 0; i < classes; i++)
        out->bias[i] = (float)numbers[i];
    out->rank = 2;
    out->dims[0] = 1;
    out->dims[1] = classes;
    if (strcmp(behind, "SOFTMAX") == 0 || strcmp(behind, "LOGISTIC") == 0)
        INV_TRY(onnx_add_layer(im, node, ".act",
                               json_pack("{ss}", "type", behind[0] == 'S' ? "softmax" : "sigmoid"),
                               out, out));
    else if (strcmp(behind, "NONE") != 0)
        INV_RAISE(WRONG("post_transform %.40s is not known", behind));
done:
    free(numbers);
    return status;
}

/* Probabilities over their sum: of positive numbers, which these are. */
static inv_status add_normalizer(onnx_importing *im, const json_t *node, const onnx_value *in,
                                 size_t count, onnx_value *out)
{
    const json_t *maker = inv_onnx_maker(&im->graph, inv_onnx_input(node, 0));
    onnx_value both[2] = {in[0], {0}};
    inv_onnx_tensor ones = {0};
    double *numbers = NULL;
    const size_t dims[2] = {inv_shape_size(in[0].place.shape), 1};
    inv_status status = INV_OK;
    (void)count;
    const char *behind = maker ? inv_onnx_text(maker, "post_transform", "") : "";
    *out = in[0];
    if (strcmp(inv_onnx_text(node, "norm", "MAX"), "L1") != 0 ||
        (strcmp(behind, "SOFTMAX") != 0 && strcmp(behind, "LOGISTIC") != 0))
        return WRONG("other than of probabilities, by their sum, is not known");
    if (strcmp(behind, "SOFTMAX") == 0)
        return INV_OK;
    INV_TRY(inv_onnx_make(im->sketch, dims, 2, false, &numbers, &ones));
    for (size_t i = 0; i < dims[0]; i++)
        numbers[i] = 1.0;
    INV_TRY(onnx_add_dense(im, node, &ones, false, 1.0, &in[0], &both[1]));
    both[1].dims[both[1].rank - 1] = 1;
    INV_TRY(onnx_join_values(im, node, "divide", both, 2, out));
done:
    return status;
}

/* Probabilities by the names of their classes: the same numbers. */
static inv_status add_zip_map(onnx_importing *im, const json_t *node, const onnx_value *in,
                              size_t count, onnx_value *out)
{
    (void)im, (void)node, (void)count;
    *out = in[0];
    return INV_OK;
}

/* ---- names of classes ---- */

/* The labels of a node that has some; numbers from 0 on are no names. */
static const json_t *labels_of(const json_t *node)
{
    static const char *const keys[] = {"classlabels_strings", "classlabels_int64s",
                                       "classlabels_ints"};
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        const json_t *list = inv_onnx_attribute(node, keys[k]);
        bool are_names = false;
        for (size_t i = 0; i < json_array_size(list); i++) {
            const json_t *label = json_array_get(list, i);
            are_names =
                are_names || !json_is_integer(label) || json_integer_value(label) != (json_int_t)i;
        }
        if (are_names)
            return list;
    }
    return NULL;
}

/* As a text, which the caller frees; NULL: none that can be a name. */
static char *name_of_label(const json_t *label)
{
    char number[32];
    const char *text = json_string_value(label);
    snprintf(number, sizeof number, "%lld", (long long)json_integer_value(label));
    text = text ? text : number;
    return inv_class_name_good(text, strlen(text)) ? strdup(text) : NULL;
}

void onnx_find_class_names(onnx_importing *im, size_t outputs)
{
    const json_t *labels = NULL;
    json_t *node;
    size_t number = 0;
    json_array_foreach(im->graph.nodes, number, node)
    {
        const bool has_some = strcmp(inv_onnx_op(node), "ZipMap") == 0 ||
                              strcmp(inv_onnx_op(node), "LinearClassifier") == 0;
        labels = has_some && !labels ? labels_of(node) : labels;
    }
    if (!labels || json_array_size(labels) != outputs)
        return;
    im->model->class_names = calloc(outputs, sizeof *im->model->class_names);
    for (size_t i = 0; im->model->class_names && i < outputs; i++) {
        im->model->class_names[i] = name_of_label(json_array_get(labels, i));
        if (!im->model->class_names[i])
            break;
        im->model->class_count = i + 1;
    }
    if (!im->model->class_names || im->model->class_count == outputs)
        return;
    for (size_t i = 0; i < im->model->class_count; i++) /* one that is no name: none */
        free(im->model->class_names[i]);
    free(im->model->class_names);
    im->model->class_names = NULL;
    im->model->class_count = 0;
}

/* ---- the table ---- */

const onnx_operator onnx_sklearn_operators[] = {
    {"Scaler", add_scaler, false, "offset scale"},
    {"LinearClassifier", add_linear_classifier, false,
     "classlabels_ints classlabels_strings coefficients intercepts multi_class post_transform"},
    {"Normalizer", add_normalizer, false, "norm"},
    {"ZipMap", add_zip_map, false, "classlabels_int64s classlabels_strings"},
    {NULL, NULL, false, NULL},
};
