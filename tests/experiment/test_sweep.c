/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "invproj/experiment.h"
#include "invproj/sweep.h"
#include "suites.h"
#include "support.h"

#define LEN(array) (sizeof(array) / sizeof *(array))
#define BASE                                                                                       \
    "seed = 7; network = { layers = ( { name = \"h\"; type = \"dense\"; units = 5; },\n"           \
    "{ name = \"o\"; type = \"dense\"; activation = \"softmax\"; } ); };\n"                        \
    "training = { steps = 9; optimiser = { type = \"adagrad\"; rate = 0.1; }; };\n"
#define EXPERIMENT "experiment = \"e.cfg\";\n"

static inv_status read_on(const char *base, const char *text, inv_sweep **out)
{
    inv_config *file = NULL, *experiment = NULL;
    ck_assert_status(inv_config_read_text("s.cfg", text, &file), INV_OK);
    ck_assert_status(inv_config_read_text("e.cfg", base, &experiment), INV_OK);
    inv_status status = inv_sweep_read(file, experiment, NULL, 0, out);
    inv_config_free(file);
    inv_config_free(experiment);
    return status;
}

static inv_sweep *sweep_of(const char *text)
{
    inv_sweep *sweep = NULL;
    ck_assert_status(read_on(BASE, text, &sweep), INV_OK);
    return sweep;
}

/* "a b|c d": the values of each item, or as many of them as there is room for. */
static void list(const inv_sweep *sweep, char *out, size_t size)
{
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 0; i < inv_sweep_count(sweep); i++)
        for (size_t k = 0; k < inv_sweep_keys(sweep) && used < size; k++) {
            char number[INV_SWEEP_NUMBER];
            used += (size_t)snprintf(out + used, size - used, "%s%s",
                                     k   ? " "
                                     : i ? "|"
                                         : "",
                                     inv_sweep_value(sweep, i, k, number));
        }
}

#define ck_assert_items(text, expected)                                                            \
    do {                                                                                           \
        char got_[1024];                                                                           \
        inv_sweep *sweep_ = sweep_of(text);                                                        \
        list(sweep_, got_, sizeof got_);                                                           \
        ck_assert_str_eq(got_, expected);                                                          \
        inv_sweep_free(sweep_);                                                                    \
    } while (0)

/* ---- order ---- */

START_TEST(the_first_key_of_a_grid_changes_slowest)
{
    ck_assert_items(EXPERIMENT
                    "grid = ( { key = \"seed\"; from = 1; to = 3; },\n"
                    "{ key = \"training.optimiser.rate\"; values = [ 0.003, 1e-2 ]; } );",
                    "1 0.003|1 0.01|2 0.003|2 0.01|3 0.003|3 0.01");
}
END_TEST

START_TEST(zipped_keys_change_together_and_fastest)
{
    ck_assert_items(EXPERIMENT
                    "grid = ( { key = \"seed\"; values = ( 4, 2 ); } );\n"
                    "zip = ( { key = \"training.steps\"; from = 10; to = 30; step = 20; },\n"
                    "{ key = \"training.loss\"; values = [ \"l1\", \"l2\" ]; } );",
                    "4 10 \"l1\"|4 30 \"l2\"|2 10 \"l1\"|2 30 \"l2\"");
}
END_TEST

START_TEST(ranges_end_where_they_say)
{
    ck_assert_items(EXPERIMENT
                    "grid = ( { key = \"training.optimiser.rate\"; from = 0.1; to = 0.3; "
                    "step = 0.1; } );",
                    "0.1|0.2|0.3");
    ck_assert_items(EXPERIMENT "grid = ( { key = \"seed\"; from = 5; to = 9; step = 3; } );",
                    "5|8");
    ck_assert_items(EXPERIMENT "grid = ( { key = \"seed\"; from = 5; to = 5; } );", "5");
}
END_TEST

START_TEST(exclusions_are_left_out_and_not_counted)
{
    ck_assert_items(
        EXPERIMENT
        "grid = ( { key = \"seed\"; from = 1; to = 3; },\n"
        "{ key = \"training.optimiser.rate\"; values = [ 0.003, 0.01 ]; } );\n"
        "exclude = ( [ \"seed=2\", \"training.optimiser.rate=1e-2\" ], [ \"seed=3\" ] );",
        "1 0.003|1 0.01|2 0.003");
}
END_TEST

