/* Models, and the table of their formats.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/model.h"

#include <fnmatch.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sniff.h"
#include "data/zip.h"
#include "format/arch.h"
#include "format/format.h"
#include "format/hdf5.h"
#include "format/named.h"
#include "format/onnx.h"
#include "format/own.h"
#include "format/torch.h"

/* ---- the table ---- */

#define POINTER_TO(name) &inv_format_##name,
static const inv_format *const formats[] = {INV_FORMATS(POINTER_TO)};
enum { FORMATS = sizeof formats / sizeof *formats };

const inv_format *inv_format_find(const char *name)
{
    for (size_t i = 0; i < FORMATS; i++)
        if (strcmp(formats[i]->name, name) == 0)
            return formats[i];
    return NULL;
}

bool inv_zip_is(const unsigned char *first, size_t size)
{
    return size >= 4 && memcmp(first, "PK\3\4", 4) == 0;
}

bool inv_model_probe(const unsigned char *first, size_t size)
{
    for (size_t i = 0; i < FORMATS; i++)
        if (formats[i]->probe(first, size))
            return true;
    return false;
}

/* ---- sending ---- */

static bool has_member(const inv_zip *zip, const char *pattern)
{
    for (size_t i = 0; i < inv_zip_count(zip); i++)
        if (fnmatch(pattern, inv_zip_name(zip, i), 0) == 0)
            return true;
    return false;
}

/* The row of the archive, by its members' names. */
static inv_status find_zip(const char *name, unsigned char *bytes, size_t size,
                           const inv_format **out)
{
    inv_zip *zip = NULL;
    inv_status status = inv_zip_open_bytes(name, bytes, size, &zip);
    *out = NULL;
    for (size_t i = 0; status == INV_OK && !*out && i < FORMATS; i++)
        if (formats[i]->member && formats[i]->probe(bytes, size) &&
            has_member(zip, formats[i]->member))
            *out = formats[i];
    inv_zip_close(zip);
    return status;
}

static inv_status find_format(const char *name, unsigned char *bytes, size_t size,
                              const inv_format **out)
{
    *out = NULL;
    if (inv_zip_is(bytes, size))
        return find_zip(name, bytes, size, out);
    for (size_t i = 0; !*out && i < FORMATS; i++)
        if (!formats[i]->member && formats[i]->probe(bytes, size))
            *out = formats[i];
    return INV_OK;
}

static inv_status unknown(const char *name, const unsigned char *bytes, size_t size)
{
    const inv_kind *kind = inv_sniff(bytes, size < INV_SNIFF_BYTES ? size : INV_SNIFF_BYTES);
    const char *what = size == 0 ? "an empty file" : kind ? kind->what : "";
    return INV_ERROR(INV_EFORMAT, "%s: neither a run file nor a model of a known format%s%s", name,
                     *what ? " but " : "", what);
}

inv_status inv_model_send(const char *name, unsigned char *bytes, size_t size, uint64_t array_max,
                          const inv_sink *to)
{
    const inv_format *format = NULL;
    inv_status status = INV_OK;
    INV_TRY(find_format(name, bytes, size, &format));
    if (!format)
        INV_RAISE(unknown(name, bytes, size));
    INV_TRY(inv_stream_start(to, false, format->name));
    INV_TRY(format->send(name, bytes, size, array_max, to));
    if (format->export)
        INV_TRY(inv_own_send_sum(to, bytes, size));
    INV_TRY(inv_stream_end(to));
done:
    return status;
}

inv_status inv_model_send_bytes(const char *name, const unsigned char *bytes, size_t size,
                                const inv_sink *to)
{
    const inv_value_head head = {
        .kind = INV_VALUE_UNSIGNED, .size = 1, .rank = 1, .dims = {(uint64_t)size}};
    inv_status status = INV_OK;
    (void)name;
    INV_TRY(inv_stream_start(to, false, NULL));
    INV_TRY(inv_named_group(to, "/", NULL, 0));
    INV_TRY(inv_named_array(to, "/bytes", &head, bytes));
    INV_TRY(inv_stream_end(to));
done:
    return status;
}

/* ---- importing ---- */

