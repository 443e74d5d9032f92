/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "invproj/experiment.h"
#include "invproj/layer.h"
#include "invproj/net.h"
#include "suites.h"

#define LAYERS "network = { layers = ( { name = \"o\"; type = \"dense\"; } ); };\n"

static const char *experiments(void)
{
    const char *folder = getenv("INVPROJ_EXPERIMENTS");
    return folder && *folder ? folder : "experiments";
}

static inv_config *read_config(const char *name)
{
    inv_config *config = NULL;
    ck_assert_status(inv_config_read_file(support_at(experiments(), name), &config), INV_OK);
    return config;
}

static inv_config *config_of(const char *text)
{
    inv_config *config = NULL;
    ck_assert_status(inv_config_read_text("e.cfg", text, &config), INV_OK);
    return config;
}

static void assert_sheet(const inv_sheet *sheet, const inv_sheet *want)
{
    ck_assert_uint_eq(sheet->columns, want->columns);
    ck_assert_uint_eq(sheet->zoom, want->zoom);
    ck_assert_uint_eq(sheet->gap, want->gap);
    ck_assert_int_eq(sheet->scaling, want->scaling);
    ck_assert_double_eq(sheet->low, want->low);
    ck_assert_double_eq(sheet->high, want->high);
    ck_assert_double_eq(sheet->round_to, want->round_to);
}

static void assert_optimiser(const inv_optim_spec *spec, const char *type, double rate,
                             double accumulator)
{
    ck_assert_str_eq(spec->type, type);
    ck_assert_double_eq(spec->rate, rate);
    ck_assert_double_eq(spec->accumulator, accumulator);
}

/* ---- r2rt's numbers: section 6 of the design ---- */

static void assert_r2rt_training(const inv_train_spec *spec)
{
    ck_assert_uint_eq(spec->steps, 2000);
    ck_assert_uint_eq(spec->batch, 1000);
    ck_assert_str_eq(spec->loss, "cross_entropy");
    ck_assert_str_eq(spec->reduction, "sum");
    assert_optimiser(&spec->optimiser, "adagrad", 0.01, 0.1);
}

static void assert_r2rt_inverse(const inv_inverse_spec *spec)
{
    ck_assert_str_eq(spec->name, "r2rt");
    ck_assert_str_eq(spec->kind, "r2rt");
    ck_assert_str_eq(spec->at, "hidden2.pre");
    ck_assert_uint_eq(spec->steps, 1000);
    ck_assert_uint_eq(spec->batch, 1000);
    ck_assert_double_eq(spec->confidence, 0.8);
    ck_assert_str_eq(spec->loss, "l1");
    ck_assert_double_eq(spec->squash, 0.99);
    ck_assert_double_eq(spec->range_penalty, 0.5);
    ck_assert_str_eq(spec->kernel.type, "truncated_normal");
    ck_assert_double_eq(spec->kernel.stddev, 0.1);
    assert_optimiser(&spec->optimiser, "adagrad", 0.01, 0.1);
}

static void assert_r2rt_generate(const inv_generate_spec *spec)
{
    ck_assert_str_eq(spec->name, "r2rt");
    ck_assert_str_eq(spec->inverse, "r2rt");
    ck_assert_str_eq(spec->at, "hidden2.pre");
    ck_assert_str_eq(spec->objective, "l1");
    ck_assert_uint_eq(spec->classes.count, 9);
    for (size_t i = 0; i < 9; i++)
        ck_assert_uint_eq(spec->classes.values[i], i + 1);
    ck_assert_uint_eq(spec->optimise.steps, 1000);
    ck_assert_double_eq(spec->optimise.start, 0.0);
    ck_assert_str_eq(spec->optimise.optimiser.type, "gradient_descent");
    ck_assert_double_eq(spec->optimise.optimiser.rate, 1.0);
}

static void assert_r2rt_pictures(const inv_experiment *e)
{
    ck_assert_str_eq(e->project.name, "r2rt");
    ck_assert_str_eq(e->project.inverse, "r2rt");
    ck_assert_uint_eq(e->project.images, 36);
    assert_sheet(&e->project_sheet,
                 &(inv_sheet){6, 4, 2, INV_SCALING_FIXED, 0.0, 1.0, 0.0, false, NULL});
    assert_sheet(&e->generate_sheet,
                 &(inv_sheet){3, 8, 4, INV_SCALING_TILE, 0.0, 1.0, 0.0, false, NULL});
    ck_assert_str_eq(e->features.name, "r2rt");
    ck_assert_str_eq(e->features.inverse, "r2rt");
    ck_assert_str_eq(e->features.at, "hidden2.pre");
    ck_assert_double_eq(e->features.scale, 1e8);
    assert_sheet(&e->features_sheet,
                 &(inv_sheet){10, 4, 2, INV_SCALING_TILE, 0.0, 1.0, 0.1, false, NULL});
}