/* A setting of the group that a key is in is none of the key. */
START_TEST(a_group_is_set_around_a_key_that_varies)
{
    ck_assert_items(EXPERIMENT
                    "set = [ \"training.optimiser={type=\\\"adam\\\";}\", \"training.steps=5\" ];\n"
                    "grid = ( { key = \"training.optimiser.rate\"; values = [ 0.02, 0.3 ]; } );",
                    "0.02|0.3");
}
END_TEST

/* ---- chance ---- */

#define DRAWS(draws, seed, keys)                                                                   \
    EXPERIMENT "random = { draws = " draws "; seed = " seed "; keys = ( " keys " ); };"
#define RATE  "{ key = \"training.optimiser.rate\"; from = 1e-4; to = 1.0; scale = \"log\"; }"
#define STEPS "{ key = \"training.steps\"; from = 3; to = 6; }"

START_TEST(draws_are_even_on_their_scale_and_whole_where_their_ends_are)
{
    inv_sweep *sweep = sweep_of(DRAWS("2000", "5", RATE ", " STEPS));
    double decades[4] = {0}, steps[4] = {0};
    char number[INV_SWEEP_NUMBER];
    ck_assert_uint_eq(inv_sweep_count(sweep), 2000);
    for (size_t i = 0; i < 2000; i++) {
        const double rate = strtod(inv_sweep_value(sweep, i, 0, number), NULL);
        ck_assert(rate >= 1e-4 && rate <= 1.0);
        decades[(int)fmin(log10(rate) + 4.0, 3.0)]++;
        const double step = strtod(inv_sweep_value(sweep, i, 1, number), NULL);
        ck_assert(step == floor(step) && step >= 3.0 && step <= 6.0);
        steps[(int)step - 3]++;
    }
    for (int d = 0; d < 4; d++) { /* 500 +- 5 standard deviations */
        ck_assert_double_lt(fabs(decades[d] - 500.0), 97.0);
        ck_assert_double_lt(fabs(steps[d] - 500.0), 97.0);
    }
    inv_sweep_free(sweep);
}
END_TEST

START_TEST(the_same_seed_draws_the_same_and_more_draws_begin_with_the_fewer)
{
    char few[1024], more[1024], others[1024];
    inv_sweep *sweep = sweep_of(DRAWS("3", "5", RATE ", " STEPS));
    list(sweep, few, sizeof few);
    inv_sweep_free(sweep);
    sweep = sweep_of(DRAWS("8", "5", RATE ", " STEPS));
    list(sweep, more, sizeof more);
    inv_sweep_free(sweep);
    sweep = sweep_of(DRAWS("3", "6", RATE ", " STEPS));
    list(sweep, others, sizeof others);
    inv_sweep_free(sweep);
    ck_assert_int_eq(strncmp(few, more, strlen(few)), 0);
    ck_assert_str_ne(few, others);
}
END_TEST

/* ---- what an item is ---- */

START_TEST(an_item_is_the_experiment_with_its_settings)
{
    inv_config *config = NULL;
    inv_experiment *experiment = NULL;
    inv_sweep *sweep =
        sweep_of(EXPERIMENT "set = [ \"training.batch=3\" ];\n"
                            "grid = ( { key = \"network.layers.0.units\"; values = [ 4, 6 ]; },\n"
                            "{ key = \"seed\"; from = 1; to = 3; } );");
    ck_assert_status(inv_sweep_item(sweep, 4, &config), INV_OK);
    ck_assert_status(inv_experiment_read(config, &experiment), INV_OK);
    ck_assert_uint_eq(experiment->seed, 2);
    ck_assert_uint_eq(experiment->training.batch, 3);
    ck_assert_uint_eq(experiment->training.steps, 9);
    char *units = NULL;
    ck_assert_status(inv_config_print(config, "network.layers.0.units", &units), INV_OK);
    ck_assert_str_eq(units, "6");
    free(units);
    inv_experiment_free(experiment);
    inv_config_free(config);
    inv_sweep_free(sweep);
}
END_TEST

#define SEEDS EXPERIMENT "grid = ( { key = \"seed\"; from = 1; to = 3; } );"

static void name_of(const char *base, const char *text, size_t item, const char *data,
                    char name[INV_SWEEP_NAME])
{
    inv_sweep *sweep = NULL;
    ck_assert_status(read_on(base, text, &sweep), INV_OK);
    inv_sweep_name(sweep, item, data, name);
    ck_assert_uint_eq(strlen(name), 16);
    inv_sweep_free(sweep);
}

