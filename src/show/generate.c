/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/generate.h"

#include <stdlib.h>
#include <string.h>

static bool is(const char *name, const char *other)
{
    return strcmp(name, other) == 0;
}

/* Those of inv_objective_types that ask for something. */
static const inv_choice objectives[] = {{"l1", NULL},
                                        {"probability", NULL},
                                        {"cross_entropy", NULL},
                                        {"logit", NULL},
                                        {"margin", NULL},
                                        {"absolute_error", NULL},
                                        {"activation", NULL},
                                        {"unit", NULL},
                                        {"channel", NULL},
                                        {"energy", NULL},
                                        {0}};
const inv_choice inv_generate_presets[] = {
    {"plain", "r2rt's: the values themselves, by gradient descent at rate 1, for the objective l1"},
    {"recommended",
     "images near those of the class, of which the net is sure: whitened, adam, margin"},
    {"varied",
     "the same from points as far apart as real images, and farther: many different ones"},
    {"no_data", "images made without any others: waves, moved, turned and zoomed at each step"},
    {0}};

const inv_field inv_generate_fields[] = {
    {"name", INV_FIELD_NAME, offsetof(inv_generate_spec, name),
     .help = "name of the result in the run file"},
    {"preset", INV_FIELD_NAME, offsetof(inv_generate_spec, preset), .choices = inv_generate_presets,
     .topic = "presets", .help = "set of defaults for the other keys of the group"},
    {"also", INV_FIELD_NAME, offsetof(inv_generate_spec, also), .choices = inv_generate_presets,
     .optional = true, .topic = "presets",
     .help = "preset with which the same images are made a second time, under the preset's name"},
    {"inverse", INV_FIELD_NAME, offsetof(inv_generate_spec, inverse),
     .help = "name of the inverse that turns the values into images; empty: the experiment's"},
    {"at", INV_FIELD_NAME, offsetof(inv_generate_spec, at),
     .help = "point whose values are optimised; input: the image itself"},
    {"objective", INV_FIELD_NAME, offsetof(inv_generate_spec, objective), .choices = objectives,
     .topic = "objectives", .help = "objective for which the values are optimised"},
    {"of", INV_FIELD_NAME, offsetof(inv_generate_spec, of),
     .help = "point to which the objectives unit, channel, energy and activation refer"},
    {"classes", INV_FIELD_SIZES, offsetof(inv_generate_spec, classes), 0, 1e6,
     .help = "classes to make images of; empty: all"},
    {"units", INV_FIELD_SIZES, offsetof(inv_generate_spec, units), 0, 1e9,
     .help = "numbers of units or channels, for those objectives; empty: all"},
    {"mix", INV_FIELD_REALS, offsetof(inv_generate_spec, mix), 0.0, 1e6,
     .help = "instead of classes: the weight of each class in a mixture, as in [0, 1, 0, 1]"},
    {"targets", INV_FIELD_SIZES, offsetof(inv_generate_spec, targets), 0, 1e9,
     .help = "instead of classes: numbers of the test images to match"},
    {"count", INV_FIELD_SIZE, offsetof(inv_generate_spec, count), 1, 100000,
     .help = "number of images of each class, unit, mix or target"},
    INV_OPTIMISE_PART(offsetof(inv_generate_spec, optimise)),
    {0}};

const inv_generate_spec inv_generate_defaults = {
    .name = "generated",
    .at = "input",
    .preset = "plain",
    .objective = "l1",
    .count = 1,
    .optimise = INV_OPTIMISE_DEFAULTS,
};

/* Images as coordinates in the Gaussian of the class's own, from points of it near its middle. */
static const inv_generate_spec recommended = {
    .name = "generated",
    .at = "input",
    .preset = "recommended",
    .objective = "margin",
    .count = 1,
    .optimise =
        {.steps = 500,
         .optimiser = {.type = "adam", .rate = 0.02, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-7},
         .parametrisation = {.type = "whitened", .of = "class", .components = 100, .penalty = 0.1},
         .bounds = {0.0, 0.0}, /* those of pixels */
         .from = "normal",
         .spread = 0.6,
         .jitter = 1.0,
         .blur = 0.5,
         .minimum = 40,
         .until = 0.995,
         .tolerance = 1e-4},
};