static void assert_r2rt_layer(const inv_config *config, size_t i, const char *name,
                              const char *activation)
{
    static const inv_field fields[] = {
        {"kernel", INV_FIELD_GROUP, 0, .group = inv_init_fields},
        {"bias", INV_FIELD_GROUP, sizeof(inv_init), .group = inv_init_fields},
        {"name", INV_FIELD_OTHER, .help = "not read here"},
        {"type", INV_FIELD_OTHER, .help = "not read here"},
        {"units", INV_FIELD_OTHER, .help = "not read here"},
        {"activation", INV_FIELD_OTHER, .help = "not read here"},
        {0}};
    inv_init inits[2] = {{"none", -1.0, -1.0}, {"none", -1.0, -1.0}};
    char path[64], key[96];
    snprintf(path, sizeof path, "network.layers.%zu", i);
    snprintf(key, sizeof key, "%s.name", path);
    ck_assert_str_eq(inv_config_text_at(config, key), name);
    snprintf(key, sizeof key, "%s.activation", path);
    ck_assert_str_eq(inv_config_text_at(config, key), activation);
    ck_assert_status(inv_config_group(config, path, fields, inits), INV_OK);
    ck_assert_str_eq(inits[0].type, "truncated_normal");
    ck_assert_double_eq(inits[0].stddev, 0.1);
    ck_assert_str_eq(inits[1].type, "constant");
    ck_assert_double_eq(inits[1].value, 0.1);
}

static void assert_r2rt_network(const inv_config *config)
{
    static const size_t widths[] = {784, 100, 100, 100, 100, 10, 10};
    static const char *const points[] = {"input",   "hidden1.pre", "hidden1", "hidden2.pre",
                                         "hidden2", "output.pre",  "output"};
    inv_net *net = NULL;
    ck_assert_status(inv_net_build(config, "network.layers", (inv_shape){28, 28, 1}, 10, &net),
                     INV_OK);
    ck_assert_uint_eq(inv_net_depth(net), 6);
    for (size_t p = 0; p <= 6; p++) {
        ck_assert_str_eq(inv_net_point_name(net, p), points[p]);
        ck_assert_uint_eq(inv_net_units(net, p), widths[p]);
    }
    ck_assert_uint_eq(inv_net_size(net), 784 * 100 + 100 + 100 * 100 + 100 + 100 * 10 + 10);
    inv_net_free(net);
    ck_assert_uint_eq(inv_config_length(config, "network.layers"), 3);
    assert_r2rt_layer(config, 0, "hidden1", "sigmoid");
    assert_r2rt_layer(config, 1, "hidden2", "sigmoid");
    assert_r2rt_layer(config, 2, "output", "softmax");
}

static void assert_r2rt(const char *file, const char *title, const char *folder,
                        const inv_reference *reference)
{
    inv_experiment *e = NULL;
    inv_config *config = read_config(file);
    ck_assert_status(inv_experiment_read(config, &e), INV_OK);
    ck_assert_str_eq(e->title, title);
    ck_assert_uint_eq(e->seed, 1);
    ck_assert_str_eq(e->data.folder, folder);
    ck_assert_double_eq(e->data.scale, 255.0);
    ck_assert_uint_eq(e->data.validation, 5000);
    ck_assert(e->has_inverse && e->has_project && e->has_generate && e->has_features);
    assert_r2rt_network(config);
    assert_r2rt_training(&e->training);
    assert_r2rt_inverse(&e->inverse);
    assert_r2rt_generate(&e->generate);
    assert_r2rt_pictures(e);
    ck_assert_str_eq(e->reference.source, reference->source);
    ck_assert_double_eq(e->reference.accuracy.low, reference->accuracy.low);
    ck_assert_double_eq(e->reference.accuracy.high, reference->accuracy.high);
    ck_assert_double_eq(e->reference.confidence.low, reference->confidence.low);
    ck_assert_double_eq(e->reference.confidence.high, reference->confidence.high);
    ck_assert_double_gt(e->reference.l1_per_pixel.low, e->reference.l1_per_pixel.high);
    ck_assert_double_gt(e->reference.relative_l2.low, e->reference.relative_l2.high);
    ck_assert_double_gt(e->reference.same_class.low, e->reference.same_class.high);
    inv_experiment_free(e);
    inv_config_free(config);
}

