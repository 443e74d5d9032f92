/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/exemplars.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/plural.h"
#include "invproj/encode.h"

static const inv_choice objectives[] = {
    {"probability", NULL}, {"logit", NULL}, {"margin", NULL}, {"cross_entropy", NULL}, {0}};

const inv_exemplars_spec inv_exemplars_defaults = {
    .name = "exemplars", .objective = "margin", .count = 5};

const inv_field inv_exemplars_fields[] = {
    {"name", INV_FIELD_NAME, offsetof(inv_exemplars_spec, name),
     .help = "name of the result in the run file"},
    {"objective", INV_FIELD_NAME, offsetof(inv_exemplars_spec, objective), .choices = objectives,
     .topic = "objectives", .help = "objective by which the best images of a class are chosen"},
    {"layer", INV_FIELD_NAME, offsetof(inv_exemplars_spec, layer),
     .help = "instead of classes: point for whose units or channels images are found"},
    {"classes", INV_FIELD_SIZES, offsetof(inv_exemplars_spec, classes), 0, 1e6,
     .help = "classes for which images are found; empty: all"},
    {"units", INV_FIELD_SIZES, offsetof(inv_exemplars_spec, units), 0, 1e9,
     .help = "numbers of the layer's units or channels; empty: all"},
    {"count", INV_FIELD_SIZE, offsetof(inv_exemplars_spec, count), 1, 1000,
     .help = "number of images of each"},
    {"beside", INV_FIELD_NAME, offsetof(inv_exemplars_spec, beside),
     .help =
         "result whose images are shown beside them; empty: the generated images or the features"},
    {0}};

/* What one search works on. */
typedef struct search {
    const inv_exemplars_spec *spec;
    const inv_net *net;
    size_t point;
    inv_objective_spec how;
    inv_objective *objective; /* of all the rows */
    gsl_matrix_float *mix;    /* [rows, classes]: of classes */
    gsl_matrix_float *images; /* [chunk, pixels] */
    float *room;
    inv_pass *pass;
} search;

static void search_close(search *s)
{
    inv_objective_free(s->objective);
    inv_mat_free(s->mix);
    inv_mat_free(s->images);
    free(s->room);
    inv_pass_free(s->pass);
}

static bool is_of_layer(const search *s)
{
    return *s->spec->layer != 0;
}

/* What it is of, where that is, and how many there are to choose from. */
static inv_status find_objective(search *s, size_t *choices)
{
    inv_status status = inv_fields_check(inv_exemplars_fields, s->spec, "exemplars");
    if (status != INV_OK)
        return status;
    s->how = inv_objective_defaults;
    if (!is_of_layer(s)) {
        s->point = inv_net_logits(s->net);
        *choices = inv_net_units(s->net, s->point);
        strcpy(s->how.type, s->spec->objective);
        return INV_OK;
    }
    status = inv_net_point(s->net, s->spec->layer, &s->point);
    if (status != INV_OK)
        return status;
    if (s->point == 0)
        return INV_ERROR(INV_ECONFIG, "exemplars.layer: the input has no units to ask");
    const inv_shape shape = inv_net_shape(s->net, s->point);
    const bool image = shape.height * shape.width > 1;
    *choices = image ? shape.channels : inv_shape_size(shape);
    strcpy(s->how.type, image ? "channel" : "unit");
    strcpy(s->how.at, s->spec->layer);
    return INV_OK;
}

static const inv_sizes *chosen_of(const inv_exemplars_spec *spec)
{
    return *spec->layer ? &spec->units : &spec->classes;
}

inv_status inv_exemplars_rows(const inv_exemplars_spec *spec, const inv_net *net, size_t *rows)
{
    search s = {.spec = spec, .net = net};
    inv_status status = find_objective(&s, rows);
    if (chosen_of(spec)->count > 0)
        *rows = chosen_of(spec)->count;
    return status;
}

