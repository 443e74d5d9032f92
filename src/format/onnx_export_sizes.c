/* Layers of other sizes than they take, and windows over channels, as nodes of an ONNX graph
 * (onnx_writer.h).
 * Source of each operator: the ONNX specification, opset 20.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <string.h>

#include "format/onnx_writer.h"

/* ---- rows and columns ---- */

/* pad, and crop, which is padding by less than nothing */
inv_spot onnx_write_pad(writer *w, inv_spot in)
{
    const int64_t sign = inv_exporting_is(w->layer, "crop") ? -1 : 1;
    const char *mode = inv_exporting_word(w->layer, "mode");
    const double value = inv_exporting_real(w->layer, "value");
    const char *const keys[4] = {"top", "left", "bottom", "right"};
    int64_t pads[8] = {0};
    for (size_t i = 0; i < 4; i++)
        pads[i < 2 ? 2 + i : 4 + i] = sign * (int64_t)inv_exporting_size(w->layer, keys[i]);
    const inv_spot image = onnx_image(w, in, w->layer->in);
    const char *list = onnx_say_whole_numbers(w, pads, 8);
    const bool is_constant = sign < 0 || strcmp(mode, "constant") == 0;
    OnnxFile__Node *node =
        onnx_node(w, "Pad",
                  (const char *const[]){
                      image.text, list,
                      is_constant && (value > 0.0 || value < 0.0) ? onnx_say_number(w, value) : ""},
                  is_constant && (value > 0.0 || value < 0.0) ? 3 : 2);
    if (!is_constant)
        onnx_set_text(w, node, "mode", mode);
    return (inv_spot){.text = onnx_output(node), .is_image = true};
}

/* Resize is told how large each image gets, or by how much larger it is. */
static OnnxFile__Node *resize_node(writer *w, const char *image)
{
    const inv_shape in = w->layer->in, out = w->layer->out;
    const double steps[2] = {inv_exporting_real(w->layer, "step_height"),
                             inv_exporting_real(w->layer, "step_width")};
    const bool is_whole = out.height % in.height == 0 && out.width % in.width == 0;
    const bool is_stepped = steps[0] > 0.0 || steps[1] > 0.0;
    double factors[4] = {1.0, 1.0, (double)out.height / (double)in.height,
                         (double)out.width / (double)in.width};
    if (!is_whole && !is_stepped) {
        const int64_t sizes[2] = {(int64_t)out.height, (int64_t)out.width};
        OnnxFile__Node *node =
            onnx_node(w, "Resize",
                      (const char *const[]){image, "", "", onnx_say_whole_numbers(w, sizes, 2)}, 4);
        onnx_set_list(w, node, "axes", (const size_t[]){2, 3}, 2);
        return node;
    }
    for (size_t i = 0; i < 2; i++) {
        const double n = (double)(i ? in.width : in.height);
        factors[2 + i] = steps[i] > 0.0 ? 1.0 / steps[i] : factors[2 + i];
        if (fabs(floor(n * factors[2 + i] + 1e-6) - (double)(i ? out.width : out.height)) > 0.5)
            inv_exporting_refuse(&w->e, w->layer, "ONNX takes no step that gives other sizes");
    }
    return onnx_node(w, "Resize", (const char *const[]){image, "", onnx_say_numbers(w, factors, 4)},
                     3);
}

inv_spot onnx_write_upsample(writer *w, inv_spot in)
{
    const char *how = inv_exporting_word(w->layer, "interpolation");
    const bool is_linear = strncmp(how, "bilinear", 8) == 0;
    const bool is_centred = strcmp(how, "bilinear") == 0 || strcmp(how, "nearest_centre") == 0;
    const bool corners =
        strcmp(how, "bilinear") == 0 && inv_exporting_size(w->layer, "align_corners");
    const inv_spot image = onnx_image(w, in, w->layer->in);
    OnnxFile__Node *node = resize_node(w, image.text);
    onnx_set_text(w, node, "mode", is_linear ? "linear" : "nearest");
    onnx_set_text(w, node, "coordinate_transformation_mode",
                  corners      ? "align_corners"
                  : is_centred ? "half_pixel"
                               : "asymmetric");
    if (!is_linear)
        onnx_set_text(w, node, "nearest_mode", is_centred ? "round_prefer_ceil" : "floor");
    return (inv_spot){.text = onnx_output(node), .is_image = true};
}

/* From `first` on, or backwards, up to before a place that is no longer taken. */
inv_spot onnx_write_slice(writer *w, inv_spot in)
{
    const char *axis = inv_exporting_word(w->layer, "axis");
    const bool of_rows = strcmp(axis, "height") == 0, of_columns = strcmp(axis, "width") == 0;
    const bool backwards = inv_exporting_size(w->layer, "backwards");
    const inv_shape out = w->layer->out;
    const int64_t at = of_rows ? 2 : of_columns ? 3 : 1;
    const int64_t count = (int64_t)(of_rows ? out.height : of_columns ? out.width : out.channels);
    const int64_t first = (int64_t)inv_exporting_size(w->layer, "first");
    const int64_t step = (int64_t)inv_exporting_size(w->layer, "step") * (backwards ? -1 : 1);
    const int64_t last = first + (count - 1) * step;
    const int64_t end = !backwards ? last + 1 : last > 0 ? last - 1 : INT64_MIN;
    const inv_spot image = onnx_image(w, in, w->layer->in);
    const char *of[5] = {image.text, onnx_say_whole_numbers(w, &first, 1),
                         onnx_say_whole_numbers(w, &end, 1), onnx_say_whole_numbers(w, &at, 1),
                         onnx_say_whole_numbers(w, &step, 1)};
    return (inv_spot){.text = onnx_output(onnx_node(w, "Slice", of, 5)), .is_image = true};
}