START_TEST(r2rt_holds_its_numbers)
{
    const inv_reference article = {
        .source = "r2rt", .accuracy = {0.9521, 0.9521}, .confidence = {0.9961, 0.9976}};
    assert_r2rt("r2rt.cfg", "r2rt, Inverting a Neural Net", "data/mnist", &article);
}
END_TEST

START_TEST(fashion_r2rt_holds_its_numbers)
{
    const inv_reference none = {.source = "", .accuracy = {1, 0}, .confidence = {1, 0}};
    assert_r2rt("fashion-r2rt.cfg", "r2rt's experiment on Fashion-MNIST",
                "/usr/share/datasets/fashion-mnist", &none);
}
END_TEST

/* ---- the recipes: lengths, optimisers and the number of parameters ---- */

START_TEST(recipes_are_as_known)
{
    static const struct {
        const char *name;
        size_t epochs, steps, batch;
        const char *optimiser;
        double rate;
        size_t params;
    } rows[] = {{"mlp256.cfg", 15, 0, 100, "adam", 0.001, 269322},
                {"fashion.cfg", 5, 0, 32, "adam", 0.001, 101770},
                {"cnn.cfg", 0, 5000, 50, "adam", 1e-4, 3274634},
                {"fashion-cnn.cfg", 20, 0, 64, "rmsprop", 0.001, 694474}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        inv_config *config = read_config(rows[i].name);
        inv_experiment *e = NULL;
        inv_net *net = NULL;
        ck_assert_status(inv_experiment_read(config, &e), INV_OK);
        ck_assert_status(inv_net_build(config, "network.layers", (inv_shape){28, 28, 1}, 10, &net),
                         INV_OK);
        ck_assert_uint_eq(e->training.epochs, rows[i].epochs);
        ck_assert(rows[i].epochs > 0 || e->training.steps == rows[i].steps);
        ck_assert_uint_eq(e->training.batch, rows[i].batch);
        ck_assert_str_eq(e->training.reduction, "mean");
        assert_optimiser(&e->training.optimiser, rows[i].optimiser, rows[i].rate, 0.0);
        ck_assert_double_eq(e->training.optimiser.epsilon, 1e-7);
        ck_assert_uint_eq(inv_net_size(net), rows[i].params);
        inv_net_free(net);
        inv_experiment_free(e);
        inv_config_free(config);
    }
}
END_TEST

/* ---- defaults and names ---- */

static void assert_default_stages(const inv_experiment *e)
{
    ck_assert_uint_eq(e->training.steps, 1000);
    ck_assert_uint_eq(e->training.batch, 100);
    ck_assert_str_eq(e->training.reduction, "sum");
    ck_assert_uint_eq(e->training.epochs, 0);
    ck_assert_double_eq(e->training.weight_decay, 0.0);
    ck_assert_str_eq(e->training.schedule.type, "constant");
    ck_assert_uint_eq(e->training.stop.patience, 0);
    assert_optimiser(&e->training.optimiser, "adagrad", 0.01, 0.1);
    ck_assert_str_eq(e->inverse.name, "inverse");
    ck_assert_double_eq(e->inverse.confidence, 0.0);
    ck_assert_double_eq(e->inverse.squash, 0.99);
    ck_assert_str_eq(e->project.name, "projections");
    ck_assert_str_eq(e->project.inverse, "inverse");
    ck_assert_uint_eq(e->project.images, 36);
    ck_assert_str_eq(e->generate.name, "generated");
    ck_assert_str_eq(e->generate.inverse, "inverse");
    ck_assert_uint_eq(e->generate.classes.count, 0);
    assert_optimiser(&e->generate.optimise.optimiser, "gradient_descent", 1.0, 0.0);
    ck_assert_str_eq(e->features.name, "features");
    ck_assert_double_eq(e->features.scale, 1e8);
    ck_assert_double_eq(e->checkpoint.seconds, 10.0);
    ck_assert_uint_eq(e->checkpoint.steps, 0);
}

