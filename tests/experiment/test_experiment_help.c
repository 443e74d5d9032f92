/* Help on experiment files: every key, whatever its type, and every topic.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "invproj/experiment.h"
#include "invproj/layer.h"
#include "suites.h"

static char *text;
static size_t size;

static FILE *start(void)
{
    free(text);
    text = NULL;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    return out;
}

/* What there is on the word, or NULL. */
static const char *help_on(const char *word)
{
    FILE *out = start();
    const bool found = inv_experiment_help_on(word, out);
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_uint_eq(found, size > 0);
    return found ? text : NULL;
}

static const char *help_on_all(void)
{
    FILE *out = start();
    inv_experiment_help(out);
    ck_assert_int_eq(fclose(out), 0);
    return text;
}

static void must_have(const char *help, const char *what)
{
    ck_assert_msg(strstr(help, what) != NULL, "'%s' is not in\n%.2000s", what, help);
}

static void must_fit(const char *help)
{
    for (const char *line = help; *line; line += strcspn(line, "\n") + 1)
        ck_assert_msg(strcspn(line, "\n") < 80, "%.*s", (int)strcspn(line, "\n"), line);
}

/* ---- keys ---- */

static bool has_range(const inv_field *field)
{
    return field->type == INV_FIELD_SIZE || field->type == INV_FIELD_REAL ||
           field->type == INV_FIELD_SIZES || field->type == INV_FIELD_REALS ||
           field->type == INV_FIELD_RANGE;
}

static void check_field(const inv_field *field, const char *path)
{
    ck_assert_msg(field->help && *field->help, "%s: no help", path);
    if (has_range(field))
        ck_assert_msg(field->low < field->high, "%s: no range", path);
    if (field->topic || field->type != INV_FIELD_NAME || !field->choices)
        return;
    for (const inv_choice *c = field->choices; c->name; c++)
        ck_assert_msg(c->help || strcmp(field->key, "type") == 0, "%s: %s is not explained", path,
                      c->name);
}

typedef struct seen {
    const char *help;
    size_t count;
} seen;

static void check_key(const inv_key *key, void *context)
{
    char line[INV_TEXT_MAX + 8];
    seen *s = context;
    const bool heads = key->field->type == INV_FIELD_OTHER && !strchr(key->path, '.');
    check_field(key->field, key->path);
    snprintf(line, sizeof line, heads ? "\n%s: " : "  %s  ", key->path);
    must_have(s->help, line);
    s->count++;
}

START_TEST(every_key_is_told)
{
    seen s = {strdup(help_on_all()), 0};
    must_fit(s.help);
    inv_experiment_visit(check_key, &s);
    ck_assert_uint_gt(s.count, 150);
    /* there is no published figure by default */
    ck_assert_ptr_null(strstr(s.help, "[1.0, 0.0]"));
    free((char *)s.help);
}
END_TEST

/* What it says of some, word by word. */
START_TEST(keys_have_type_range_default_and_help)
{
    static const char *const lines[] = {
        "  seed                        whole number, 0 to 9007199254740992 (default 1)\n",
        "  data.folder                 text (default \"data/mnist\")\n",
        "  training.steps              whole number, 1 to 1e9 (default 1000)\n"
        "      number of steps\n",
        "  training.optimiser.rate     number, 0 to 1e12 (default 0.01)\n",
        "  training.schedule.warm_up   number, 0 to 1e9 (default 0.0)\n",
        "  training.schedule.least     number, 0 to 1 (default 0.0)\n"
        "      with type cosine: ",
        "  training.schedule.every     number, 1e-9 to 1e9 (default 10.0)\n"
        "      with type step: ",
        "  training.schedule.factor    number, 0 to 1 (default 0.1)\n"
        "      with type step: ",
        "  inverse.at                  name (required)\n",
        "  inverse.kernel.stddev       number, 0 to 1e6 (default 0.1)\n"
        "      with type truncated_normal, normal: ",
        "  inverse.kernel.value        number, -1e6 to 1e6 (default 0.0)\n"
        "      with type constant: ",
        "  project.images              whole number, 1 to 100000 (default 36)\n",
        "  generate.parametrisation.components  whole number, 0 to 4096 (default 0)\n"
        "      with type whitened: ",
        "  generate.parametrisation.penalty  number, 0 to 1e12 (default 0.0)\n"
        "      with type whitened, fourier, waves: ",
        "  generate.terms.N.weight     number, -1e12 to 1e12 (default 1.0)\n",
        "  features.sheet.round_to     number, 0 to 1e30 (default 0.0)\n",
        "  reference.accuracy          number or [low, high], -1e30 to 1e30\n"};
    const char *help = help_on_all();
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        must_have(help, lines[i]);
}
END_TEST

/* ---- layers and optimisers, whose keys depend on their type ---- */

START_TEST(every_layer_and_its_keys_are_told)
{
    char *all = strdup(help_on_all());
    for (const inv_choice *type = inv_layer_types; type->name; type++) {
        char head[INV_NAME_MAX + 4];
        snprintf(head, sizeof head, "\n%s: ", type->name);
        must_have(all, head);
        const char *help = help_on(type->name);
        ck_assert_msg(help != NULL, "%s", type->name);
        must_fit(help);
        for (const inv_field *f = inv_layer_type_find(type->name)->fields; f && f->key; f++) {
            char key[INV_NAME_MAX];
            snprintf(key, sizeof key, "\n  %s  ", f->key);
            must_have(help, key);
            check_field(f, type->name);
        }
    }
    free(all);
    must_have(help_on("conv2d"),
              "  stride                      whole number, 0 to 1024 (default 1)");
    must_have(help_on("max_pool"),
              "  stride                      whole number, 0 to 1024 (default 0)");
    must_have(help_on("dense"), "  bias.value                  number, -1e6 to 1e6 (default 0.0)");
}
END_TEST

