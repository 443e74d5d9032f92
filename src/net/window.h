/* window.h - windows that move over an image: what convolutions, pools and locally connected layers
 * share.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_WINDOW_H
#define INVPROJ_WINDOW_H

#include "invproj/layer.h"
#include "kernels/kernels.h"

/* The keys of a layer with windows. */
typedef struct inv_window_spec {
    size_t size;          /* height and width, where those are 0 */
    size_t height, width; /* of the window */
    size_t stride;        /* 0: the window's height and width */
    char padding[INV_NAME_MAX];
    size_t stride_height, stride_width; /* 0: stride */
    size_t top, bottom, left, right;    /* where padding is "explicit" */
    /* Pixels from one value of a window to the next, of layers that have those keys; 0 is 1. */
    size_t dilation, dilation_height, dilation_width;
} inv_window_spec;

extern const inv_choice inv_window_paddings[];

#define INV_WINDOW_MOST 1024 /* the largest height or width */

/* Entries of a field table, for the inv_window_spec at `offset` of the struct that it describes. */
#define INV_WINDOW_FIELDS(offset)                                                                  \
    {"size", INV_FIELD_SIZE,  (offset) + offsetof(inv_window_spec, size),                          \
     0,      INV_WINDOW_MOST, .help = "height and width of the window, in pixels"},                \
        {"height", INV_FIELD_SIZE,  (offset) + offsetof(inv_window_spec, height),                  \
         0,        INV_WINDOW_MOST, .help = "height of the window; 0: size"},                      \
        {"width", INV_FIELD_SIZE,  (offset) + offsetof(inv_window_spec, width),                    \
         0,       INV_WINDOW_MOST, .help = "width of the window; 0: size"},                        \
        {"stride",                                                                                 \
         INV_FIELD_SIZE,                                                                           \
         (offset) + offsetof(inv_window_spec, stride),                                             \
         0,                                                                                        \
         INV_WINDOW_MOST,                                                                          \
         .help = "pixels from one window to the next; 0: the window's size"},                      \
        {"padding", INV_FIELD_NAME, (offset) + offsetof(inv_window_spec, padding),                 \
         .choices = inv_window_paddings, .help = "what lies around the image"},                    \
        INV_WINDOW_QUIET("stride_height", offset, stride_height,                                   \
                         "rows from one window to the next; 0: stride"),                           \
        INV_WINDOW_QUIET("stride_width", offset, stride_width,                                     \
                         "columns from one window to the next; 0: stride"),                        \
        INV_WINDOW_QUIET("top", offset, top, "rows above the image, of explicit padding"),         \
        INV_WINDOW_QUIET("bottom", offset, bottom, "rows below the image"),                        \
        INV_WINDOW_QUIET("left", offset, left, "columns left of the image"),                       \
        INV_WINDOW_QUIET("right", offset, right, "columns right of the image")

#define INV_DILATION_FIELDS(offset)                                                                \
    INV_WINDOW_QUIET("dilation", offset, dilation,                                                 \
                     "pixels from one value of a window to the next"),                             \
        INV_WINDOW_QUIET("dilation_height", offset, dilation_height,                               \
                         "rows from one value to the next; 0: dilation"),                          \
        INV_WINDOW_QUIET("dilation_width", offset, dilation_width,                                 \
                         "columns from one value to the next; 0: dilation")

#define INV_WINDOW_QUIET(key, offset, member, text)                                                \
    {                                                                                              \
        key, INV_FIELD_SIZE, (offset) + offsetof(inv_window_spec, member), 0, INV_WINDOW_MOST,     \
            .help = text, .quiet = true                                                            \
    }

/* A pool's settings are those of its windows alone: its fields, defaults and shape. */
extern const inv_field inv_pool_fields[];
extern const inv_window_spec inv_pool_defaults;
INV_MUST_CHECK inv_status inv_pool_shape(inv_layer *layer, size_t classes);

/* Where the windows lie. Window (i, j) starts at row i stride_y and column j stride_x of the padded
 * image, in which the image starts at row `top` and column `left`. */
typedef struct inv_window {
    inv_shape in, padded;
    size_t height, width, stride_y, stride_x, dilation_y, dilation_x;
    size_t top, left;
    size_t out_height, out_width;
} inv_window;

typedef struct inv_span {
    size_t first, end;
} inv_span;

/* Lays windows over images of shape `in`. valid: as many as fit, the rest of the image is left
 * over. same: ceil(n / stride) of them, max((ceil(n / stride) - 1) stride + size - n, 0) zeros
 * around the image, the odd one at the bottom and on the right (TensorFlow's convention). Where the
 * values of a window are d pixels apart, its size counts as (size - 1) d + 1. */
inv_window inv_window_over(inv_shape in, const inv_window_spec *spec);

/* Fills in height and width. INV_ECONFIG where there is no window, or padding that is not used. */
INV_MUST_CHECK inv_status inv_window_fill(const inv_layer *layer, inv_window_spec *spec);

/* The same, and lays the windows. INV_ECONFIG also where none fits. */
INV_MUST_CHECK inv_status inv_window_shape(const inv_layer *layer, inv_window_spec *spec,
                                           inv_window *out);
/* The same, for a layer that leaves out what lies around the image: INV_ECONFIG too where a window
 * would lie outside it altogether. */
INV_MUST_CHECK inv_status inv_window_shape_inside(const inv_layer *layer, inv_window_spec *spec,
                                                  inv_window *out);

/* Whether the padded image is not the image itself. */
static inline bool inv_window_pads(const inv_window *w)
{
    return inv_shape_size(w->padded) != inv_shape_size(w->in);
}

/* Floats from one row of a padded image to the next. */
static inline size_t inv_window_pitch(const inv_window *w)
{
    return w->padded.width * w->padded.channels;
}

/* Floats of one row of a window, which stand side by side in the padded image; of all its rows. */
static inline size_t inv_window_run(const inv_window *w)
{
    return w->width * w->in.channels;
}

static inline size_t inv_window_size(const inv_window *w)
{
    return w->height * inv_window_run(w);
}

/* The image's own rows under the windows of row i, from the first to behind the last; its columns
 * under those of column j. Of a window with dilation d every d-th counts. */
inv_span inv_window_rows(const inv_window *w, size_t i);
inv_span inv_window_columns(const inv_window *w, size_t j);

/* How many there are. */
static inline size_t inv_span_count(inv_span span, size_t dilation)
{
    return (span.end - span.first + dilation - 1) / dilation;
}

/* padded = image with zeros around it, and back: the padded image without what is around. */
void inv_window_pad(const inv_window *w, const float *image, float *padded);
void inv_window_crop(const inv_window *w, const float *padded, float *image);

/* Adds `values`, the gradient at window (i, j), to that of the padded image. */
void inv_window_add(const inv_window *w, size_t i, size_t j, const float *values, float *padded);

/* The rows of a batch, or the places of windows, are split into so many blocks at most, each the
 * work of one thread; parts of a sum are added in the order of the blocks. */
#define INV_WINDOW_BLOCKS ((size_t)8)

static inline size_t inv_window_blocks(size_t rows)
{
    return rows < INV_WINDOW_BLOCKS ? rows : INV_WINDOW_BLOCKS;
}

static inline inv_span inv_window_block(size_t rows, size_t block)
{
    const size_t blocks = inv_window_blocks(rows);
    return (inv_span){block * rows / blocks, (block + 1) * rows / blocks};
}

/* to[cols, inv_whole_vectors(rows)] = transpose(from[rows, cols]), with zeros beside it */
void inv_window_transpose(const float *from, size_t rows, size_t cols, float *to);

#endif