/* What the net has in mind stays recognisable when the image moves, and noise does not. */
static const inv_generate_spec no_data = {
    .name = "generated",
    .at = "input",
    .preset = "no_data",
    .objective = "margin",
    .count = 1,
    .optimise =
        {.steps = 300,
         .optimiser = {.type = "adam", .rate = 0.05, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-7},
         .parametrisation = {.type = "waves", .of = "all", .penalty = 0.1},
         .bounds = {0.0, 0.0}, /* those of pixels */
         .from = "normal",
         .spread = 1.0,
         .jitter = 3.0,
         .turn = 15.0,
         .zoom = 0.15,
         .blur = 0.5,
         .tolerance = 1e-4},
};

#define VARIED 1.4 /* deviations of the starts, measured: those of 0.6 are alike */

void inv_generate_start(const char *preset, void *spec)
{
    inv_generate_spec *to = spec;
    if (is(preset, inv_generate_defaults.preset))
        *to = inv_generate_defaults;
    else if (is(preset, no_data.preset))
        *to = no_data;
    else if (is(preset, recommended.preset) || is(preset, "varied"))
        *to = recommended;
    if (is(preset, "varied")) {
        strcpy(to->preset, preset);
        to->optimise.spread = VARIED;
    }
}

struct inv_generator {
    const inv_net *net;
    const inv_generate_spec *spec;
    size_t at, rows;
    bool by_unit; /* rows are of units or channels, or of a whole layer; not of classes */
    gsl_matrix_float *mix, *start, *images, *recorded;
    unsigned *label;
    const inv_gaussian **of;
    inv_optimisation *optimisation;
};

static bool wants_start(const inv_generate_spec *spec)
{
    return is(spec->optimise.from, "class_mean") || is(spec->optimise.from, "image") ||
           is(spec->optimise.from, "target");
}

bool inv_generate_needs_data(const inv_generate_spec *spec)
{
    return spec->targets.count > 0 || wants_start(spec);
}

/* ---- what is asked for ---- */

static const char *stage_of(const inv_material *material)
{
    return material->stage ? material->stage : "generate";
}

bool inv_generate_is_by_unit(const inv_generate_spec *spec)
{
    return is(spec->objective, "unit") || is(spec->objective, "channel") ||
           is(spec->objective, "energy");
}

bool inv_generate_is_by_class(const inv_generate_spec *spec)
{
    return !inv_generate_is_by_unit(spec) && spec->targets.count == 0 && spec->mix.count == 0;
}

/* The units, or the channels, of the point `of`; those that are asked for must be among them. */
static inv_status count_units(const inv_generate_spec *spec, const inv_net *net, const char *stage,
                              size_t *count)
{
    size_t point = 0;
    inv_status status = INV_OK;
    *count = 1;
    if (!*spec->of)
        return INV_ERROR(INV_ECONFIG, "%s.of: %s needs a point, as in hidden1.pre", stage,
                         spec->objective);
    status = inv_net_point(net, spec->of, &point);
    if (status != INV_OK || is(spec->objective, "energy"))
        return status;
    *count = is(spec->objective, "unit") ? inv_net_units(net, point)
                                         : inv_net_shape(net, point).channels;
    for (size_t i = 0; i < spec->units.count; i++)
        if (spec->units.values[i] >= *count)
            return INV_ERROR(INV_ECONFIG, "%s.units: %s %zu does not exist at %s (0 to %zu)", stage,
                             spec->objective, spec->units.values[i], spec->of, *count - 1);
    return INV_OK;
}

