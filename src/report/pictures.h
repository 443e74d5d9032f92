/* pictures.h - arrays of pictures, and each of them as a PNG for a document.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_REPORT_PICTURES_H
#define INVPROJ_REPORT_PICTURES_H

#include "invproj/png.h"
#include "taken.h"

typedef struct report_pictures {
    char array[REPORT_PATH + INV_NAME_MAX]; /* its path */
    size_t n;
    inv_shape shape;
    float *values;
    inv_sheet scale; /* how values become greys */
} report_pictures;

/* Reads them; false where there are none. Each has a scale of its own. */
bool report_pictures_open(report_run *r, const char *path, const char *name, report_pictures *p);
void report_pictures_close(report_pictures *p);
/* From black to white as the run's pixels are; from -m to m, the largest of all. */
void report_pictures_as_pixels(const report_run *r, report_pictures *p);
void report_pictures_around_zero(report_pictures *p);

/* Picture i: where it stands, its PNG as a data URI, from where to where its values go. */
json_t *report_picture(report_run *r, const report_pictures *p, size_t i);
/* A line more of what is known of it: "confidence", "0.9964". */
void report_fact(report_run *r, json_t *picture, const char *name, const char *format, ...)
    INV_PRINTF(4, 5);
/* How many of n are shown; says so in `to` where it is not all. */
size_t report_shown(report_run *r, size_t n, json_t *to);

#endif