START_TEST(training_has_its_keys)
{
    inv_experiment *e = NULL;
    inv_config *config = config_of(
        LAYERS " training = { epochs = 7; loss = \"l2\"; weight_decay = 0.25; validate = 3;"
               " schedule = { type = \"step\"; every = 2.5; factor = 0.5; warm_up = 1; };"
               " stop = { patience = 4; by = \"accuracy\"; least_gain = 0.125; }; };");
    ck_assert_status(inv_experiment_read(config, &e), INV_OK);
    const inv_train_spec *spec = &e->training;
    ck_assert_uint_eq(spec->epochs, 7);
    ck_assert_str_eq(spec->loss, "l2");
    ck_assert_double_eq(spec->weight_decay, 0.25);
    ck_assert_uint_eq(spec->validate, 3);
    ck_assert_str_eq(spec->schedule.type, "step");
    ck_assert_double_eq(spec->schedule.every, 2.5);
    ck_assert_double_eq(spec->schedule.factor, 0.5);
    ck_assert_double_eq(spec->schedule.warm_up, 1.0);
    ck_assert_uint_eq(spec->stop.patience, 4);
    ck_assert_str_eq(spec->stop.by, "accuracy");
    ck_assert_double_eq(spec->stop.least_gain, 0.125);
    inv_experiment_free(e);
    inv_config_free(config);
}
END_TEST

/* Keys are what people have written into files: the code may call a thing otherwise. */
START_TEST(old_keys_are_read)
{
    inv_experiment *e = NULL;
    inv_config *config =
        config_of(LAYERS " training = { schedule = { type = \"cosine\"; least = 0.25; };"
                         " stop = { least_gain = 0.125; }; }; generate = { least = 7; };"
                         " features = { least = 9; };");
    ck_assert_status(inv_experiment_read(config, &e), INV_OK);
    ck_assert_double_eq(e->training.schedule.minimum, 0.25);
    ck_assert_double_eq(e->training.stop.least_gain, 0.125);
    ck_assert_uint_eq(e->generate.optimise.minimum, 7);
    ck_assert_uint_eq(e->features.optimise.minimum, 9);
    inv_experiment_free(e);
    inv_config_free(config);
}
END_TEST