static size_t kinds(const inv_generate_spec *spec, size_t classes)
{
    if (inv_generate_is_by_unit(spec))
        return spec->units.count ? spec->units.count : classes;
    if (spec->targets.count > 0)
        return spec->targets.count;
    if (spec->mix.count > 0)
        return 1;
    return spec->classes.count ? spec->classes.count : classes;
}

inv_status inv_generate_rows(const inv_generate_spec *spec, const inv_net *net, const char *stage,
                             size_t *rows)
{
    size_t units = inv_net_units(net, inv_net_depth(net));
    inv_status status =
        inv_generate_is_by_unit(spec) ? count_units(spec, net, stage, &units) : INV_OK;
    *rows = kinds(spec, units) * spec->count;
    return status;
}

static inv_status check_mix(const inv_generate_spec *spec, const char *stage, size_t classes)
{
    double sum = 0.0;
    for (size_t i = 0; i < spec->mix.count; i++)
        sum += spec->mix.values[i];
    if (spec->mix.count > 0 && (spec->mix.count > classes || !(sum > 0.0)))
        return INV_ERROR(INV_ECONFIG, "%s.mix: needs the parts of at most %zu classes, not all 0",
                         stage, classes);
    return INV_OK;
}

/* That data and Gaussians are of such a net. */
static inv_status check_material(const inv_net *net, const inv_material *material, size_t at,
                                 const char *stage)
{
    const inv_dataset *data = material->data;
    const inv_gaussians *g = material->gaussians;
    const size_t classes = inv_net_units(net, inv_net_depth(net)), units = inv_net_units(net, at);
    if (data && (data->train.pixels != inv_net_units(net, 0) || data->classes > classes))
        return INV_ERROR(INV_EINVAL,
                         "%s: the network takes %zu values and tells %zu classes apart, the images "
                         "have %zu and are of %zu",
                         stage, inv_net_units(net, 0), classes, data->train.pixels, data->classes);
    if (g && g->all.units != units)
        return INV_ERROR(INV_EINVAL, "%s: a Gaussian of %zu values; at %s are %zu", stage,
                         g->all.units, inv_net_point_name(net, at), units);
    return INV_OK;
}

static inv_status check(const inv_generate_spec *spec, const inv_net *net,
                        const inv_material *material, size_t *at)
{
    const size_t classes = inv_net_units(net, inv_net_depth(net));
    const char *stage = stage_of(material);
    inv_status status = inv_fields_check(inv_generate_fields, spec, stage);
    if (status == INV_OK)
        status = inv_net_point(net, spec->at, at);
    if (status == INV_OK)
        status = check_material(net, material, *at, stage);
    if (status != INV_OK)
        return status;
    for (size_t i = 0; i < spec->classes.count; i++)
        if (spec->classes.values[i] >= classes)
            return INV_ERROR(INV_ECONFIG, "%s.classes: class %zu does not exist (0 to %zu)", stage,
                             spec->classes.values[i], classes - 1);
    if (spec->targets.count > 0 && material->data && material->data->test.count == 0)
        return INV_ERROR(INV_ECONFIG, "%s.targets: %s has no test images", stage,
                         material->data->name);
    for (size_t i = 0; i < spec->targets.count && material->data; i++)
        if (spec->targets.values[i] >= material->data->test.count)
            return INV_ERROR(INV_ECONFIG, "%s.targets: test image %zu does not exist (0 to %zu)",
                             stage, spec->targets.values[i], material->data->test.count - 1);
    if (is(spec->optimise.from, "target") && spec->targets.count == 0)
        return INV_ERROR(INV_ECONFIG, "%s.targets: from = \"target\" needs images to start from",
                         stage);
    if (is(spec->objective, "activation") && (!*spec->of || spec->targets.count == 0))
        return INV_ERROR(INV_ECONFIG,
                         "%s.%s: activation needs images to match, as in targets = [0, 1], and the "
                         "point at which they are matched, as in of = \"hidden1\"",
                         stage, *spec->of ? "targets" : "of");
    if (is(spec->optimise.parametrisation.type, "mask") && spec->targets.count == 0)
        return INV_ERROR(INV_ECONFIG,
                         "%s.targets: a mask is laid over images; give the numbers of some, as in "
                         "targets = [0, 1]",
                         stage);
    if (inv_generate_is_by_unit(spec) && material->gaussians &&
        is(spec->optimise.parametrisation.of, "class"))
        return INV_ERROR(INV_ECONFIG,
                         "%s.parametrisation.of: images of units have no class; set it to \"all\"",
                         stage);
    if (spec->targets.count + (wants_start(spec) ? 1 : 0) > 0 && !material->data)
        return INV_ERROR(INV_EINVAL, "%s: needs the data", stage);
    return check_mix(spec, stage, classes);
}

