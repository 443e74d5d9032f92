/* Sheets of pictures that stand beside a text.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "invproj/png.h"
#include "pictures.h"

#define TILES_MOST 36  /* of a sheet that one takes in at a look */
#define TILE_WIDE  112 /* about so many screen pixels */

const char *const report_sheets[] = {"projections", "generated", NULL};

/* The first result of the group that is not out of date; false: there is none. */
static bool find_result(const inv_run *run, const char *group, char path[REPORT_PATH])
{
    char names[16][INV_NAME_MAX], full[INV_NAME_MAX];
    snprintf(full, sizeof full, "/%s", group);
    const size_t count =
        inv_run_has(run, full) ? inv_run_groups(run, full, names, sizeof names / sizeof *names) : 0;
    for (size_t i = 0; i < count; i++) {
        snprintf(path, REPORT_PATH, "%s/%s", full, names[i]);
        if (!inv_run_has_attribute(run, path, "stale"))
            return true;
    }
    return false;
}

static size_t square_root(size_t n)
{
    size_t root = 1;
    while (root * root < n)
        root++;
    return root;
}

inv_status report_sheet(const report_input *in, const char *group, const char *file, bool *drawn)
{
    char path[REPORT_PATH];
    report_pictures pictures = {0};
    void *memory = NULL;
    *drawn = false;
    if (!find_result(in->run, group, path))
        return INV_OK;
    inv_status status = inv_calloc(1, sizeof(report_run), file, &memory);
    report_run *r = memory;
    if (status != INV_OK)
        return status;
    r->in = *in;
    if (report_pictures_open(r, path, "image", &pictures)) {
        const size_t side = pictures.shape.height > pictures.shape.width ? pictures.shape.height
                                                                         : pictures.shape.width;
        const size_t count = pictures.n < TILES_MOST ? pictures.n : TILES_MOST;
        const inv_png_text texts[] = {{"Source", pictures.array}};
        report_pictures_as_pixels(r, &pictures);
        pictures.scale.columns = square_root(count);
        pictures.scale.zoom = side < TILE_WIDE ? TILE_WIDE / side : 1;
        pictures.scale.gap = 2;
        status = inv_png_write_sheet(file, &pictures.scale, pictures.values, count, pictures.shape,
                                     texts, 1);
        *drawn = status == INV_OK;
    }
    if (status == INV_OK)
        status = r->status;
    report_pictures_close(&pictures);
    free(r);
    return status;
}
