/* PyTorch: arguments of modules, layers, and parameters as blocks of layers (torch_import.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/torch_import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void torch_where(const torch_importing *im, const inv_arch_module *m, char *where, size_t size)
{
    if (im->how->arch_is_made)
        snprintf(where, size, "%s", im->arch->file);
    else
        snprintf(where, size, "%s:%zu", im->arch->file, m->line);
}

inv_status torch_wrong(const torch_importing *im, const inv_arch_module *m, const char *format, ...)
{
    char why[512], where[INV_TEXT_MAX];
    va_list list;
    va_start(list, format);
    vsnprintf(why, sizeof why, format, list);
    va_end(list);
    torch_where(im, m, where, sizeof where);
    return INV_ERROR(INV_ECONFIG, "%s: %s: %s", where, m->name, why);
}

/* ---- parameters ---- */

static inv_status fill_turned(const void *context, const inv_tree_array *array, float *out,
                              size_t count)
{
    const torch_turn *t = context;
    size_t strides[4] = {1, 1, 1, 1}, index[4] = {0}, size[4], step[4];
    float *from = NULL;
    void *memory = NULL;
    if (array->count != count)
        return INV_ERROR(INV_EFORMAT, "%zu values; there must be %zu", array->count, count);
    inv_status status = inv_calloc(count, sizeof *from, "parameters", &memory);
    from = memory;
    if (status == INV_OK)
        status = inv_tree_floats(array, from);
    for (size_t i = 3; i-- > 0;)
        strides[i] = strides[i + 1] * t->dims[i + 1];
    for (size_t i = 0; i < 4; i++) {
        size[i] = t->dims[t->axes[i]];
        step[i] = strides[t->axes[i]];
    }
    for (size_t n = 0, at = 0; status == INV_OK && n < count; n++) {
        out[n] = from[at];
        for (size_t i = 4; i-- > 0;) {
            at += step[i];
            if (++index[i] < size[i])
                break;
            at -= step[i] * size[i];
            index[i] = 0;
        }
    }
    free(memory);
    return status;
}

inv_status torch_put_turned(torch_importing *im, const inv_place *at, const char *block,
                            const inv_tree_array *array, torch_turn how)
{
    void *memory = NULL;
    inv_status status = inv_sketch_keep(im->sketch, 1, sizeof how, &memory);
    if (status != INV_OK)
        return status;
    memcpy(memory, &how, sizeof how);
    return inv_sketch_block(im->sketch, at, block, array, fill_turned, memory);
}

inv_status torch_put_vector(torch_importing *im, const inv_arch_module *m, const inv_place *at,
                            const char *what, inv_shape order, size_t count, const char *block)
{
    const inv_tree_array *array = NULL;
    inv_status status = torch_take(im, m, what, (const size_t[4]){count}, 1, NULL, NULL, &array);
    if (status != INV_OK)
        return status;
    if (order.channels)
        return torch_put_turned(
            im, at, block, array,
            (torch_turn){{1, order.channels, order.height, order.width}, {0, 2, 3, 1}});
    return inv_sketch_block(im->sketch, at, block, array, NULL, NULL);
}

static inv_status fill_constant(const void *context, const inv_tree_array *array, float *out,
                                size_t count)
{
    (void)array;
    for (size_t i = 0; i < count; i++)
        out[i] = (float)*(const double *)context;
    return INV_OK;
}

inv_status torch_put_constant(torch_importing *im, const inv_place *at, const char *block,
                              double value)
{
    void *memory = NULL;
    inv_status status = inv_sketch_keep(im->sketch, 1, sizeof value, &memory);
    if (status != INV_OK)
        return status;
    memcpy(memory, &value, sizeof value);
    return inv_sketch_block(im->sketch, at, block, NULL, fill_constant, memory);
}

/* ---- arguments ---- */

size_t torch_whole(const inv_arch_module *m, size_t place, const char *key, size_t i, size_t usual)
{
    const double number = inv_arch_number(m, place, key, i, (double)usual);
    return number >= 0 && number < 1e9 ? (size_t)number : 0;
}

bool torch_yes(const inv_arch_module *m, size_t place, const char *key, bool usual)
{
    return inv_arch_number(m, place, key, 0, usual) != 0;
}