/* As a matrix: row i has its part of each of n. */
static const char *window_means(writer *w, size_t m, size_t n, bool turned)
{
    const size_t dims[2] = {turned ? n : m, turned ? m : n};
    const char *name = onnx_own_name(w);
    float *parts = inv_exporting_keep(&w->e, m * n, sizeof *parts);
    for (size_t i = 0; parts && i < m; i++) {
        const size_t first = i * n / m, end = ((i + 1) * n + m - 1) / m;
        for (size_t j = first; j < end; j++)
            parts[turned ? j * m + i : i * n + j] = 1.0f / (float)(end - first);
    }
    (void)onnx_tensor(w, name, ONNX_FLOAT, dims, 2, parts, m * n * sizeof *parts);
    return name;
}

/* The mean over rows, then over columns. */
inv_spot onnx_write_adaptive_mean(writer *w, inv_spot in)
{
    const inv_shape s = w->layer->in, out = w->layer->out;
    const inv_spot image = onnx_image(w, in, s);
    const char *rows = window_means(w, out.height, s.height, false);
    const char *columns = window_means(w, out.width, s.width, true);
    return (inv_spot){
        .text = onnx_apply2(w, "MatMul", onnx_apply2(w, "MatMul", rows, image.text), columns),
        .is_image = true};
}

inv_spot onnx_refuse_adaptive_max(writer *w, inv_spot in)
{
    inv_exporting_refuse(&w->e, w->layer, "ONNX has no windows of several sizes");
    return in;
}

/* ---- channels ---- */

inv_spot onnx_write_depth_to_space(writer *w, inv_spot in)
{
    const bool by_pixel = strcmp(inv_exporting_word(w->layer, "order"), "dcr") == 0;
    const inv_spot image = onnx_image(w, in, w->layer->in);
    OnnxFile__Node *node = onnx_node(w, "DepthToSpace", &image.text, 1);
    onnx_set_whole(w, node, "blocksize", (int64_t)inv_exporting_size(w->layer, "block"));
    onnx_set_text(w, node, "mode", by_pixel ? "DCR" : "CRD");
    return (inv_spot){.text = onnx_output(node), .is_image = true};
}

/* ONNX's own has the channels of a pixel side by side. */
inv_spot onnx_write_space_to_depth(writer *w, inv_spot in)
{
    const bool by_pixel = strcmp(inv_exporting_word(w->layer, "order"), "dcr") == 0;
    const int64_t b = (int64_t)inv_exporting_size(w->layer, "block");
    const inv_shape s = w->layer->in, out = w->layer->out;
    const inv_spot image = onnx_image(w, in, s);
    if (by_pixel) {
        OnnxFile__Node *node = onnx_node(w, "SpaceToDepth", &image.text, 1);
        onnx_set_whole(w, node, "blocksize", b);
        return (inv_spot){.text = onnx_output(node), .is_image = true};
    }
    const int64_t parts[5] = {(int64_t)s.channels, (int64_t)out.height, b, (int64_t)out.width, b};
    const char *y = onnx_reshape(w, image.text, parts, 5);
    y = onnx_transpose(w, y, (const size_t[]){0, 1, 3, 5, 2, 4}, 6);
    y = onnx_reshape(
        w, y, (const int64_t[]){(int64_t)out.channels, (int64_t)out.height, (int64_t)out.width}, 3);
    return (inv_spot){.text = y, .is_image = true};
}

/* LRN where its window is ONNX's; else the sums of squares by a convolution with 1 in the window. */
inv_spot onnx_write_lrn(writer *w, inv_spot in)
{
    const size_t n = w->layer->in.channels, size = inv_exporting_size(w->layer, "size");
    const size_t before = inv_exporting_size(w->layer, "before"), dims[4] = {n, n, 1, 1};
    const double alpha = inv_exporting_real(w->layer, "alpha");
    const double beta = inv_exporting_real(w->layer, "beta");
    const double bias = inv_exporting_real(w->layer, "bias");
    const inv_spot image = onnx_image(w, in, w->layer->in);
    if (before == (size - 1) / 2) {
        OnnxFile__Node *node = onnx_node(w, "LRN", &image.text, 1);
        onnx_set_whole(w, node, "size", (int64_t)size);
        onnx_set_real(w, node, "alpha", alpha);
        onnx_set_real(w, node, "beta", beta);
        onnx_set_real(w, node, "bias", bias);
        return (inv_spot){.text = onnx_output(node), .is_image = true};
    }
    float *parts = inv_exporting_keep(&w->e, n * n, sizeof *parts);
    for (size_t i = 0; parts && i < n; i++)
        for (size_t j = 0; j < n; j++)
            parts[i * n + j] =
                j + before >= i && j + before < i + size ? (float)(alpha / (double)size) : 0.0f;
    const char *name = onnx_own_name(w);
    (void)onnx_tensor(w, name, ONNX_FLOAT, dims, 4, parts, n * n * sizeof *parts);
    const char *squares = onnx_apply2(w, "Mul", image.text, image.text);
    const char *sums = onnx_apply3(w, "Conv", squares, name, onnx_say_constant(w, &n, 1, bias));
    const char *power = onnx_apply2(w, "Pow", sums, onnx_say_number(w, beta));
    return (inv_spot){.text = onnx_apply2(w, "Div", image.text, power), .is_image = true};
}