/* Of what the run is, and of nothing else. */
START_TEST(names_tell_experiments_and_data_apart)
{
    char a[INV_SWEEP_NAME], b[INV_SWEEP_NAME];
    name_of(BASE, SEEDS, 1, "data", a);
    name_of("# a comment\n" BASE, SEEDS, 1, "data", b);
    ck_assert_str_eq(a, b);
    name_of("data = { folder = \"elsewhere\"; };" BASE, SEEDS, 1, "data", b);
    ck_assert_str_eq(a, b);
    name_of(BASE, EXPERIMENT "grid = ( { key = \"seed\"; values = [ 2 ]; } );", 0, "data", b);
    ck_assert_str_eq(a, b);
    name_of(BASE, SEEDS, 2, "data", b);
    ck_assert_str_ne(a, b);
    name_of(BASE, SEEDS, 1, "other data", b);
    ck_assert_str_ne(a, b);
    name_of(BASE,
            EXPERIMENT "set = [ \"training.steps=8\" ]; grid = ( { key = \"seed\"; from = 1; "
                       "to = 3; } );",
            1, "data", b);
    ck_assert_str_ne(a, b);
}
END_TEST

/* ---- what is refused ---- */

static const struct refused {
    const char *text, *says[3];
} refused[] = {
    {"", {"s.cfg: the key 'experiment' is missing"}},
    {EXPERIMENT, {"s.cfg: nothing varies"}},
    {EXPERIMENT "girth = 1;", {"s.cfg:2: girth: unknown key; did you mean 'grid'?"}},
    {EXPERIMENT "grid = ( );", {"s.cfg:2: grid: is an empty list"}},
    {EXPERIMENT "grid = { key = \"seed\"; };", {"s.cfg:2: grid: must be a list"}},
    {EXPERIMENT "grid = ( { key = \"seed\";\n values = []; } );",
     {"s.cfg:3: grid.0.values: is an empty list"}},
    {EXPERIMENT "grid = (\n{ key = \"sede\"; from = 1; to = 2; } );",
     {"s.cfg:3: grid.0: ", "sede: unknown key; did you mean 'seed'?"}},
    {EXPERIMENT "grid = ( { key = \"seed\"; from = 1; to = 2; },\n"
                "{ key = \"training.optimiser.rate\"; values = [ 0.1, -1.0 ]; } );",
     {"s.cfg:3: grid.1: ", "training.optimiser.rate=-1.0", "is not from"}},
    {EXPERIMENT "grid = ( { key = \"training.steps\"; from = 0; to = 3; } );",
     {"grid.0: ", "training.steps=0"}},
    {EXPERIMENT "grid = ( { kee = \"seed\"; } );", {"kee: unknown key; did you mean 'key'?"}},
    {EXPERIMENT "grid = ( { key = \"seed\"; from = 1; } );",
     {"seed: needs either values, or from"}},
    {EXPERIMENT "grid = ( { key = \"seed\"; values = [ 1 ]; to = 2; } );", {"needs either values"}},
    {EXPERIMENT "grid = ( { key = \"seed\"; from = 3; to = 1; } );", {"from 3 to 1 is no range"}},
    {EXPERIMENT "grid = ( { key = \"training.optimiser.rate\"; from = 0.1; to = 0.2; } );",
     {"needs a step"}},
    {EXPERIMENT "grid = ( { key = \"seed=1;x\"; from = 1; to = 2; } );", {"not the name of a key"}},
    {EXPERIMENT
     "grid = ( { key = \"seed\"; from = 1; to = 2; },\n{ key = \"seed\"; values = [ 4 ]; });",
     {"s.cfg:3: grid.1: seed varies already, by grid.0"}},
    {EXPERIMENT "grid = ( { key = \"seed\"; from = 1; to = 100000; },\n"
                "{ key = \"training.steps\"; from = 1; to = 10000; } );",
     {"asks for 1000000000 experiments; at most 1000000"}},
    {EXPERIMENT "grid = ( { key = \"seed\"; values = [ 1, 2, 1 ]; } );",
     {"experiments 0 and 2 are the same"}},
    {EXPERIMENT "zip = ( { key = \"seed\"; from = 1; to = 2; },\n"
                "{ key = \"training.steps\"; values = [ 4 ]; } );",
     {"s.cfg:3: zip.1: training.steps has 1 values, but seed 2"}},
    {EXPERIMENT "set = [ \"training.stpes=5\" ]; grid = ( { key = \"seed\"; from = 1; to = 2; } );",
     {"s.cfg:2: set.0: training.stpes=5: ", "did you mean 'steps'?"}},
    {EXPERIMENT "set = [ \"training.batch=5\",\n\"seed=5\" ]; grid = ( { key = \"seed\"; "
                "from = 1; to = 2; } );",
     {"s.cfg:3: set.1: seed=5: seed varies, by grid.0"}},
    {EXPERIMENT "set = [ \"seed=5\" ]; zip = ( { key = \"seed\"; from = 1; to = 2; } );",
     {"set.0: seed=5: seed varies, by zip.0"}},
    {DRAWS("5", "1", RATE) " set = [ \"training.optimiser.rate=5.0\" ];",
     {"set.0: ", "training.optimiser.rate varies, by random.keys.0"}},
    {EXPERIMENT "set = [ \"training.optimiser.rate=5.0\" ]; grid = ( { key = "
                "\"training.optimiser\"; values = ( { type = \"adam\"; } ); } );",
     {"training.optimiser varies, by grid.0"}},
    {EXPERIMENT "set = ( 5 ); grid = ( { key = \"seed\"; from = 1; to = 2; } );",
     {"set.0: must be text"}},
    {DRAWS("0", "1", RATE), {"random.draws: 0 is not from 1"}},
    {DRAWS("5", "1", "{ key = \"seed\"; from = 0; to = 5; scale = \"log\"; }"),
     {"a logarithmic scale begins above 0"}},
    {DRAWS("9", "1", "{ key = \"training.steps\"; from = 1; to = 4; }"), {"are the same"}},
    {EXPERIMENT "grid = ( { key = \"seed\"; from = 1; to = 2; } ); exclude = ( [ \"seed=4\" ] );",
     {"exclude.0.0: seed is never 4"}},
    {EXPERIMENT "grid = ( { key = \"seed\"; from = 1; to = 2; } ); exclude = ( [ \"sed=1\" ] );",
     {"sed is no key of grid or zip"}},
    {EXPERIMENT "grid = ( { key = \"seed\"; from = 1; to = 1; } ); exclude = ( [ \"seed=1\" ] );",
     {"leaves nothing to run"}},
    {EXPERIMENT "grid = ( { key = \"seed\"; from = 1; to = 2; } ); exclude = ( \"seed=1\" );",
     {"exclude.0: must be a list"}},
};