static inv_status format_of(const inv_tree *tree, const inv_format **out)
{
    *out = inv_format_find(inv_tree_format(tree));
    if (*out)
        return INV_OK;
    return INV_ERROR(INV_EFORMAT, "%s: a model of no known format", inv_tree_name(tree));
}

inv_status inv_model_beside(const inv_tree *tree, size_t i, char name[INV_TEXT_MAX], bool *found,
                            bool *is_bytes)
{
    const inv_format *format = NULL;
    inv_status status = format_of(tree, &format);
    *found = *is_bytes = false;
    if (status != INV_OK || !format->beside)
        return status;
    *is_bytes = format->beside_is_bytes;
    status = format->beside(tree, i, name, found);
    if (status == INV_OK && *found &&
        (strchr(name, '/') || strcmp(name, "..") == 0 || strcmp(name, ".") == 0 || !*name))
        return INV_ERROR(INV_EFORMAT, "%s: names '%s', which is no file beside it",
                         inv_tree_name(tree), name);
    return status;
}

static inv_status keep_beside(const inv_tree *tree, inv_model *model)
{
    char name[INV_TEXT_MAX];
    bool found = true, is_bytes = false;
    void *list = NULL;
    size_t count = 0;
    inv_status status = INV_OK;
    for (;; count++) {
        INV_TRY(inv_model_beside(tree, count, name, &found, &is_bytes));
        if (!found)
            break;
    }
    if (count == 0)
        return INV_OK;
    INV_TRY(inv_calloc(count, sizeof *model->beside, inv_tree_name(tree), &list));
    model->beside = list;
    for (size_t i = 0; i < count; i++) {
        INV_TRY(inv_model_beside(tree, i, name, &found, &is_bytes));
        model->beside[i] = strdup(name);
        if (!model->beside[i])
            INV_FAIL(INV_ENOMEM, "%s: no memory", inv_tree_name(tree));
        model->beside_count++;
    }
done:
    return status;
}

/* A number of the list, which has one for all channels or one for each. */
static double number_of(const inv_reals *list, size_t channel, double otherwise)
{
    return list->count == 0 ? otherwise : list->values[list->count == 1 ? 0 : channel];
}

static inv_status fill_numbers(const void *context, const inv_tree_array *array, float *out,
                               size_t count)
{
    (void)array;
    memcpy(out, context, count * sizeof *out);
    return INV_OK;
}

static inv_status check_numbers(const inv_reals *list, size_t channels, const char *option)
{
    if (list->count > 1 && list->count != channels)
        return INV_ERROR(INV_EINVAL, "--%s: %zu numbers for %zu channels", option, list->count,
                         channels);
    return INV_OK;
}

inv_status inv_model_input(const inv_import *how, inv_model *model, inv_sketch *sketch,
                           inv_shape shape, inv_place *out)
{
    static const char *const blocks[] = {"scale", "offset"};
    const size_t n = shape.channels;
    const double white = 255.0 / (how->scale > 0.0 ? how->scale : 255.0);
    void *numbers[2] = {NULL};
    inv_status status = INV_OK;
    *out = inv_sketch_input(sketch, shape);
    if (how->mean.count == 0 && how->std.count == 0 && !how->invert)
        return INV_OK;
    model->is_prepared = true;
    INV_TRY(check_numbers(&how->mean, n, "mean"));
    INV_TRY(check_numbers(&how->std, n, "std"));
    for (int b = 0; b < 2; b++)
        INV_TRY(inv_sketch_keep(sketch, n, sizeof(float), &numbers[b]));
    for (size_t c = 0; c < n; c++) { /* (x - mean) / std, or (white - x - mean) / std */
        const double mean = number_of(&how->mean, c, 0.0), std = number_of(&how->std, c, 1.0);
        if (!(std > 0.0))
            INV_FAIL(INV_EINVAL, "--std: %g is no positive number", std);
        ((float *)numbers[0])[c] = (float)((how->invert ? -1.0 : 1.0) / std);
        ((float *)numbers[1])[c] = (float)(((how->invert ? white : 0.0) - mean) / std);
    }
    INV_TRY(inv_sketch_add(sketch, "prepared", "",
                           json_pack("{ss ss}", "type", "rescale", "per", "channel"), out, 1, out));
    for (int b = 0; b < 2; b++)
        INV_TRY(inv_sketch_block(sketch, out, blocks[b], NULL, fill_numbers, numbers[b]));
done:
    return status;
}