static inv_status choose_rows(const search *s, size_t choices, inv_exemplars *out)
{
    const inv_sizes *chosen = chosen_of(s->spec);
    void *which = NULL, *index = NULL, *value = NULL;
    inv_status status = INV_OK;
    out->rows = chosen->count ? chosen->count : choices;
    out->count = s->spec->count;
    INV_TRY(inv_calloc(out->rows, sizeof *out->which, "exemplars", &which));
    out->which = which;
    INV_TRY(inv_calloc(out->rows, out->count * sizeof *out->index, "exemplars", &index));
    out->index = index;
    INV_TRY(inv_calloc(out->rows, out->count * sizeof *out->value, "exemplars", &value));
    out->value = value;
    for (size_t r = 0; r < out->rows; r++) {
        const size_t which_one = chosen->count ? chosen->values[r] : r;
        if (which_one >= choices)
            INV_FAIL(INV_ECONFIG, "exemplars.%s: %zu does not exist (0 to %zu)",
                     is_of_layer(s) ? "units" : "classes", which_one, choices - 1);
        out->which[r] = (unsigned)which_one;
    }
    for (size_t i = 0; i < out->rows * out->count; i++)
        out->value[i] = -INFINITY;
done:
    return status;
}

static inv_status search_open(search *s, size_t choices, const inv_part *part,
                              const inv_exemplars *out)
{
    const size_t chunk = inv_encode_rows(s->net, part->count);
    inv_goal goal = {.rows = out->rows};
    void *room = NULL;
    inv_status status = INV_OK;
    if (is_of_layer(s)) {
        goal.index = out->which;
    } else {
        INV_TRY(inv_mat_alloc(out->rows, choices, "classes", &s->mix));
        for (size_t r = 0; r < out->rows; r++)
            gsl_matrix_float_set(s->mix, r, out->which[r], 1.0f);
        goal.mix = s->mix;
    }
    INV_TRY(inv_objective_alloc(&s->how, s->net, 0, &goal, "exemplars.objective", &s->objective));
    INV_TRY(inv_calloc(inv_net_units(s->net, s->point), sizeof(float), "exemplars", &room));
    s->room = room;
    INV_TRY(inv_mat_alloc(chunk, part->pixels, "images", &s->images));
    INV_TRY(inv_pass_alloc(s->net, 0, s->point, chunk, INV_PASS_FORWARD, &s->pass));
done:
    return status;
}

/* Image `index` takes its place among the best of row r, if it has one. */
static void insert(inv_exemplars *out, size_t r, uint32_t index, float value)
{
    float *values = out->value + r * out->count;
    uint32_t *indices = out->index + r * out->count;
    size_t place = out->count;
    while (place > 0 && value > values[place - 1])
        place--;
    if (place == out->count)
        return;
    memmove(values + place + 1, values + place, (out->count - place - 1) * sizeof *values);
    memmove(indices + place + 1, indices + place, (out->count - place - 1) * sizeof *indices);
    values[place] = value;
    indices[place] = index;
}

static void look_through(search *s, const inv_part *part, inv_exemplars *out)
{
    const size_t chunk = s->images->size1;
    for (size_t first = 0; first < part->count; first += chunk) {
        const size_t n = part->count - first < chunk ? part->count - first : chunk;
        const gsl_matrix_float x = inv_mat_head(s->images, n);
        inv_part_rows(part, first, n, s->images);
        const gsl_matrix_float *y = inv_net_forward(s->net, s->pass, &x);
        for (size_t r = 0; r < out->rows; r++)
            for (size_t i = 0; i < n; i++)
                insert(out, r, (uint32_t)(first + i),
                       (float)-inv_objective_of(s->objective, r, y->data + i * y->tda, s->room));
    }
}

inv_status inv_exemplars_find(const inv_exemplars_spec *spec, const inv_net *net,
                              const inv_part *part, inv_exemplars *out)
{
    search s = {.spec = spec, .net = net};
    size_t choices = 0;
    inv_status status = INV_OK;
    *out = (inv_exemplars){0};
    INV_TRY(find_objective(&s, &choices));
    INV_TRY(inv_encode_check(net, part));
    if (part->count < spec->count)
        INV_FAIL(INV_EDATA,
                 "exemplars.count: %zu, but there %s %zu %s; make it smaller, as with --count %zu",
                 spec->count, inv_plural(part->count, "is", "are"), part->count,
                 inv_plural(part->count, "image", "images"), part->count);
    INV_TRY(choose_rows(&s, choices, out));
    INV_TRY(search_open(&s, choices, part, out));
    look_through(&s, part, out);
done:
    search_close(&s);
    if (status != INV_OK)
        inv_exemplars_close(out);
    return status;
}

void inv_exemplars_close(inv_exemplars *exemplars)
{
    free(exemplars->which);
    free(exemplars->index);
    free(exemplars->value);
    *exemplars = (inv_exemplars){0};
}