const char *torch_text(const inv_arch_module *m, size_t place, const char *key, const char *usual)
{
    const inv_arch_arg *arg = inv_arch_find(m, place, key);
    return arg && *arg->text && !arg->is_none ? arg->text : usual;
}

bool torch_is_over_line(const inv_arch_module *m)
{
    return strstr(m->type, "1d") != NULL;
}

void torch_sizes(const inv_arch_module *m, size_t place, const char *key, size_t usual,
                 size_t neutral, size_t out[2])
{
    out[0] = torch_whole(m, place, key, 0, usual);
    out[1] = torch_is_over_line(m) ? neutral : torch_whole(m, place, key, 1, usual);
}

/* ---- layers ---- */

inv_status torch_add_layer(torch_importing *im, const inv_arch_module *m, const char *ending,
                           json_t *settings, const torch_value *in, torch_value *out)
{
    const inv_place from = in->place;
    *out = *in;
    return inv_sketch_add(im->sketch, m->name, ending, settings, &from, 1, &out->place);
}

bool torch_is_flat(const torch_value *in)
{
    return in->place.shape.height == 1 && in->place.shape.width == 1;
}

static json_t *reshape_keys(size_t height, size_t width, size_t channels)
{
    return json_pack("{ss sI sI sI}", "type", "reshape", "height", (json_int_t)height, "width",
                     (json_int_t)width, "channels", (json_int_t)channels);
}

inv_status torch_straight(torch_importing *im, const inv_arch_module *m, const torch_value *in,
                          torch_value *out)
{
    const inv_shape o = in->order;
    inv_status status = INV_OK;
    *out = *in;
    if (!o.channels)
        return INV_OK;
    INV_TRY(torch_add_layer(im, m, ".hwc", reshape_keys(o.height, o.width, o.channels), out, out));
    INV_TRY(torch_add_layer(im, m, ".chw", json_pack("{ss ss}", "type", "permute", "order", "chw"),
                            out, out));
    INV_TRY(torch_add_layer(im, m, ".flat", json_pack("{ss}", "type", "flatten"), out, out));
    out->order = (inv_shape){0};
done:
    return status;
}

json_t *torch_window_keys(const char *type, const size_t size[2], const size_t stride[2],
                          const size_t pads[4])
{
    return json_pack("{ss sI sI sI sI ss sI sI sI sI}", "type", type, "height", (json_int_t)size[0],
                     "width", (json_int_t)size[1], "stride_height", (json_int_t)stride[0],
                     "stride_width", (json_int_t)stride[1], "padding", "explicit", "top",
                     (json_int_t)pads[0], "bottom", (json_int_t)pads[1], "left",
                     (json_int_t)pads[2], "right", (json_int_t)pads[3]);
}

json_t *torch_pad_keys(const char *mode, double value, const size_t pads[4])
{
    return json_pack("{ss ss sf sI sI sI sI}", "type", "pad", "mode", mode, "value", value, "top",
                     (json_int_t)pads[0], "bottom", (json_int_t)pads[1], "left",
                     (json_int_t)pads[2], "right", (json_int_t)pads[3]);
}

void torch_dilate(json_t *settings, const size_t dilation[2])
{
    json_object_set_new(settings, "dilation_height", json_integer((json_int_t)dilation[0]));
    json_object_set_new(settings, "dilation_width", json_integer((json_int_t)dilation[1]));
}

void torch_say_shape(const torch_value *value, char text[80])
{
    const inv_shape s = value->place.shape;
    if (torch_is_flat(value))
        snprintf(text, 80, "%zu", inv_shape_size(s));
    else
        snprintf(text, 80, "%zu x %zu x %zu", s.channels, s.height, s.width);
}

inv_status torch_check_channels(const torch_importing *im, const inv_arch_module *m,
                                const torch_value *in, size_t channels)
{
    char shape[80];
    torch_say_shape(in, shape);
    if (torch_is_over_line(m) && !in->is_line)
        return WRONG("takes channels and one axis, but %s come in: say 'input: 1x784', or "
                     "'Flatten(2)' before it",
                     shape);
    if (in->place.shape.channels == channels && !in->order.channels)
        return INV_OK;
    return WRONG("takes images of %zu channels, but %s come in%s", channels, shape,
                 in->order.channels ? ", which were flattened before" : "");
}
