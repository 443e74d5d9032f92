/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pictures.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

bool report_pictures_open(report_run *r, const char *path, const char *name, report_pictures *p)
{
    size_t rank = 0, dims[INV_RUN_RANK_MAX] = {0};
    void *values = NULL;
    *p = (report_pictures){.scale = {.columns = 1, .zoom = 1, .scaling = INV_SCALING_TILE}};
    snprintf(p->array, sizeof p->array, "%s/%s", path, name);
    if (!inv_run_has(r->in.run, p->array) ||
        !report_got(r, inv_run_dims(r->in.run, p->array, &rank, dims)) || rank < 3)
        return false;
    p->n = dims[0];
    p->shape = (inv_shape){dims[1], dims[2], rank > 3 ? dims[3] : 1};
    const size_t count = p->n * inv_shape_size(p->shape);
    if (count == 0 || !report_got(r, inv_calloc(count, sizeof(float), p->array, &values)))
        return false;
    p->values = values;
    return report_got(r, inv_run_get(r->in.run, p->array, INV_FLOAT32, count, values));
}

void report_pictures_close(report_pictures *p)
{
    free(p->values);
}

void report_pictures_as_pixels(const report_run *r, report_pictures *p)
{
    p->scale.scaling = INV_SCALING_FIXED;
    p->scale.low = r->in.pixels.black;
    p->scale.high = r->in.pixels.white;
}

void report_pictures_around_zero(report_pictures *p)
{
    double most = 0.0;
    for (size_t i = 0; i < p->n * inv_shape_size(p->shape); i++)
        most = fmax(most, fabs((double)p->values[i]));
    p->scale.scaling = INV_SCALING_FIXED;
    p->scale.low = most > 0.0 ? -most : -1.0;
    p->scale.high = -p->scale.low;
}

json_t *report_picture(report_run *r, const report_pictures *p, size_t i)
{
    const size_t size = inv_shape_size(p->shape);
    const float *values = p->values + i * size;
    double low = (double)values[0], high = low;
    unsigned char *bytes = NULL;
    size_t length = 0;
    json_t *one = report_object(r);
    report_give_text(r, one, "array", "%s", p->array);
    report_give(r, one, "index", inv_json_count(i));
    if (report_got(r, inv_png_tile(p->array, &p->scale, values, p->shape, &bytes, &length)))
        report_give(r, one, "png", report_base64("data:image/png;base64,", bytes, length));
    free(bytes);
    for (size_t k = 0; k < size; k++) {
        low = fmin(low, (double)values[k]);
        high = fmax(high, (double)values[k]);
    }
    report_give(r, one, "low", inv_json_real(low));
    report_give(r, one, "high", inv_json_real(high));
    return one;
}

void report_fact(report_run *r, json_t *picture, const char *name, const char *format, ...)
{
    char text[256];
    va_list arguments;
    json_t *facts = json_object_get(picture, "facts");
    if (!facts) {
        facts = report_list(r);
        report_give(r, picture, "facts", json_incref(facts));
        json_decref(facts);
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    report_append(r, facts, json_pack("[so]", name, inv_json_text(text)));
}

size_t report_shown(report_run *r, size_t n, json_t *to)
{
    report_give(r, to, "count", inv_json_count(n));
    return n < REPORT_SHOWN ? n : REPORT_SHOWN;
}