static void set_mix(const inv_generate_spec *spec, float *mix, unsigned *label)
{
    double sum = 0.0, maximum = 0.0;
    for (size_t c = 0; c < spec->mix.count; c++)
        sum += spec->mix.values[c];
    for (size_t c = 0; c < spec->mix.count; c++) {
        mix[c] = (float)(spec->mix.values[c] / sum);
        if (spec->mix.values[c] > maximum) {
            maximum = spec->mix.values[c];
            *label = (unsigned)c;
        }
    }
}

static void set_row(inv_generator *g, const inv_material *material, size_t i)
{
    const inv_generate_spec *spec = g->spec;
    const size_t kind = i / spec->count;
    float *mix = g->mix->data + i * g->mix->tda;
    if (g->by_unit) {
        g->label[i] = (unsigned)(spec->units.count ? spec->units.values[kind] : kind);
        return;
    }
    if (spec->targets.count > 0)
        g->label[i] = material->data->test.labels[spec->targets.values[kind]];
    else
        g->label[i] = (unsigned)(spec->classes.count ? spec->classes.values[kind] : kind);
    if (spec->mix.count > 0 && spec->targets.count == 0)
        set_mix(spec, mix, &g->label[i]);
    else
        mix[g->label[i]] = 1.0f;
}

/* ---- what comes from the data ---- */

/* The values at `point` of the test images that are targets, a row for each row. */
static inv_status record(inv_generator *g, const inv_part *part, size_t point,
                         gsl_matrix_float **out)
{
    uint32_t index = 0;
    gsl_matrix_float *image = NULL;
    inv_pass *pass = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_mat_alloc(g->rows, inv_net_units(g->net, point), "targets", out));
    INV_TRY(inv_mat_alloc(1, part->pixels, "target", &image));
    if (point > 0)
        INV_TRY(inv_pass_alloc(g->net, 0, point, 1, INV_PASS_FORWARD, &pass));
    for (size_t i = 0; i < g->rows; i++) {
        index = (uint32_t)g->spec->targets.values[i / g->spec->count];
        inv_part_gather(part, &index, 1, image);
        const gsl_matrix_float *y = pass ? inv_net_forward(g->net, pass, image) : image;
        memcpy((*out)->data + i * (*out)->tda, y->data, y->size2 * sizeof(float));
    }
done:
    inv_pass_free(pass);
    inv_mat_free(image);
    return status;
}

/* row = the mean of the images of that class */
static void add_class_mean(const inv_part *part, unsigned class, float *image, float *row)
{
    gsl_matrix_float one = inv_mat_over(image, 1, part->pixels);
    size_t n = 0;
    for (size_t k = 0; k < part->count; k++) {
        const uint32_t index = (uint32_t)k;
        if (part->labels[k] != class)
            continue;
        n++;
        inv_part_gather(part, &index, 1, &one);
        for (size_t j = 0; j < part->pixels; j++)
            row[j] += image[j];
    }
    for (size_t j = 0; n > 0 && j < part->pixels; j++)
        row[j] /= (float)n;
}

