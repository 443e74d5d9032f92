/* How a model's pixels were prepared.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "prepare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "invproj/dataset.h"
#include "invproj/loss.h"
#include "invproj/mat.h"

#define IMAGES    1000
#define ROWS      100
#define TOLD      3   /* of them in the note */
#define SUFFICING 0.5 /* right of the images: below, none of them is what was done */

/* (pixel / scale - mean) / std, of pixels from 0 to 255, or of 255 - pixel. */
typedef struct preparation {
    const char *what;
    double scale, mean, std;
    bool invert;
} preparation;

static const preparation preparations[] = {
    {"with pixels / 255", 255.0, 0.0, 1.0, false},
    {"as bytes", 1.0, 0.0, 1.0, false},
    {"with pixels / 127.5 - 1", 255.0, 0.5, 0.5, false},
    {"with MNIST's mean and deviation", 255.0, 0.1307, 0.3081, false},
    {"inverted, / 255", 255.0, 0.0, 1.0, true},
    {"inverted, as bytes", 1.0, 0.0, 1.0, true},
    {"inverted, / 127.5 - 1", 255.0, 0.5, 0.5, true}};
enum { PREPARATIONS = sizeof preparations / sizeof *preparations };

typedef struct trial {
    const inv_net *net;
    const inv_part *part;
    size_t images;
    inv_pass *pass;
    gsl_matrix_float *rows;
} trial;

static void prepare(const preparation *p, gsl_matrix_float *x)
{
    for (size_t i = 0; i < x->size1; i++)
        for (size_t j = 0; j < x->size2; j++) {
            float *at = x->data + i * x->tda + j;
            const double pixel = p->invert ? 255.0 - (double)*at : (double)*at;
            *at = (float)((pixel / p->scale - p->mean) / p->std);
        }
}

/* Which images are classified right, and what part of them that is. */
static double accuracy(const trial *t, const preparation *p, bool *rights)
{
    size_t right = 0;
    for (size_t first = 0; first < t->images; first += ROWS) {
        const size_t n = t->images - first < ROWS ? t->images - first : ROWS;
        gsl_matrix_float x = inv_mat_head(t->rows, n);
        inv_part_rows(t->part, first, n, &x);
        prepare(p, &x);
        const gsl_matrix_float *y = inv_net_forward(t->net, t->pass, &x);
        for (size_t i = 0; i < n; i++) {
            rights[first + i] =
                inv_argmax(y->data + i * y->tda, y->size2) == t->part->labels[first + i];
            right += rights[first + i];
        }
    }
    return (double)right / (double)t->images;
}

typedef struct outcome {
    const preparation *preparation;
    double right;
    bool rights[IMAGES];
} outcome;

/* The best first; of two that are equal, the usual one. */
static int compare(const void *a, const void *b)
{
    const outcome *p = a, *q = b;
    if (p->right < q->right || p->right > q->right)
        return p->right < q->right ? 1 : -1;
    return p->preparation < q->preparation ? -1 : p->preparation > q->preparation;
}

/* Whether what one has more right than another may be chance: McNemar's test, the difference of the images
 * that only one of them has right within two deviations, the root of their number. */
static bool is_noise(const outcome *best, const outcome *other, size_t images)
{
    double more = 0.0, less = 0.0;
    for (size_t i = 0; i < images; i++) {
        more += best->rights[i] && !other->rights[i];
        less += !best->rights[i] && other->rights[i];
    }
    return more - less <= 2.0 * sqrt(more + less);
}

/* The most usual of those that differ from the best by chance alone. */
static const outcome *choose(const outcome *list, size_t images)
{
    const outcome *chosen = &list[0];
    for (size_t k = 1; k < PREPARATIONS; k++)
        if (list[k].preparation < chosen->preparation && is_noise(&list[0], &list[k], images))
            chosen = &list[k];
    return chosen;
}

static void say(const outcome *list, const outcome *chosen, char note[INV_TEXT_MAX])
{
    size_t used = 0;
    for (size_t k = 0; k < TOLD && used < INV_TEXT_MAX; k++)
        used += (size_t)snprintf(note + used, INV_TEXT_MAX - used, "%s%.3f %s", k ? "; " : "",
                                 list[k].right, list[k].preparation->what);
    if (chosen != &list[0] && used < INV_TEXT_MAX)
        snprintf(note + used, INV_TEXT_MAX - used,
                 "; taken %s, the most usual where the difference is chance",
                 chosen->preparation->what);
}

/* Tries each, and puts one into *how. */
static inv_status try_all(const trial *t, inv_import *how, char note[INV_TEXT_MAX])
{
    void *memory = NULL;
    inv_status status = inv_calloc(PREPARATIONS, sizeof(outcome), "preparations", &memory);
    outcome *list = memory;
    if (status != INV_OK)
        return status;
    for (size_t k = 0; k < PREPARATIONS; k++) {
        list[k].preparation = &preparations[k];
        list[k].right = accuracy(t, &preparations[k], list[k].rights);
    }
    qsort(list, PREPARATIONS, sizeof *list, compare);
    const outcome *chosen = choose(list, t->images);
    say(list, chosen, note);
    if (list[0].right >= SUFFICING) {
        const preparation *p = chosen->preparation;
        how->scale = p->scale;
        how->invert = p->invert;
        how->mean = (inv_reals){p->mean > 0.0, {p->mean}};
        how->std = (inv_reals){p->mean > 0.0, {p->std}};
    }
    free(memory);
    return INV_OK;
}

static bool is_fit(const inv_dataset *data, const inv_net *net)
{
    const inv_shape a = data->shape, b = inv_net_shape(net, 0);
    return a.height == b.height && a.width == b.width && a.channels == b.channels &&
           data->test.type == INV_IDX_UBYTE && data->test.count > 0;
}

inv_status cli_prepare(const char *folder, const inv_model *model, inv_import *how,
                       char note[INV_TEXT_MAX])
{
    inv_dataset *data = NULL;
    trial t = {.net = model->net};
    inv_status status = INV_OK;
    *note = 0;
    INV_TRY(inv_dataset_open(folder, 1.0, &data));
    if (data->test.pixels != inv_net_units(model->net, 0))
        INV_FAIL(INV_EDATA, "%s: images of %zu x %zu x %zu values; the model takes %zu values",
                 folder, data->shape.height, data->shape.width, data->shape.channels,
                 inv_net_units(model->net, 0));
    if (!is_fit(data, model->net))
        goto done;
    t.part = &data->test;
    t.images = data->test.count < IMAGES ? data->test.count : IMAGES;
    INV_TRY(inv_mat_alloc(ROWS, inv_net_units(t.net, 0), "images", &t.rows));
    INV_TRY(inv_pass_alloc(t.net, 0, inv_net_logits(t.net), ROWS, INV_PASS_FORWARD, &t.pass));
    INV_TRY(try_all(&t, how, note));
done:
    inv_pass_free(t.pass);
    inv_mat_free(t.rows);
    inv_dataset_free(data);
    return status;
}
