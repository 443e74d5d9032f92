/* png.h - sheets of small images as 8-bit PNG files, and images read from PNG files.
 *
 *     const inv_sheet sheet = {.columns = 6, .zoom = 4, .gap = 2, .scaling = INV_SCALING_FIXED,
 *                              .low = 0.0, .high = 1.0};
 *     const inv_png_text text[] = {{"Title", "projections"}};
 *     status = inv_png_write_sheet("projections.png", &sheet, images, 36, shape, text, 1);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_PNG_H
#define INVPROJ_PNG_H

#include <stdbool.h>

#include "invproj/mat.h"
#include "invproj/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum inv_scaling {
    INV_SCALING_FIXED, /* every tile alike: sheet->low is black, high white; beyond is clipped */
    INV_SCALING_TILE   /* a tile's own minimum is black, its maximum white (matplotlib's imshow) */
} inv_scaling;

typedef struct inv_sheet {
    size_t columns; /* tiles a row, >= 1; the last row may be short (filled as the gap) */
    size_t zoom;    /* screen pixels a pixel, each way, >= 1 (nearest neighbour) */
    size_t gap;     /* screen pixels between tiles and around the sheet */
    inv_scaling scaling;
    double low, high; /* for INV_SCALING_FIXED, low < high */
    double round_to;  /* values are rounded to multiples of this before scaling; 0: not */
    bool captioned;   /* whether what is drawn may be written on; the caller's to heed */
    const char *const *captions; /* a line of text under each tile; NULL: none */
} inv_sheet;

typedef struct inv_png_text {
    const char *key, *value; /* Latin-1 keyword of 1 to 79 characters, text */
} inv_png_text;

/* Writes `count` images, rows of `shape` in `images` (row-major, count x shape size), as one sheet,
 * atomically: 8-bit grey for one channel, RGB for three; of other numbers, the channels stand side by
 * side, in grey. The gap is mid-grey. A tEXt chunk
 * "Scaling" says in words how values became greys; the caller's `texts` follow, and "Software". A
 * tile all of one value under INV_SCALING_TILE is black. INV_ENUMERIC for a value not finite (names
 * the tile), INV_EINVAL for a count, shape or sheet that cannot be drawn, INV_EIO. */
INV_MUST_CHECK inv_status inv_png_write_sheet(const char *path, const inv_sheet *sheet,
                                              const float *images, size_t count, inv_shape shape,
                                              const inv_png_text *texts, size_t text_count);

/* INV_EINVAL where inv_png_write_sheet would say so of `count` images of that shape; it looks at no
 * image, and of the sheet's captions only whether there are any. `path` is for the message. */
INV_MUST_CHECK inv_status inv_png_check_sheet(const char *path, const inv_sheet *sheet,
                                              size_t count, inv_shape shape);

/* The screen pixels that a caption is wide; what of it a tile has no room for is cut. */
size_t inv_png_caption_width(const char *caption);

/* One image in memory, a screen pixel a pixel, without any text: `scale` says how values become greys, and
 * all else of it counts for nothing. `path` is for messages. The caller frees *bytes. Fails as inv_png_write_sheet does. */
INV_MUST_CHECK inv_status inv_png_tile(const char *path, const inv_sheet *scale, const float *image,
                                       inv_shape shape, unsigned char **bytes, size_t *size);

/* Whether the file begins as PNG files do; INV_EIO where it cannot be read. */
INV_MUST_CHECK inv_status inv_png_is(const char *path, bool *is);

/* Reads a PNG of any kind and size: *shape tells its size and has 1 channel where the file is grey,
 * 3 where it has colours; *values are from 0 to 1, row-major, and the caller's to free. What alpha
 * leaves open shows `ground`, 0 (black) to 1 (white): value * alpha + ground * (1 - alpha).
 * INV_EFORMAT: not a PNG, or damaged or cut anywhere; INV_EDATA: of too many pixels; INV_EIO. */
INV_MUST_CHECK inv_status inv_png_read(const char *path, float ground, inv_shape *shape,
                                       float **values);

#ifdef __cplusplus
}
#endif
#endif