/* The mean image of the training images of each row's class. */
static inv_status add_class_means(const inv_part *part, const unsigned *label, gsl_matrix_float *to)
{
    void *image = NULL;
    inv_status status = inv_calloc(part->pixels, sizeof(float), "image", &image);
    for (size_t i = 0; status == INV_OK && i < to->size1; i++) {
        float *row = to->data + i * to->tda;
        if (i > 0 && label[i] == label[i - 1])
            memcpy(row, row - to->tda, to->size2 * sizeof(float));
        else
            add_class_mean(part, label[i], image, row);
    }
    free(image);
    return status;
}

/* Training images of each row's class, drawn. */
static inv_status draw_images(const inv_part *part, const unsigned *label,
                              const inv_material *material, gsl_matrix_float *to)
{
    gsl_rng *rng = NULL;
    char stream[INV_NAME_MAX];
    snprintf(stream, sizeof stream, "%s%sstart images", material->stage ? material->stage : "",
             material->stage ? " " : "");
    inv_status status = inv_rng_alloc(material->seed, stream, &rng);
    for (size_t i = 0; status == INV_OK && i < to->size1; i++) {
        uint32_t index = (uint32_t)gsl_rng_uniform_int(rng, part->count);
        for (size_t tries = 0; part->labels[index] != label[i] && tries < part->count; tries++)
            index = (uint32_t)((index + 1) % part->count);
        gsl_matrix_float row = inv_mat_over(to->data + i * to->tda, 1, to->size2);
        inv_part_gather(part, &index, 1, &row);
    }
    inv_rng_free(rng);
    return status;
}

/* Images, or what the net makes of them at the point. */
static inv_status find_start(inv_generator *g, const inv_material *material)
{
    const inv_part *part = &material->data->train;
    gsl_matrix_float *images = NULL;
    inv_pass *pass = NULL;
    inv_status status = INV_OK;
    if (is(g->spec->optimise.from, "target"))
        return record(g, &material->data->test, g->at, &g->start);
    INV_TRY(inv_mat_alloc(g->rows, part->pixels, "starts", &images));
    if (is(g->spec->optimise.from, "class_mean"))
        INV_TRY(add_class_means(part, g->label, images));
    else
        INV_TRY(draw_images(part, g->label, material, images));
    if (g->at == 0) {
        g->start = images;
        images = NULL;
    } else {
        INV_TRY(inv_pass_alloc(g->net, 0, g->at, g->rows, INV_PASS_FORWARD, &pass));
        INV_TRY(inv_mat_alloc(g->rows, inv_net_units(g->net, g->at), "starts", &g->start));
        gsl_matrix_float_memcpy(g->start, inv_net_forward(g->net, pass, images));
    }
done:
    inv_pass_free(pass);
    inv_mat_free(images);
    return status;
}

static inv_status find_material(inv_generator *g, const inv_material *material)
{
    const inv_generate_spec *spec = g->spec;
    const inv_gaussians *gaussians = material->gaussians;
    const bool by_class = is(spec->optimise.parametrisation.of, "class");
    size_t point = 0;
    inv_status status = INV_OK;
    for (size_t i = 0; gaussians && i < g->rows; i++) {
        g->of[i] = by_class && g->label[i] < gaussians->classes ? &gaussians->of[g->label[i]]
                                                                : &gaussians->all;
        if (!inv_gaussian_is_there(g->of[i]))
            INV_FAIL(
                INV_EDATA,
                "%s: class %u has no images, and so no Gaussian to start from; leave it out, or "
                "set parametrisation.of to \"all\"",
                stage_of(material), g->label[i]);
    }
    if (wants_start(spec))
        INV_TRY(find_start(g, material));
    if (is(spec->optimise.parametrisation.type, "mask") && spec->targets.count > 0)
        INV_TRY(record(g, &material->data->test, g->at, &g->images));
    if (is(spec->objective, "activation")) {
        INV_TRY(inv_net_point(g->net, spec->of, &point));
        INV_TRY(record(g, &material->data->test, point, &g->recorded));
    }
done:
    return status;
}