/* Pixels of 0 to 255 as the user says they are prepared; else as the importer found. */
static inv_status prepare(const inv_tree *tree, const inv_import *how, inv_model *model)
{
    if (how->scale < 0.0)
        return INV_ERROR(INV_EINVAL, "%s: pixels cannot be divided by %g", inv_tree_name(tree),
                         how->scale);
    if (how->scale > 0.0) {
        model->scale = how->scale;
        model->is_prepared = true;
    }
    if (how->scale > 0.0 || !(fabs(model->white - model->black) > 0.0)) {
        model->black = 0.0;
        model->white = 255.0 / model->scale;
    }
    if (!model->is_prepared)
        inv_model_note(model,
                       "preparation unverified: pixels are taken as bytes divided by %g (--scale)",
                       model->scale);
    return INV_OK;
}

static inv_status check_outputs(const inv_tree *tree, const inv_net *net)
{
    const size_t outputs = inv_net_units(net, inv_net_depth(net));
    if (outputs <= INV_MODEL_OUTPUTS_MAX)
        return INV_OK;
    return INV_ERROR(INV_EFORMAT, "%s: ends in %zu values; a classifier has at most %d",
                     inv_tree_name(tree), outputs, INV_MODEL_OUTPUTS_MAX);
}

/* What is odd in how a net ends. */
static void note_outputs(inv_model *model)
{
    const inv_net *net = model->net;
    const size_t depth = inv_net_depth(net), outputs = inv_net_units(net, depth);
    const char *last = inv_net_layer(net, depth - 1)->type->name;
    const char *before = depth > 1 ? inv_net_layer(net, depth - 2)->type->name : "";
    if (strstr(last, "softmax") && strstr(before, "softmax"))
        inv_model_note(model,
                       "softmax is applied twice: probabilities are flatter than they were meant");
    if (strcmp(last, "log_softmax") == 0)
        inv_model_note(model, "its outputs are logarithms of probabilities (log_softmax)");
    if (outputs == 11)
        inv_model_note(model,
                       "it has 11 outputs: of 10 classes numbered from 0 or 1, one is never used");
}

/* What the user says of images must be what the net takes, and what files of that format are not told is
 * said to be so. */
static inv_status check_told(const inv_tree *tree, const inv_import *how, const inv_format *format,
                             const inv_net *net)
{
    const inv_shape s = inv_net_shape(net, 0);
    const size_t *d = how->input_dims, rank = how->input_rank;
    const size_t told = rank == 3 ? d[0] * d[1] * d[2] : rank == 2 ? d[0] * d[1] : d[0];
    const bool is_row = s.width == 1; /* or channels and one axis: which are which is not asked */
    if (how->key && format->import != inv_torch_import)
        return INV_ERROR(INV_EINVAL, "%s: --key: it holds one net, and no sets of parameters",
                         inv_tree_name(tree));
    if (how->arch && format->import == inv_onnx_import)
        return INV_ERROR(INV_EINVAL, "%s: --arch: an ONNX file has its architecture in it",
                         inv_tree_name(tree));
    if (rank == 0 ||
        (told == inv_shape_size(s) &&
         (rank < 3 || is_row || (d[0] == s.height && d[1] == s.width && d[2] == s.channels))))
        return INV_OK;
    return INV_ERROR(INV_EINVAL, "%s: --input: the model takes images of %zu x %zu x %zu",
                     inv_tree_name(tree), s.height, s.width, s.channels);
}

/* Whether the user says what adds to the net, or changes it. */
static bool says_more(const inv_import *how)
{
    return how->arch || how->mean.count || how->std.count || how->invert || how->channels_first;
}

/* What fails far below does not know of which file it is; what is wrong with the architecture that the
 * user gives names that. */
static inv_status name_file(const inv_tree *tree, const inv_import *how, inv_status status)
{
    const char *name = inv_tree_name(tree), *why = inv_error_message();
    const char *arch = how->arch_name ? how->arch_name : name;
    if (status == INV_OK || status == INV_EINVAL || status == INV_ECONFIG ||
        strncmp(why, name, strlen(name)) == 0 || strncmp(why, arch, strlen(arch)) == 0)
        return status;
    return INV_ERROR(status, "%s: %s", name, why);
}