START_TEST(every_optimiser_has_its_defaults)
{
    must_have(help_on("adam"), "  rate                        number, 0 to 1e12 (default 0.001)");
    must_have(help_on("sgd"), "  rate                        number, 0 to 1e12 (default 0.01)");
    must_have(help_on("adamw"), "  decay                       number, 0 to 1e12 (default 0.004)");
    const char *help = help_on("optimisers");
    for (const inv_choice *type = inv_optim_types; type->name; type++) {
        char head[INV_NAME_MAX + 4];
        snprintf(head, sizeof head, "\n%s: ", type->name);
        must_have(help, head);
    }
}
END_TEST

/* ---- topics ---- */

typedef struct words {
    size_t count, kinds[3];
    char *list[512];
} words;

static void take_word(inv_word_kind kind, const char *word, const char *help, void *context)
{
    words *w = context;
    ck_assert_uint_lt(w->count, 512);
    ck_assert_msg(help && *help, "%s", word);
    w->list[w->count++] = strdup(word);
    w->kinds[kind]++;
}

START_TEST(there_is_help_on_every_word)
{
    words w = {0};
    inv_experiment_words(take_word, &w);
    ck_assert_uint_gt(w.kinds[INV_WORD_GROUP], 20);
    ck_assert_uint_gt(w.kinds[INV_WORD_TOPIC], 9);
    ck_assert_uint_gt(w.kinds[INV_WORD_CHOICE], 60);
    for (size_t i = 0; i < w.count; i++) {
        const char *help = help_on(w.list[i]);
        ck_assert_msg(help != NULL, "no help on %s", w.list[i]);
        must_have(help, w.list[i]);
        must_fit(help);
        free(w.list[i]);
    }
}
END_TEST

/* Each topic has the choices that its keys have, and each of them is explained. */
START_TEST(topics_have_all_their_choices)
{
    static const struct {
        const char *topic, *choices[16];
    } topics[] = {
        {"layers", {"dense", "conv2d", "dropout", "batch_norm"}},
        {"activations", {"linear", "relu", "softmax", "leaky_relu"}},
        {"initialisers", {"truncated_normal", "he_uniform", "constant"}},
        {"optimisers", {"adagrad", "adam", "adamw", "gradient_descent", "rmsprop", "sgd"}},
        {"schedules", {"constant", "cosine", "step"}},
        {"losses", {"cross_entropy", "l1", "l2"}},
        {"inverses", {"r2rt", "pinv", "ridge", "mirror", "decoder"}},
        {"objectives", {"logit", "margin", "energy", "total_variation", "batch_norm"}},
        {"parametrisations", {"direct", "sigmoid", "whitened", "fourier", "waves", "mask"}},
        {"presets", {"plain", "recommended", "varied", "no_data"}},
        {"starts", {"constant", "uniform", "normal", "class_mean", "image"}},
    };
    for (size_t t = 0; t < sizeof topics / sizeof *topics; t++) {
        char *help = strdup(help_on(topics[t].topic));
        for (const char *const *c = topics[t].choices; *c; c++) {
            char head[2 * INV_NAME_MAX];
            must_have(help, *c);
            snprintf(head, sizeof head, "%s (%s): ", *c, topics[t].topic);
            must_have(help_on(*c), head);
        }
        free(help);
    }
}
END_TEST

START_TEST(a_group_has_its_keys_and_no_others)
{
    const char *help = help_on("training");
    must_have(help, "training: ");
    must_have(help, "  training.stop.patience  ");
    ck_assert_ptr_null(strstr(help, "  inverse."));
    help = help_on("generate.sheet");
    must_have(help, "  generate.sheet.zoom  ");
    ck_assert_ptr_null(strstr(help, "features.sheet"));
    ck_assert_ptr_null(strstr(help, "generate.steps"));
    help = help_on("training.step"); /* not training.steps */
    ck_assert_ptr_null(help);
    help = help_on("training.optimiser"); /* its type's keys, and those of the others */
    must_have(help, "  training.optimiser.accumulator  ");
    must_have(help, "\nadam: ");
    help = help_on("network.layers");
    must_have(help, "  network.layers.N.frozen  ");
    must_have(help, "\nmax_pool: ");
    ck_assert_ptr_null(help_on("trainig"));
    ck_assert_ptr_null(help_on(""));
}
END_TEST

/* A word may be several things. */
START_TEST(every_meaning_of_a_word_is_told)
{
    const char *help = help_on("l1");
    must_have(help, "  keys: training.loss\n");
    must_have(help, "  keys: inverse.loss\n");
    must_have(help, "l1 (objectives): ");
    help = help_on("batch_norm");
    must_have(help, "batch_norm (layers): ");
    must_have(help, "batch_norm (objectives): ");
    help = help_on("features");
    must_have(help, "features: ");
}
END_TEST

Suite *experiment_help_suite(void)
{
    Suite *suite = suite_create("experiment_help");
    TCase *tests = tcase_create("help");
    tcase_add_test(tests, every_key_is_told);
    tcase_add_test(tests, keys_have_type_range_default_and_help);
    tcase_add_test(tests, every_layer_and_its_keys_are_told);
    tcase_add_test(tests, every_optimiser_has_its_defaults);
    tcase_add_test(tests, there_is_help_on_every_word);
    tcase_add_test(tests, topics_have_all_their_choices);
    tcase_add_test(tests, a_group_has_its_keys_and_no_others);
    tcase_add_test(tests, every_meaning_of_a_word_is_told);
    suite_add_tcase(suite, tests);
    return suite;
}
