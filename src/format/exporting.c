/* What the writers of model files share (exporting.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/exporting.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/own.h"

/* ---- memory ---- */

static void no_memory(inv_exporting *e)
{
    if (e->status == INV_OK)
        e->status = INV_ERROR(INV_ENOMEM, "%s: no memory to export it", e->what->file);
}

/* What is kept is freed at the end. */
static void keep(inv_exporting *e, void *memory)
{
    if (memory && e->kept_count == e->kept_room) {
        const size_t room = 2 * e->kept_room + 64;
        void **more = reallocarray(e->kept, room, sizeof *more);
        if (!more) {
            free(memory);
            memory = NULL;
        } else {
            e->kept = more;
            e->kept_room = room;
        }
    }
    if (memory)
        e->kept[e->kept_count++] = memory;
    else
        no_memory(e);
}

void *inv_exporting_keep(inv_exporting *e, size_t count, size_t size)
{
    const size_t before = e->kept_count;
    if (e->status == INV_OK)
        keep(e, calloc(count ? count : 1, size));
    return e->kept_count > before ? e->kept[before] : NULL;
}

const char *inv_exporting_text(inv_exporting *e, const char *format, ...)
{
    const size_t before = e->kept_count;
    char *text = NULL;
    va_list list;
    if (e->status != INV_OK)
        return "";
    va_start(list, format);
    if (vasprintf(&text, format, list) < 0)
        text = NULL;
    va_end(list);
    keep(e, text);
    return e->kept_count > before ? e->kept[before] : "";
}

void inv_exporting_refuse(inv_exporting *e, const inv_layer *layer, const char *why)
{
    if (e->status == INV_OK)
        e->status = INV_ERROR(INV_EFORMAT, "%s: layer '%s' (%s): %s", e->what->file, layer->name,
                              layer->type->name, why);
}

/* ---- names ---- */

/* How many layers belong to that layer's owner. */
static size_t owned(const inv_net *net, const char *owner)
{
    char other[INV_NAME_MAX];
    size_t count = 0;
    for (size_t i = 0; i < inv_net_depth(net); i++) {
        inv_layer_owner(inv_net_layer(net, i)->name, other);
        count += strcmp(other, owner) == 0;
    }
    return count;
}

static bool is_taken(const inv_exporting *e, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(e->names[i], name) == 0)
            return true;
    return strcmp(name, "input") == 0;
}

/* A layer's own name; of several that one owner has, all but the one with parameters have their type
 * behind it. */
static void name_layer(const inv_exporting *e, size_t i)
{
    const inv_layer *layer = inv_net_layer(e->net, i);
    char owner[INV_NAME_MAX], stem[2 * INV_NAME_MAX];
    inv_layer_owner(layer->name, owner);
    const bool alone = layer->block_count > 0 || owned(e->net, owner) == 1;
    snprintf(stem, sizeof stem, "%.31s%s%.24s", owner, alone ? "" : "_",
             alone ? "" : layer->type->name);
    snprintf(e->names[i], INV_NAME_MAX, "%.56s", stem);
    for (size_t n = 2; is_taken(e, i, e->names[i]); n++)
        snprintf(e->names[i], INV_NAME_MAX, "%.56s_%zu", stem, n);
}

/* ---- opening ---- */

inv_status inv_exporting_open(const inv_export *what, const char *layout, inv_exported *out,
                              inv_exporting *e)
{
    *e = (inv_exporting){.what = what, .net = what->net, .out = out};
    e->names = inv_exporting_keep(e, inv_net_depth(e->net), sizeof *e->names);
    for (size_t i = 0; e->names && i < inv_net_depth(e->net); i++)
        name_layer(e, i);
    if (e->status == INV_OK)
        e->status = inv_own_describe(what, layout, &e->metadata);
    return e->status;
}

void inv_exporting_close(inv_exporting *e)
{
    for (size_t i = 0; i < e->kept_count; i++)
        free(e->kept[i]);
    free(e->kept);
    json_decref(e->metadata);
}

void inv_exported_free(inv_exported *exported)
{
    for (size_t i = 0; i < exported->count; i++)
        free(exported->params[i].path);
    free(exported->params);
    free(exported->bytes);
    free(exported->text);
    *exported = (inv_exported){0};
}

/* ---- from layer to layer ---- */

bool inv_exporting_is_row(inv_shape shape)
{
    return shape.height == 1 && shape.width == 1;
}

inv_spot inv_exporting_layers(inv_exporting *e, const inv_writing *how, writer *w, inv_spot input)
{
    const size_t depth = inv_net_depth(e->net);
    e->spots = inv_exporting_keep(e, depth + 1, sizeof *e->spots);
    if (!e->spots)
        return input;
    e->spots[0] = input;
    for (size_t i = 0, done; e->status == INV_OK && i < depth; i += done) {
        const inv_layer *layer = inv_net_layer(e->net, i);
        const inv_layer_row *row = how->rows;
        while (row->type && !inv_exporting_is(layer, row->type))
            row++;
        how->enter(w, i);
        inv_spot out = row->write(w, e->spots[layer->inputs[0].point]);
        done = how->leave(w, i, &out);
        for (size_t k = 0; k < done; k++)
            e->spots[i + k + 1] = out;
    }
    return e->spots[depth];
}