inv_status inv_model_import(const inv_tree *tree, const inv_import *how, inv_model **out)
{
    const inv_format *format = NULL;
    inv_sketch *sketch = NULL;
    inv_model *model = NULL;
    inv_import with = *how;
    void *memory = NULL;
    char *arch = NULL;
    bool is_own = false;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(format_of(tree, &format));
    INV_TRY(inv_sketch_alloc(tree, &sketch));
    INV_TRY(inv_calloc(1, sizeof *model, inv_tree_name(tree), &memory));
    model = memory;
    snprintf(model->format, sizeof model->format, "%s", format->what);
    model->scale = 255.0;
    INV_TRY(keep_beside(tree, model));
    INV_TRY(inv_own_tell(tree, model));
    if (!says_more(how))
        INV_TRY(inv_own_import(tree, format, model, &is_own));
    if (!is_own)
        INV_TRY(inv_arch_of_experiment(tree, format, how, model, &arch));
    if (arch) {
        with.arch = arch;
        with.arch_is_made = true;
    }
    if (!is_own)
        INV_TRY(name_file(tree, &with, format->import(tree, &with, model, sketch)));
    INV_TRY(check_told(tree, how, format, model->net));
    INV_TRY(check_outputs(tree, model->net));
    INV_TRY(prepare(tree, how, model));
    note_outputs(model);
    *out = model;
    model = NULL;
done:
    free(arch);
    inv_model_free(model);
    inv_sketch_free(sketch);
    return status;
}

void inv_model_free(inv_model *model)
{
    if (!model)
        return;
    for (size_t i = 0; i < model->class_count; i++)
        free(model->class_names[i]);
    free(model->class_names);
    for (size_t i = 0; i < model->beside_count; i++)
        free(model->beside[i]);
    free(model->beside);
    inv_net_free(model->net);
    free(model);
}

/* ---- exporting ---- */

static bool has_ending(const char *path, const char *ending)
{
    const size_t length = strlen(path), size = strlen(ending);
    return length > size && strcmp(path + length - size, ending) == 0;
}

const char *inv_export_format_at(size_t i, const char **ending)
{
    for (size_t k = 0; k < FORMATS; k++)
        if (formats[k]->export && i-- == 0) {
            *ending = formats[k]->endings;
            return formats[k]->name;
        }
    return NULL;
}

const char *inv_export_format(const char *path)
{
    for (size_t k = 0; k < FORMATS; k++) {
        char endings[64], *rest = endings;
        snprintf(endings, sizeof endings, "%s", formats[k]->endings);
        for (char *e = strtok_r(endings, " ", &rest); e; e = strtok_r(NULL, " ", &rest))
            if (formats[k]->export && has_ending(path, e))
                return formats[k]->name;
    }
    return NULL;
}

inv_status inv_model_export(const inv_export *what, const char *name, unsigned char **bytes,
                            size_t *size, char **text)
{
    const inv_format *format = inv_format_find(name);
    inv_exported out = {0};
    *bytes = NULL;
    *text = NULL;
    *size = 0;
    if (!format || !format->export)
        return INV_ERROR(INV_EINVAL, "%s: no format that is written", name);
    inv_status status = format->export(what, &out);
    if (status == INV_OK) {
        *bytes = out.bytes;
        *size = out.size;
        *text = out.text;
        out.bytes = NULL;
        out.text = NULL;
    }
    inv_exported_free(&out);
    return status;
}

void inv_model_row(const inv_model *model, const float *image, float *row)
{
    const inv_shape shape = inv_net_shape(model->net, 0);
    const size_t places = shape.height * shape.width, channels = shape.channels;
    if (!model->channels_first) {
        memcpy(row, image, places * channels * sizeof *row);
        return;
    }
    for (size_t p = 0; p < places; p++)
        for (size_t k = 0; k < channels; k++)
            row[p * channels + k] = image[k * places + p];
}

void inv_model_note(inv_model *model, const char *format, ...)
{
    va_list list;
    if (model->note_count == INV_MODEL_NOTES_MAX)
        return;
    va_start(list, format);
    vsnprintf(model->notes[model->note_count++], INV_TEXT_MAX, format, list);
    va_end(list);
}
