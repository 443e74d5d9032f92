/* Sections that are pictures: mistakes, projections, generated images, features, exemplars, filters.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "invproj/encode.h"
#include "invproj/mat.h"
#include "pictures.h"

/* What is known of each of the n pictures of a result; each NULL where the file does not say. */
typedef struct known {
    unsigned *label, *unit, *predicted, *reclassified, *judged, *index;
    float *confidence, *judge_confidence, *value, *in_top;
    unsigned char *dead, *settled;
} known;

static void known_open(report_run *r, const char *path, size_t n, known *k)
{
    k->label = report_array_of(r, path, "label", INV_UINT32, n);
    k->unit = report_array_of(r, path, "unit", INV_UINT32, n);
    k->predicted = report_array_of(r, path, "predicted", INV_UINT32, n);
    k->reclassified = report_array_of(r, path, "reclassified", INV_UINT32, n);
    k->judged = report_array_of(r, path, "judged", INV_UINT32, n);
    k->index = report_array_of(r, path, "index", INV_UINT32, n);
    k->confidence = report_array_of(r, path, "confidence", INV_FLOAT32, n);
    k->judge_confidence = report_array_of(r, path, "judge_confidence", INV_FLOAT32, n);
    k->value = report_array_of(r, path, "value", INV_FLOAT32, n);
    k->in_top = report_array_of(r, path, "in_top", INV_FLOAT32, n);
    k->dead = report_array_of(r, path, "dead", INV_UINT8, n);
    k->settled = report_array_of(r, path, "settled", INV_UINT8, n);
}