/* ---- settings ---- */

static const void *setting(const inv_layer *layer, const char *key, inv_field_type *type)
{
    for (const inv_field *f = layer->type->fields; f && f->key; f++)
        if (strcmp(f->key, key) == 0) {
            *type = f->type;
            return (const char *)layer->spec + f->offset;
        }
    return NULL;
}

double inv_exporting_real(const inv_layer *layer, const char *key)
{
    inv_field_type type = INV_FIELD_OTHER;
    const void *at = setting(layer, key, &type);
    if (at && type == INV_FIELD_REAL)
        return *(const double *)at;
    if (at && type == INV_FIELD_SIZE)
        return (double)*(const size_t *)at;
    return at && type == INV_FIELD_BOOL ? *(const bool *)at : 0.0;
}

size_t inv_exporting_size(const inv_layer *layer, const char *key)
{
    return (size_t)inv_exporting_real(layer, key);
}

const char *inv_exporting_word(const inv_layer *layer, const char *key)
{
    inv_field_type type = INV_FIELD_OTHER;
    const void *at = setting(layer, key, &type);
    return at && type == INV_FIELD_NAME ? at : "";
}

bool inv_exporting_is(const inv_layer *layer, const char *type)
{
    return strcmp(layer->type->name, type) == 0;
}

bool inv_exporting_has(const inv_layer *layer, const char *key, double value)
{
    const double own = inv_exporting_real(layer, key);
    return own >= value - 1e-12 && own <= value + 1e-12;
}

inv_laid inv_exporting_windows(const inv_layer *layer)
{
    inv_window_spec s = {.height = inv_exporting_size(layer, "height"),
                         .width = inv_exporting_size(layer, "width"),
                         .stride = inv_exporting_size(layer, "stride"),
                         .stride_height = inv_exporting_size(layer, "stride_height"),
                         .stride_width = inv_exporting_size(layer, "stride_width"),
                         .top = inv_exporting_size(layer, "top"),
                         .bottom = inv_exporting_size(layer, "bottom"),
                         .left = inv_exporting_size(layer, "left"),
                         .right = inv_exporting_size(layer, "right"),
                         .dilation = inv_exporting_size(layer, "dilation"),
                         .dilation_height = inv_exporting_size(layer, "dilation_height"),
                         .dilation_width = inv_exporting_size(layer, "dilation_width")};
    snprintf(s.padding, sizeof s.padding, "%s", inv_exporting_word(layer, "padding"));
    inv_laid laid = {.w = inv_window_over(layer->in, &s)};
    laid.top = laid.w.top;
    laid.left = laid.w.left;
    laid.bottom = laid.w.padded.height - layer->in.height - laid.top;
    laid.right = laid.w.padded.width - layer->in.width - laid.left;
    return laid;
}

void inv_exporting_transposed(const inv_layer *layer, const inv_laid *l, size_t cut[4],
                              size_t more[2])
{
    const char *padding = inv_exporting_word(layer, "padding");
    const size_t in[2] = {layer->in.height, layer->in.width};
    const size_t out[2] = {layer->out.height, layer->out.width};
    const size_t stride[2] = {l->w.stride_y, l->w.stride_x};
    const size_t reach[2] = {(l->w.height - 1) * l->w.dilation_y + 1,
                             (l->w.width - 1) * l->w.dilation_x + 1};
    for (size_t i = 0; i < 2; i++) {
        size_t before = 0;
        if (strcmp(padding, "same") == 0)
            before = reach[i] > stride[i] ? (reach[i] - stride[i]) / 2 : 0;
        else if (strcmp(padding, "explicit") == 0)
            before = inv_exporting_size(layer, i ? "left" : "top");
        const size_t made = (in[i] - 1) * stride[i] + reach[i], kept = before + out[i];
        cut[i] = before;
        cut[2 + i] = made > kept ? made - kept : 0;
        more[i] = kept > made ? kept - made : 0;
    }
}

/* ---- parameters ---- */

const inv_block *inv_exporting_block(const inv_layer *layer, const char *name)
{
    for (size_t b = 0; b < layer->block_count; b++)
        if (strcmp(layer->blocks[b].name, name) == 0)
            return &layer->blocks[b];
    return NULL;
}

const float *inv_exporting_values(const inv_exporting *e, const inv_block *block)
{
    return inv_net_params(e->net) + block->offset;
}

void inv_param_turn(const inv_param *p, float *net, float *file, bool to_file)
{
    size_t strides[4] = {1, 1, 1, 1}, index[4] = {0}, at = 0;
    for (size_t i = 3; i-- > 0;)
        strides[i] = strides[i + 1] * p->from[i + 1];
    for (size_t n = 0; n < p->block->size; n++) {
        if (to_file)
            file[n] = net[at];
        else
            net[at] = file[n];
        for (size_t i = 4; i-- > 0;) {
            at += strides[p->axes[i]];
            if (++index[i] < p->from[p->axes[i]])
                break;
            at -= strides[p->axes[i]] * p->from[p->axes[i]];
            index[i] = 0;
        }
    }
}