/* ---- the generator ---- */

static inv_status alloc_rows(inv_generator *g, size_t classes)
{
    void *label = NULL, *of = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_calloc(g->rows, sizeof *g->label, "labels", &label));
    g->label = label;
    INV_TRY(inv_calloc(g->rows, sizeof *g->of, "Gaussians", &of));
    g->of = of;
    INV_TRY(inv_mat_alloc(g->rows, classes, "classes", &g->mix));
done:
    return status;
}

static inv_status alloc_optimisation(inv_generator *g, const inv_material *material)
{
    inv_objective_spec objective = inv_objective_defaults;
    strcpy(objective.type, g->spec->objective);
    strcpy(objective.at, g->spec->of);
    const inv_optimise_task task = {
        .net = g->net,
        .at = g->at,
        .objective = &objective,
        .goal = {.rows = g->rows,
                 .mix = g->by_unit ? NULL : g->mix,
                 .index = g->by_unit && !is(objective.type, "energy") ? g->label : NULL,
                 .group = g->label,
                 .recorded = g->recorded,
                 .gaussian = material->gaussians ? &material->gaussians->all : NULL},
        .of = material->gaussians ? g->of : NULL,
        .images = g->images,
        .start = g->start,
        .seed = material->seed,
        .stage = stage_of(material),
        .ground = material->pixels ? material->pixels->ground : 0.0,
    };
    inv_optimise_spec optimise = g->spec->optimise;
    inv_optimise_set_bounds(&optimise, g->at == 0, material->pixels);
    return inv_optimisation_alloc(&optimise, &task, &g->optimisation);
}

inv_status inv_generator_alloc(const inv_generate_spec *spec, const inv_net *net,
                               const inv_material *material, inv_generator **out)
{
    const size_t classes = inv_net_units(net, inv_net_depth(net));
    void *memory = NULL;
    inv_generator *g = NULL;
    size_t at = 0, rows = 0;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(check(spec, net, material, &at));
    INV_TRY(inv_generate_rows(spec, net, stage_of(material), &rows));
    INV_TRY(inv_calloc(1, sizeof *g, "generator", &memory));
    g = memory;
    *g = (inv_generator){
        .net = net, .spec = spec, .at = at, .rows = rows, .by_unit = inv_generate_is_by_unit(spec)};
    INV_TRY(alloc_rows(g, classes));
    for (size_t i = 0; i < g->rows; i++)
        set_row(g, material, i);
    INV_TRY(find_material(g, material));
    INV_TRY(alloc_optimisation(g, material));
    *out = g;
    return INV_OK;
done:
    inv_generator_free(g);
    return status;
}

void inv_generator_free(inv_generator *g)
{
    if (!g)
        return;
    inv_optimisation_free(g->optimisation);
    inv_mat_free(g->mix);
    inv_mat_free(g->start);
    inv_mat_free(g->images);
    inv_mat_free(g->recorded);
    free(g->label);
    free(g->of);
    free(g);
}

inv_status inv_generator_step(inv_generator *g, inv_optimise_report *report)
{
    return inv_optimisation_step(g->optimisation, report);
}

inv_status inv_generator_finish(inv_generator *g, inv_optimise_report *report)
{
    return inv_optimisation_finish(g->optimisation, report);
}

const gsl_matrix_float *inv_generator_values(const inv_generator *g)
{
    return inv_optimisation_values(g->optimisation);
}

const inv_optimisation *inv_generator_optimisation(const inv_generator *g)
{
    return g->optimisation;
}

const unsigned *inv_generator_labels(const inv_generator *g)
{
    return g->label;
}

bool inv_generator_has_classes(const inv_generator *g)
{
    return !g->by_unit;
}

void inv_generator_confidence(inv_generator *g, float *confidence)
{
    inv_optimisation_probability(g->optimisation, confidence);
}