static void known_close(known *k)
{
    void *all[] = {k->label,
                   k->unit,
                   k->predicted,
                   k->reclassified,
                   k->judged,
                   k->index,
                   k->judge_confidence,
                   k->confidence,
                   k->value,
                   k->in_top,
                   k->dead,
                   k->settled};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

/* A result's object, with all that it says of itself, and its pictures; NULL where it has none. */
static json_t *open_result(report_run *r, const char *path, const char *array, report_pictures *p)
{
    if (!report_pictures_open(r, path, array, p)) {
        report_pictures_close(p);
        return NULL;
    }
    json_t *one = report_object(r);
    report_take_causes(r, path, one);
    return one;
}

/* ---- the confusion matrix and the mistakes ---- */

#define CONFUSION "/network/confusion"
#define PAIRS     20 /* that are told, the most frequent first */
#define CELLS     64 /* classes up to which the whole matrix is shown */

typedef struct mistaken {
    size_t label, predicted;
    unsigned count;
} mistaken;

/* Puts it into its place among the most frequent. */
static void note_pair(mistaken list[PAIRS], mistaken p)
{
    for (size_t i = 0; i < PAIRS && p.count > 0; i++)
        if (p.count > list[i].count) {
            const mistaken lower = list[i];
            list[i] = p;
            p = lower;
        }
}

static json_t *list_pairs(report_run *r, const unsigned *counts)
{
    mistaken most[PAIRS] = {{0, 0, 0}};
    const size_t n = r->classes;
    for (size_t i = 0; i < n * n; i++)
        if (i / n != i % n)
            note_pair(most, (mistaken){i / n, i % n, counts[i]});
    json_t *list = report_list(r);
    for (size_t i = 0; i < PAIRS && most[i].count > 0; i++)
        report_append(r, list,
                      json_pack("[IIi]", (json_int_t)most[i].label, (json_int_t)most[i].predicted,
                                (int)most[i].count));
    return list;
}

static json_t *list_rows(report_run *r, const unsigned *counts)
{
    json_t *rows = report_list(r);
    for (size_t i = 0; i < r->classes; i++) {
        json_t *row = report_list(r);
        for (size_t j = 0; j < r->classes; j++)
            report_append(r, row, inv_json_count(counts[i * r->classes + j]));
        report_append(r, rows, row);
    }
    return rows;
}

json_t *report_confusion(report_run *r)
{
    size_t rank = 0, dims[INV_RUN_RANK_MAX] = {0};
    const size_t n = r->classes;
    char name[INV_NAME_MAX];
    if (!inv_run_has(r->in.run, CONFUSION) ||
        !report_got(r, inv_run_dims(r->in.run, CONFUSION, &rank, dims)) || rank != 2 ||
        dims[0] != n || dims[1] != n)
        return NULL;
    unsigned *counts = report_array_of(r, "/network", "confusion", INV_UINT32, n * n);
    if (!counts)
        return NULL;
    json_t *one = report_object(r), *names = report_list(r);
    report_give_text(r, one, "path", "%s", CONFUSION);
    for (size_t c = 0; c < n; c++)
        report_append_text(r, names, "%s", report_class(r, c, name));
    report_give(r, one, "classes", names);
    if (n <= CELLS)
        report_give(r, one, "counts", list_rows(r, counts));
    report_give(r, one, "pairs", list_pairs(r, counts));
    free(counts);
    return one;
}

json_t *report_mistakes(report_run *r)
{
    report_pictures p;
    known k;
    char is[INV_NAME_MAX], as[INV_NAME_MAX];
    json_t *one = open_result(r, "/network/mistakes", "image", &p);
    if (!one)
        return NULL;
    report_pictures_as_pixels(r, &p);
    known_open(r, "/network/mistakes", p.n, &k);
    json_t *list = report_list(r);
    for (size_t i = 0; i < report_shown(r, p.n, one) && k.label && k.predicted && k.confidence;
         i++) {
        json_t *picture = report_picture(r, &p, i);
        const char *label = report_class(r, k.label[i], is);
        const char *predicted = report_class(r, k.predicted[i], as);
        report_give_text(r, picture, "caption", "%s as %s", label, predicted);
        report_give_text(r, picture, "note", "%.3f", (double)k.confidence[i]);
        report_give_text(r, picture, "alt",
                         "test image of class %s, which the net takes for %s with confidence %.3f",
                         label, predicted, (double)k.confidence[i]);
        report_fact(r, picture, "class", "%s", label);
        report_fact(r, picture, "taken for", "%s", predicted);
        report_fact(r, picture, "confidence", "%.4f", (double)k.confidence[i]);
        if (k.index)
            report_fact(r, picture, "test image", "%u, from 0", k.index[i]);
        report_append(r, list, picture);
    }
    report_give(r, one, "pictures", list);
    known_close(&k);
    report_pictures_close(&p);
    return one;
}

/* ---- projections ---- */

/* What the net takes each of those for that are shown; NULL where there is no net that takes such. */
static unsigned *classify(report_run *r, const report_pictures *p)
{
    const inv_net *net = r->in.net;
    const size_t pixels = inv_shape_size(p->shape), n = p->n < REPORT_SHOWN ? p->n : REPORT_SHOWN;
    gsl_matrix_float *x = NULL;
    inv_pass *pass = NULL;
    void *classes = NULL;
    inv_status status = INV_OK;
    if (!net || inv_net_units(net, 0) != pixels || inv_net_logits(net) == 0)
        return NULL;
    INV_TRY(inv_calloc(n, sizeof(unsigned), "classes", &classes));
    INV_TRY(inv_mat_alloc(n, pixels, "images", &x));
    INV_TRY(inv_pass_alloc(net, 0, inv_net_logits(net), n, INV_PASS_FORWARD, &pass));
    memcpy(x->data, p->values, n * pixels * sizeof(float));
    inv_encode_classes(inv_net_forward(net, pass, x), NULL, classes);
done:
    inv_pass_free(pass);
    inv_mat_free(x);
    if (!report_got(r, status)) {
        free(classes);
        classes = NULL;
    }
    return classes;
}

static double mean_difference(const float *x, const float *y, size_t n)
{
    double sum = 0.0;
    for (size_t j = 0; j < n; j++)
        sum += fabs((double)x[j] - (double)y[j]);
    return sum / (double)n;
}

static json_t *take_original(report_run *r, const report_pictures *p, const known *k, size_t i)
{
    char is[INV_NAME_MAX], as[INV_NAME_MAX];
    json_t *picture = report_picture(r, p, i);
    const char *label = k->label ? report_class(r, k->label[i], is) : NULL;
    const char *predicted = k->predicted ? report_class(r, k->predicted[i], as) : "";
    if (label)
        report_fact(r, picture, "class", "%s", label);
    if (k->predicted)
        report_fact(r, picture, "taken for", "%s", predicted);
    if (k->confidence)
        report_fact(r, picture, "confidence", "%.4f", (double)k->confidence[i]);
    report_give_text(r, picture, "caption", "%s", label ? label : predicted);
    report_give_text(r, picture, "alt", "image %zu%s%s, which the net takes for %s", i,
                     label ? ", of class " : "", label ? label : "", predicted);
    return picture;
}

static json_t *take_projection(report_run *r, const report_pictures *from, const report_pictures *p,
                               const unsigned *classes, size_t i)
{
    const size_t n = inv_shape_size(p->shape);
    const double l1 = mean_difference(from->values + i * n, p->values + i * n, n);
    char as[INV_NAME_MAX];
    json_t *picture = report_picture(r, p, i);
    const char *taken = classes ? report_class(r, classes[i], as) : NULL;
    report_fact(r, picture, "L1 per pixel", "%.4f", l1);
    if (taken)
        report_fact(r, picture, "taken for", "%s", taken);
    report_give_text(r, picture, "caption", "%s", taken ? taken : "");
    report_give_text(r, picture, "note", "L1 %.3f", l1);
    report_give(r, picture, "l1", inv_json_real(l1));
    report_give_text(r, picture, "alt", "projection of image %zu, L1 %.3f per pixel%s%s", i, l1,
                     taken ? ", which the net takes for " : "", taken ? taken : "");
    return picture;
}

static json_t *take_pairs(report_run *r, const char *path)
{
    report_pictures from, p = {.values = NULL};
    known k;
    json_t *one = open_result(r, path, "original", &from), *list = NULL;
    const bool good = one && report_pictures_open(r, path, "image", &p) && p.n == from.n &&
                      inv_shape_size(p.shape) == inv_shape_size(from.shape);
    if (good) {
        unsigned *classes = classify(r, &p);
        report_pictures_as_pixels(r, &from);
        report_pictures_as_pixels(r, &p);
        known_open(r, path, p.n, &k);
        list = report_list(r);
        for (size_t i = 0; i < report_shown(r, p.n, one); i++) {
            json_t *pair = report_object(r);
            report_give(r, pair, "original", take_original(r, &from, &k, i));
            report_give(r, pair, "image", take_projection(r, &from, &p, classes, i));
            report_append(r, list, pair);
        }
        report_give(r, one, "pairs", list);
        known_close(&k);
        free(classes);
    } else {
        json_decref(one);
        one = NULL;
    }
    report_pictures_close(&p);
    report_pictures_close(&from);
    return one;
}

json_t *report_projections(report_run *r)
{
    return report_each(r, "/projections", take_pairs);
}

/* ---- generated images ---- */

/* "7", "unit 12"; `text` has room for it. */
static const char *name_aim(const report_run *r, const known *k, size_t i, char text[INV_NAME_MAX])
{
    if (k->label)
        return report_class(r, k->label[i], text);
    snprintf(text, INV_NAME_MAX, "unit %zu", k->unit ? (size_t)k->unit[i] : i);
    return text;
}

static json_t *take_made(report_run *r, const report_pictures *p, const known *k, size_t i)
{
    char aim[INV_NAME_MAX], as[INV_NAME_MAX], note[96] = "";
    size_t used = 0;
    json_t *picture = report_picture(r, p, i);
    const char *name = name_aim(r, k, i, aim);
    report_give_text(r, picture, "caption", "%s", name);
    report_fact(r, picture, k->label ? "made for class" : "made for", "%s", name);
    if (k->confidence) {
        report_fact(r, picture, "the net's confidence", "%.4f", (double)k->confidence[i]);
        used += (size_t)snprintf(note, sizeof note, "net %.3f", (double)k->confidence[i]);
    }
    if (k->judge_confidence) {
        report_fact(r, picture, "the judge's confidence", "%.4f", (double)k->judge_confidence[i]);
        snprintf(note + used, sizeof note - used, "%sjudge %.3f", used ? ", " : "",
                 (double)k->judge_confidence[i]);
    }
    if (k->reclassified)
        report_fact(r, picture, "the net takes it for", "%s",
                    report_class(r, k->reclassified[i], as));
    if (k->judged)
        report_fact(r, picture, "the judge takes it for", "%s", report_class(r, k->judged[i], as));
    if (k->value)
        report_fact(r, picture, "objective at the end", "%.4g", (double)k->value[i]);
    if (k->dead && k->dead[i]) {
        report_fact(r, picture, "dead", "nothing leads towards it");
        snprintf(note, sizeof note, "dead");
    }
    if (k->settled && !k->settled[i])
        report_fact(r, picture, "settled", "no, its steps ran out");
    if (*note)
        report_give_text(r, picture, "note", "%s", note);
    report_give_text(r, picture, "alt", "image made for %s%s%s%s", k->label ? "class " : "", name,
                     *note ? ", confidence: " : "", note);
    return picture;
}

static json_t *take_generated(report_run *r, const char *path)
{
    report_pictures p;
    known k;
    json_t *one = open_result(r, path, "image", &p);
    if (!one)
        return NULL;
    known_open(r, path, p.n, &k);
    json_t *list = report_list(r);
    for (size_t i = 0; i < report_shown(r, p.n, one); i++)
        report_append(r, list, take_made(r, &p, &k, i));
    report_give(r, one, "pictures", list);
    known_close(&k);
    report_pictures_close(&p);
    return one;
}

json_t *report_generated(report_run *r)
{
    return report_each(r, "/generated", take_generated);
}

/* ---- features ---- */

/* The means that each class has of each unit at a point: [classes, units]. */
typedef struct means {
    size_t classes, units, pitch; /* pitch: floats from one class to the next */
    float *memory;                /* that of all first, as the file has it */
} means;

/* Whether the values at a point are units, and not the pixels of channels. */
static bool has_units(const report_run *r, const char *point)
{
    size_t at = 0;
    if (!point || !r->in.net || inv_net_point(r->in.net, point, &at) != INV_OK)
        return false;
    const inv_shape shape = inv_net_shape(r->in.net, at);
    return shape.height * shape.width == 1;
}

/* "hidden2" and "hidden2.pre" are: whose unit is which stays the same from the one to the other. */
static bool are_of_one_layer(const char *a, const char *b)
{
    const size_t length = strcspn(a, ".");
    return b && length == strcspn(b, ".") && strncmp(a, b, length) == 0;
}

/* /gaussian/POINT/all is, for all images and then for each class: mean, axes, deviation. */
static void means_open(report_run *r, const char *point, means *m)
{
    char path[REPORT_PATH];
    uint64_t classes = 0, components = 0;
    size_t count = 0;
    *m = (means){0};
    snprintf(path, sizeof path, "/gaussian/%s", point ? point : "");
    if (!has_units(r, point) || !report_size(r, path, "classes", &classes) ||
        !report_size(r, path, "components", &components) || classes > INV_CLASSES_MAX ||
        components > INV_GAUSSIAN_UNITS || inv_run_has_attribute(r->in.run, path, "stale"))
        return;
    m->memory = report_array(r, path, "all", INV_FLOAT32, &count);
    m->pitch = count / (classes + 1);
    m->units = m->pitch > components ? (m->pitch - components) / (components + 1) : 0;
    m->classes = m->units * (components + 1) + components == m->pitch ? classes : 0;
}

/* The classes of which a unit has the highest means: "7, 9"; "" where nothing is known. */
static void name_classes(const report_run *r, const means *m, size_t unit, char *text, size_t size)
{
    size_t first = 0, second = 0;
    char a[INV_NAME_MAX], b[INV_NAME_MAX];
    text[0] = 0;
    if (m->classes < 3 || unit >= m->units)
        return;
    for (size_t c = 1; c < m->classes; c++)
        if (m->memory[(c + 1) * m->pitch + unit] > m->memory[(first + 1) * m->pitch + unit])
            first = c;
    second = first == 0;
    for (size_t c = 0; c < m->classes; c++)
        if (c != first &&
            m->memory[(c + 1) * m->pitch + unit] > m->memory[(second + 1) * m->pitch + unit])
            second = c;
    snprintf(text, size, "%s, %s", report_class(r, first, a), report_class(r, second, b));
}

static json_t *take_feature(report_run *r, const report_pictures *p, const known *k, const means *m,
                            size_t i)
{
    char answers[2 * INV_NAME_MAX];
    const size_t unit = k->unit ? k->unit[i] : i;
    json_t *picture = report_picture(r, p, i);
    report_give(r, picture, "unit", inv_json_count(unit));
    report_give_text(r, picture, "caption", "%zu", unit);
    report_fact(r, picture, "unit", "%zu", unit);
    name_classes(r, m, unit, answers, sizeof answers);
    if (*answers) {
        report_give_text(r, picture, "note", "%s", answers);
        report_fact(r, picture, "answers most to", "%s", answers);
    }
    if (k->in_top)
        report_fact(r, picture, "in its top hundredth", "%.4f", (double)k->in_top[i]);
    if (k->dead && k->dead[i])
        report_fact(r, picture, "dead", "nothing leads towards it");
    report_give_text(r, picture, "alt", "what unit %zu stands for%s%s", unit,
                     *answers ? "; it answers most to classes " : "", answers);
    return picture;
}

static json_t *take_features_of(report_run *r, const char *path)
{
    static const char *const arrays[] = {"image", "low", "difference"};
    report_pictures p;
    known k;
    means m;
    json_t *one = NULL;
    char *at = report_attribute(r, path, "at"), *layer = report_attribute(r, path, "layer");
    means_open(r, layer && !are_of_one_layer(layer, at) ? layer : at, &m);
    free(layer);
    for (size_t a = 0; a < sizeof arrays / sizeof *arrays; a++) {
        if (!report_pictures_open(r, path, arrays[a], &p)) {
            report_pictures_close(&p);
            continue;
        }
        if (!one) {
            one = report_object(r);
            report_take_causes(r, path, one);
            report_give(r, one, "answers", json_boolean(m.classes > 2));
        }
        if (strcmp(arrays[a], "difference") == 0)
            report_pictures_around_zero(&p);
        known_open(r, path, p.n, &k);
        json_t *list = report_list(r);
        for (size_t i = 0; i < report_shown(r, p.n, one); i++)
            report_append(r, list, take_feature(r, &p, &k, &m, i));
        report_give(r, one, a ? arrays[a] : "pictures", list);
        known_close(&k);
        report_pictures_close(&p);
    }
    free(m.memory);
    free(at);
    return one;
}

json_t *report_features(report_run *r)
{
    return report_each(r, "/features", take_features_of);
}

/* ---- exemplars ---- */

static json_t *take_exemplar(report_run *r, const report_pictures *p, const known *k, size_t i)
{
    char aim[INV_NAME_MAX];
    const bool made = k->index && k->index[i] == UINT32_MAX;
    json_t *picture = report_picture(r, p, i);
    if (made)
        report_give_text(r, picture, "note", "made");
    else if (k->value)
        report_give_text(r, picture, "note", "%.3g", (double)k->value[i]);
    if (k->index && !made)
        report_fact(r, picture, "training image", "%u, from 0", k->index[i]);
    if (k->value && isfinite(k->value[i]))
        report_fact(r, picture, "value", "%.6g", (double)k->value[i]);
    report_give_text(r, picture, "alt", "%s for %s%s", made ? "made image" : "training image",
                     k->label ? "class " : "", name_aim(r, k, i, aim));
    return picture;
}

/* Rows of pictures of the same class or unit. */
static json_t *take_exemplars_of(report_run *r, const char *path)
{
    report_pictures p;
    known k;
    char aim[INV_NAME_MAX];
    json_t *one = open_result(r, path, "image", &p), *rows = NULL, *list = NULL;
    if (!one)
        return NULL;
    known_open(r, path, p.n, &k);
    const unsigned *of = k.label ? k.label : k.unit;
    rows = report_list(r);
    for (size_t i = 0; of && i < report_shown(r, p.n, one); i++) {
        if (i == 0 || of[i] != of[i - 1]) {
            json_t *row = report_object(r);
            list = report_list(r);
            report_give_text(r, row, "caption", "%s", name_aim(r, &k, i, aim));
            report_give(r, row, "pictures", json_incref(list));
            report_append(r, rows, row);
            json_decref(list);
        }
        report_append(r, list, take_exemplar(r, &p, &k, i));
    }
    report_give(r, one, "rows", rows);
    known_close(&k);
    report_pictures_close(&p);
    return one;
}

json_t *report_exemplars(report_run *r)
{
    return report_each(r, "/exemplars", take_exemplars_of);
}

/* ---- filters ---- */

static json_t *take_filters_of(report_run *r, const char *path)
{
    report_pictures p;
    json_t *one = open_result(r, path, "image", &p);
    if (!one)
        return NULL;
    json_t *list = report_list(r);
    for (size_t i = 0; i < report_shown(r, p.n, one); i++) {
        json_t *picture = report_picture(r, &p, i);
        report_give_text(r, picture, "caption", "%zu", i);
        report_give_text(r, picture, "alt", "kernel of unit %zu of the first layer", i);
        report_append(r, list, picture);
    }
    report_give(r, one, "pictures", list);
    report_pictures_close(&p);
    return one;
}

json_t *report_filters(report_run *r)
{
    return report_each(r, "/filters", take_filters_of);
}