START_TEST(a_faulty_sweep_is_refused)
{
    inv_sweep *sweep = NULL;
    ck_assert_status(read_on(BASE, refused[_i].text, &sweep), INV_ECONFIG);
    ck_assert_ptr_null(sweep);
    for (size_t i = 0; i < LEN(refused[_i].says) && refused[_i].says[i]; i++)
        ck_assert_message_has(refused[_i].says[i]);
}
END_TEST

/* ---- many ---- */

START_TEST(a_million_are_taken_and_asked_for_one_by_one)
{
    inv_sweep *sweep = sweep_of(EXPERIMENT "grid = ( { key = \"seed\"; from = 1; to = 1000; },\n"
                                           "{ key = \"training.steps\"; from = 1; to = 1000; } );");
    char number[INV_SWEEP_NUMBER];
    ck_assert_uint_eq(inv_sweep_count(sweep), 1000000);
    ck_assert_str_eq(inv_sweep_value(sweep, 999999, 0, number), "1000");
    ck_assert_str_eq(inv_sweep_value(sweep, 123456, 0, number), "124");
    ck_assert_str_eq(inv_sweep_value(sweep, 123456, 1, number), "457");
    inv_sweep_free(sweep);
}
END_TEST

Suite *sweep_suite(void)
{
    Suite *suite = suite_create("sweep");
    TCase *tests = tcase_create("sweep");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, the_first_key_of_a_grid_changes_slowest);
    tcase_add_test(tests, zipped_keys_change_together_and_fastest);
    tcase_add_test(tests, ranges_end_where_they_say);
    tcase_add_test(tests, a_group_is_set_around_a_key_that_varies);
    tcase_add_test(tests, exclusions_are_left_out_and_not_counted);
    tcase_add_test(tests, draws_are_even_on_their_scale_and_whole_where_their_ends_are);
    tcase_add_test(tests, the_same_seed_draws_the_same_and_more_draws_begin_with_the_fewer);
    tcase_add_test(tests, an_item_is_the_experiment_with_its_settings);
    tcase_add_test(tests, names_tell_experiments_and_data_apart);
    tcase_add_loop_test(tests, a_faulty_sweep_is_refused, 0, LEN(refused));
    tcase_add_test(tests, a_million_are_taken_and_asked_for_one_by_one);
    suite_add_tcase(suite, tests);
    return suite;
}