/* A type other than the default one brings its own defaults; the default one keeps the stage's. */
START_TEST(an_optimiser_has_its_own_defaults)
{
    static const struct {
        const char *text, *type;
        double rate, accumulator;
    } rows[] = {
        {"type = \"adam\";", "adam", 0.001, 0.0},
        {"type = \"adam\"; rate = 0.5;", "adam", 0.5, 0.0},
        {"type = \"sgd\"; momentum = 0.75;", "sgd", 0.01, 0.0},
        {"type = \"adagrad\";", "adagrad", 0.01, 0.1},
        {"rate = 0.25;", "adagrad", 0.25, 0.1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        inv_experiment *e = NULL;
        char text[512];
        snprintf(text, sizeof text, "%s training = { optimiser = { %s }; };", LAYERS, rows[i].text);
        inv_config *config = config_of(text);
        ck_assert_status(inv_experiment_read(config, &e), INV_OK);
        assert_optimiser(&e->training.optimiser, rows[i].type, rows[i].rate, rows[i].accumulator);
        inv_experiment_free(e);
        inv_config_free(config);
    }
}
END_TEST

static void assert_same_inverse(const inv_inverse_spec *a, const inv_inverse_spec *b)
{
    json_t *of[2] = {json_object(), json_object()};
    ck_assert_status(inv_fields_write(inv_inverse_fields, a, of[0]), INV_OK);
    ck_assert_status(inv_fields_write(inv_inverse_fields, b, of[1]), INV_OK);
    ck_assert_uint_gt(json_object_size(of[0]), 8);
    ck_assert(json_equal(of[0], of[1]));
    json_decref(of[0]);
    json_decref(of[1]);
}

/* Its net, training and first inverse are r2rt's, so that the others can be held against that. */
START_TEST(the_ladder_starts_with_r2rts)
{
    static const char *const wanted[] = {"r2rt", "pinv", "ridge", "mirror", "decoder"};
    static const char *const differ[] = {"title",    "data.folder", "inverse",
                                         "inverses", "project",     "generate",
                                         "features", "reference",   NULL};
    inv_config *config = read_config("ladder.cfg"), *r2rt = read_config("r2rt.cfg");
    inv_experiment *e = NULL, *first = NULL;
    char path[INV_TEXT_MAX];
    ck_assert_status(inv_experiment_read(config, &e), INV_OK);
    ck_assert_status(inv_experiment_read(r2rt, &first), INV_OK);
    ck_assert_uint_eq(e->inverse_count, 5);
    for (size_t i = 0; i < 5; i++) {
        ck_assert_str_eq(e->inverses[i].kind, wanted[i]);
        ck_assert_str_eq(e->inverses[i].at, "hidden2.pre");
    }
    assert_same_inverse(&e->inverses[0], &first->inverse);
    assert_same_inverse(&e->inverse, &first->inverse);
    ck_assert_msg(!inv_experiment_differs(config, r2rt, false, differ, path), "%s", path);
    inv_experiment_free(e);
    inv_experiment_free(first);
    inv_config_free(config);
    inv_config_free(r2rt);
}
END_TEST

START_TEST(what_is_not_there_has_defaults)
{
    inv_experiment *e = NULL;
    inv_config *config = config_of(LAYERS);
    ck_assert_status(inv_experiment_read(config, &e), INV_OK);
    ck_assert_str_eq(e->title, "");
    ck_assert_uint_eq(e->seed, 1);
    ck_assert_str_eq(e->data.folder, "data/mnist");
    ck_assert_uint_eq(e->data.validation, 0);
    ck_assert_double_eq(e->data.scale, 0.0);
    ck_assert(!e->has_inverse && !e->has_project && !e->has_generate && !e->has_features);
    assert_default_stages(e);
    ck_assert_double_gt(e->reference.accuracy.low, e->reference.accuracy.high);
    assert_sheet(&e->project_sheet,
                 &(inv_sheet){6, 4, 2, INV_SCALING_FIXED, 0.0, 1.0, 0.0, false, NULL});
    assert_sheet(&e->generate_sheet,
                 &(inv_sheet){5, 4, 2, INV_SCALING_TILE, 0.0, 1.0, 0.0, false, NULL});
    assert_sheet(&e->features_sheet,
                 &(inv_sheet){10, 4, 2, INV_SCALING_TILE, 0.0, 1.0, 0.0, false, NULL});
    inv_experiment_free(e);
    inv_experiment_free(NULL);
    inv_config_free(config);
}
END_TEST

START_TEST(each_stage_is_marked_alone)
{
    static const char *const texts[] = {"inverse = { at = \"o\"; };", "project = { };",
                                        "generate = { at = \"o\"; };",
                                        "features = { at = \"o\"; };"};
    for (size_t i = 0; i < 4; i++) {
        char text[256];
        inv_experiment *e = NULL;
        snprintf(text, sizeof text, "%s%s", LAYERS, texts[i]);
        inv_config *config = config_of(text);
        ck_assert_status(inv_experiment_read(config, &e), INV_OK);
        const bool has[] = {e->has_inverse, e->has_project, e->has_generate, e->has_features};
        for (size_t j = 0; j < 4; j++)
            ck_assert_int_eq(has[j], i == j);
        inv_experiment_free(e);
        inv_config_free(config);
    }
}
END_TEST

START_TEST(stages_use_the_inverse_they_name)
{
    inv_experiment *e = NULL;
    inv_config *config =
        config_of(LAYERS "inverse = { name = \"down\"; at = \"o\"; };"
                         "project = { inverse = \"other\"; images = 7; };"
                         "generate = { at = \"o\"; classes = [ 4, 1 ]; };"
                         "features = { at = \"o\"; inverse = \"third\"; scale = -3.5; };");
    ck_assert_status(inv_experiment_read(config, &e), INV_OK);
    ck_assert_str_eq(e->project.inverse, "other");
    ck_assert_uint_eq(e->project.images, 7);
    ck_assert_str_eq(e->generate.inverse, "down");
    ck_assert_uint_eq(e->generate.classes.count, 2);
    ck_assert_uint_eq(e->generate.classes.values[0], 4);
    ck_assert_str_eq(e->features.inverse, "third");
    ck_assert_double_eq(e->features.scale, -3.5);
    inv_experiment_free(e);
    inv_config_free(config);
}
END_TEST

START_TEST(takes_what_was_set)
{
    inv_experiment *e = NULL;
    inv_config *config = read_config("r2rt.cfg");
    ck_assert_status(inv_config_set(config, "training.steps=41"), INV_OK);
    ck_assert_status(inv_config_set(config, "seed=5000000007"), INV_OK);
    ck_assert_status(inv_config_set(config, "features.sheet.columns=7"), INV_OK);
    ck_assert_status(inv_config_set(config, "checkpoint.seconds=0.25"), INV_OK);
    ck_assert_status(inv_config_set(config, "checkpoint.steps=7"), INV_OK);
    ck_assert_status(inv_config_set(config, "reference.l1_per_pixel=[0.25,0.5]"), INV_OK);
    ck_assert_status(inv_experiment_read(config, &e), INV_OK);
    ck_assert_uint_eq(e->training.steps, 41);
    ck_assert_uint_eq(e->seed, 5000000007);
    ck_assert_uint_eq(e->features_sheet.columns, 7);
    ck_assert_double_eq(e->checkpoint.seconds, 0.25);
    ck_assert_uint_eq(e->checkpoint.steps, 7);
    ck_assert_uint_eq(e->generate_sheet.columns, 3);
    ck_assert_double_eq(e->reference.l1_per_pixel.low, 0.25);
    ck_assert_double_eq(e->reference.l1_per_pixel.high, 0.5);
    inv_experiment_free(e);
    inv_config_free(config);
}
END_TEST

/* The text that a run keeps after a change says the same as the change. */
START_TEST(changed_text_is_the_same_experiment)
{
    char *text = NULL;
    inv_experiment *before = NULL, *after = NULL;
    inv_config *config = read_config("r2rt.cfg"), *second = NULL;
    ck_assert_status(inv_config_set(config, "inverse.confidence=0.7"), INV_OK);
    ck_assert_status(inv_config_text(config, &text), INV_OK);
    ck_assert_status(inv_config_read_text("again", text, &second), INV_OK);
    ck_assert_status(inv_experiment_read(config, &before), INV_OK);
    ck_assert_status(inv_experiment_read(second, &after), INV_OK);
    ck_assert_double_eq(after->inverse.confidence, 0.7);
    assert_r2rt_network(second);
    ck_assert_mem_eq(before, after, sizeof *before);
    inv_experiment_free(before);
    inv_experiment_free(after);
    inv_config_free(config);
    inv_config_free(second);
    free(text);
}
END_TEST

/* ---- errors ---- */

START_TEST(each_error_is_named)
{
    static const char *const rows[][2] = {
        {"sed = 3;", "e.cfg:2: sed: unknown key; did you mean 'seed'?"},
        {"seed = -1;", "e.cfg:2: seed: -1 is not from 0 to"},
        {"seed = 1.5;", "seed: must be a whole number"},
        {"seed = 9007199254740993;", "seed: 9007199254740993 is not from 0 to 9007199254740992"},
        {"title = 5;", "title: must be text"},
        {"data = 5;", "data: must be a group"},
        {"data = { folder = 5; };", "data.folder: must be text"},
        {"data = { scale = -1.0; };", "data.scale: -1 is not from 0 to 1e+12"},
        {"data = { validation = 2000000000; };", "data.validation: 2000000000 is not from 0"},
        {"training = { steps = 0; };", "training.steps: 0 is not from 1"},
        {"training = { steps = 5; epochs = 5; };",
         "training.epochs: training.steps is there too; give one of the two"},
        {"training = { schedule = { every = 3; }; };", "training.schedule.every: unknown key"},
        {"training = { stop = { patient = 3; }; };", "did you mean 'patience'?"},
        {"training = { optimiser = { type = \"adam\"; epsilon = 0; }; };", "0 is not from 1e-30"},
        {"training = { batch = 0; };", "training.batch: 0 is not from 1 to 1000000"},
        {"training = { loss = \"l3\"; };", "training.loss: there is no 'l3'"},
        {"training = { reduction = \"means\"; };", "training.reduction: there is no 'means'; did "
                                                   "you mean 'mean'?"},
        {"training = { optimiser = { type = \"adagrd\"; }; };",
         "training.optimiser.type: there is no 'adagrd'; did you mean 'adagrad'?"},
        {"training = { optimiser = { rate = -0.5; }; };", "training.optimiser.rate: -0.5 is not"},
        {"training = { optimiser = { type = \"gradient_descent\"; accumulator = 0.1; }; };",
         "training.optimiser.accumulator: unknown key"},
        {"inverse = { };", "inverse: the key 'at' is missing"},
        {"inverse = { at = \"o\"; kind = \"guessed\"; };", "inverse.kind: there is no 'guessed'"},
        {"inverse = { at = \"o\"; confidence = 1.5; };",
         "inverse.confidence: 1.5 is not from 0 to 1"},
        {"inverse = { at = \"o\"; squash = 1.0; };", "inverse.squash: 1 is not from 1e-06"},
        {"inverse = { at = \"o\"; kernel = { type = \"normale\"; }; };", "mean 'normal'?"},
        {"project = { images = 0; };", "project.images: 0 is not from 1 to 100000"},
        {"project = { sheet = { columns = 0; }; };", "project.sheet.columns: 0 is not from 1"},
        {"project = { sheet = { zooom = 3; }; };", "project.sheet.zooom: unknown key"},
        {"project = { name = \"a b\"; };", "project.name: 'a b' may hold only"},
        {"generate = { terms = ( { weight = \"x\"; } ); };",
         "generate.terms.0.weight: must be a number"},
        {"generate = { terms = ( { type = \"nrom\"; } ); };", "did you mean 'norm'?"},
        {"generate = { terms = 3; };", "generate.terms: must be a list of at most 8 groups"},
        {"generate = { at = \"o\"; classes = [ -1 ]; };", "generate.classes: -1 is not from 0"},
        {"generate = { at = \"o\"; objective = \"l2\"; };", "generate.objective: there is no 'l2'"},
        {"features = { units = [ -1 ]; };", "features.units: -1 is not from 0"},
        {"generate = { preset = \"plian\"; };", "did you mean 'plain'?"},
        {"exemplars = { count = 0; };", "exemplars.count: 0 is not from 1"},
        {"features = { at = \"o\"; scale = 1e31; };", "features.scale: 1e+31 is not from -1e+30"},
        {"checkpoint = { seconds = -1.0; };", "checkpoint.seconds: -1 is not from 0"},
        {"checkpoint = { steps = 1.5; };", "checkpoint.steps: must be a whole number"},
        {"reference = { accuracy = [ 0.5, 0.25 ]; };", "reference.accuracy: the first"},
        {"reference = { acuracy = 0.5; };", "did you mean 'accuracy'?"},
        {"network2 = 5;", "network2: unknown key; did you mean 'network'?"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        inv_experiment *e = (inv_experiment *)&text;
        snprintf(text, sizeof text, "%s%s", LAYERS, rows[i][0]);
        inv_config *config = config_of(text);
        inv_status status = inv_experiment_read(config, &e);
        ck_assert_msg(status == INV_ECONFIG && !e, "%s was taken", rows[i][0]);
        ck_assert_message_has(rows[i][1]);
        inv_config_free(config);
    }
}
END_TEST

START_TEST(a_network_is_needed)
{
    static const char *const rows[][2] = {
        {"seed = 3;", "e.cfg: network: missing"},
        {"network = 3;", "e.cfg:1: network: must be a group"},
        {"network = { };", "e.cfg:1: network: the key 'layers' is missing"},
        {"network = { layer = 1; };", "network.layer: unknown key; did you mean 'layers'?"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        inv_experiment *e = NULL;
        inv_config *config = config_of(rows[i][0]);
        ck_assert_status(inv_experiment_read(config, &e), INV_ECONFIG);
        ck_assert_ptr_null(e);
        ck_assert_message_has(rows[i][1]);
        inv_config_free(config);
    }
}
END_TEST

Suite *experiment_suite(void)
{
    Suite *suite = suite_create("experiment");
    TCase *tests = tcase_create("experiment");
    tcase_add_test(tests, r2rt_holds_its_numbers);
    tcase_add_test(tests, fashion_r2rt_holds_its_numbers);
    tcase_add_test(tests, recipes_are_as_known);
    tcase_add_test(tests, the_ladder_starts_with_r2rts);
    tcase_add_test(tests, what_is_not_there_has_defaults);
    tcase_add_test(tests, training_has_its_keys);
    tcase_add_test(tests, old_keys_are_read);
    tcase_add_test(tests, an_optimiser_has_its_own_defaults);
    tcase_add_test(tests, each_stage_is_marked_alone);
    tcase_add_test(tests, stages_use_the_inverse_they_name);
    tcase_add_test(tests, takes_what_was_set);
    tcase_add_test(tests, changed_text_is_the_same_experiment);
    tcase_add_test(tests, each_error_is_named);
    tcase_add_test(tests, a_network_is_needed);
    suite_add_tcase(suite, tests);
    return suite;
}