const float *inv_exporting_put(inv_exporting *e, const inv_param *param, const char *path)
{
    inv_exported *out = e->out;
    float *values = inv_exporting_keep(e, param->block->size, sizeof *values);
    if (values && out->count == out->room) {
        const size_t room = 2 * out->room + 16;
        inv_param *more = reallocarray(out->params, room, sizeof *more);
        if (!more) {
            no_memory(e);
            return NULL;
        }
        out->params = more;
        out->room = room;
    }
    if (!values)
        return NULL;
    inv_param *p = &out->params[out->count++];
    *p = *param;
    p->values = inv_net_params(e->net) + p->block->offset;
    p->path = path ? strdup(path) : NULL;
    if (path && !p->path)
        no_memory(e);
    inv_param_turn(p, p->values, values, true);
    return values;
}

/* ---- PyTorch's order ---- */

/* The blocks that are written as they are, or channels first, by their names here and there. */
static const struct {
    const char *type, *block, *name;
} names[] = {
    {"batch_norm", "gamma", "weight"},
    {"batch_norm", "beta", "bias"},
    {"batch_norm", "mean", "running_mean"},
    {"batch_norm", "variance", "running_var"},
    {"inverse_batch_norm", "mean", "running_mean"},
    {"inverse_batch_norm", "variance", "running_var"},
    {"rescale", "scale", "scale"},
    {"rescale", "offset", "offset"},
    {"local", "bias", "bias"},
    {"", "kernel", "weight"},
    {"", "gamma", "weight"},
    {"", "beta", "bias"},
    {"", "alpha", "weight"},
};

static const char *torch_name(const inv_layer *layer, const inv_block *block)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].block, block->name) == 0 &&
            (!*names[i].type || inv_exporting_is(layer, names[i].type)))
            return names[i].name;
    return block->name;
}

static void turn(inv_param *p, const size_t from[4], const size_t axes[4], size_t rank)
{
    memcpy(p->from, from, sizeof p->from);
    memcpy(p->axes, axes, sizeof p->axes);
    p->rank = rank;
    for (size_t i = 0; i < rank; i++)
        p->dims[i] = from[axes[4 - rank + i]];
}

/* [values, units] to [units, values], values with channels first where they were such an image. */
static void turn_dense(inv_param *p, inv_shape order)
{
    const size_t values = p->block->dims[0], units = p->block->dims[1];
    if (order.channels)
        turn(p, (size_t[4]){order.height, order.width, order.channels, units},
             (size_t[4]){3, 2, 0, 1}, 4);
    else
        turn(p, (size_t[4]){1, 1, values, units}, (size_t[4]){0, 1, 3, 2}, 2);
    p->rank = 2;
    p->dims[0] = units;
    p->dims[1] = values;
}

static void turn_kernel(const inv_layer *layer, inv_param *p, inv_shape order)
{
    const size_t *d = p->block->dims;
    if (p->block->rank == 2) {
        turn_dense(p, order);
    } else if (inv_exporting_is(layer, "depthwise_conv2d")) {
        turn(p, d, (size_t[4]){2, 3, 0, 1}, 4);
        p->dims[0] = d[2] * d[3];
        p->dims[1] = 1;
        p->dims[2] = d[0];
        p->dims[3] = d[1];
    } else if (inv_exporting_is(layer, "local")) { /* [places, window, channels, out] */
        const size_t channels = layer->in.channels;
        turn(p, (size_t[4]){d[0], d[1] / channels, channels, d[2]}, (size_t[4]){0, 2, 1, 3}, 4);
        p->rank = 3;
        p->dims[1] = d[1];
        p->dims[2] = d[2];
    } else {
        turn(p, d, (size_t[4]){3, 2, 0, 1}, 4);
    }
}

bool inv_torch_param(const inv_layer *layer, inv_shape order, size_t i, const char **name,
                     inv_param *out)
{
    if (i >= layer->block_count)
        return false;
    const inv_block *block = &layer->blocks[i];
    const size_t *d = block->dims;
    *out = (inv_param){.layer = layer, .block = block};
    *name = torch_name(layer, block);
    if (strcmp(block->name, "kernel") == 0 && block->rank > 1 && !inv_exporting_is(layer, "scale"))
        turn_kernel(layer, out, order);
    else if (block->rank == 3 && (d[0] > 1 || d[1] > 1)) /* one a value of an image */
        turn(out, (size_t[4]){1, d[0], d[1], d[2]}, (size_t[4]){0, 3, 1, 2}, 3);
    else
        turn(out, (size_t[4]){1, 1, 1, block->size}, (size_t[4]){0, 1, 2, 3}, 1);
    return true;
}
