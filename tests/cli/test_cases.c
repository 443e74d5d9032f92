/* The situations of ../shared/cases/README.md, each a row of it: what people bring, and what is right.
 * They are made by ../shared/cases/make_cases.py, with NumPy and Pillow ($INVPROJ_PYTHON, or python3).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "hdf5_text.h"
#include "invproj/idx.h"
#include "program.h"
#include "suites.h"
#include "support.h"

#define CASES "../shared/cases"

static char *place; /* with a folder or file for each case, and the run files */

static const char *python(void)
{
    const char *given = getenv("INVPROJ_PYTHON");
    return given ? given : "python3";
}

/* Whether there is all that makes the cases; says what is not. */
static bool can_make(void)
{
    if (!getenv("INVPROJ_MNIST") || getenv("INVPROJ_SHORT") || access(CASES, R_OK) != 0) {
        support_skipped("cases", "what people bring, because MNIST or %s is not here", CASES);
        return false;
    }
    char command[512];
    snprintf(command, sizeof command, "%s -c 'import numpy, PIL' 2>/dev/null", python());
    /* no test runs yet, which program_run needs */
    const bool there = system(command) == 0; /* NOLINT(cert-env33-c): the tests' own Python */
    if (!there)
        support_skipped("cases", "what people bring, which %s makes with NumPy and Pillow",
                        python());
    return there;
}

static void make(void)
{
    place = support_folder();
    const program_how how = {.path = python(), .seconds = 300};
    program_must_work(
        program_run(&how, "%s %s %s", CASES "/make_cases.py", getenv("INVPROJ_MNIST"), place));
}

static void tidy(void)
{
    support_remove(place);
}

/* Trains `config` of the cases on the folder `name`, into NAME.h5. */
static program *train(const char *config, const char *name, const char *sets)
{
    char words[256], path[64];
    snprintf(words, sizeof words, "train " CASES "/%s --data %%s -o %%s --threads 1 %s", config,
             sets);
    snprintf(path, sizeof path, "%s.h5", name);
    return program_run(NULL, words, support_at(place, name), support_at(place, path));
}

static const char *trained(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s.h5", place, name);
    program_must_work(train("small.cfg", name, "-q --force"));
    return path;
}

/* What predict says of the images, by those labels. */
static double accuracy_by(const char *run, const char *images, const char *labels,
                          const char *options)
{
    char words[128];
    snprintf(words, sizeof words, "predict %%s %%s --labels %%s %s", options);
    program *p = program_run(&(program_how){.seconds = 100}, words, run, support_at(place, images),
                             support_at(place, labels));
    ck_assert_program(p, 0);
    const char *says = strstr(p->out, "\naccuracy ");
    ck_assert_ptr_nonnull(says);
    const double value = strtod(says + strlen("\naccuracy "), NULL);
    program_free(p);
    return value;
}

/* By the labels of the test images. */
static double accuracy_of(const char *run, const char *images, const char *options)
{
    return accuracy_by(run, images, "test-labels", options);
}

static void must_say(program *p, const char *text)
{
    ck_assert_program(p, 0);
    ck_assert_msg(strstr(p->err, text) != NULL, "%s: does not say \"%s\" but\n%s", p->command, text,
                  p->err);
    program_free(p);
}

/* ---- classes ---- */

START_TEST(letters)
{
    const char *run = trained("letters");
    must_say(program_run(NULL, "generate %s --name a", run),
             "class 0 has no images and is left out");
    program_must_work(program_run(NULL, "generate %s --classes 1-10 --name b -q", run));
    program_must_work(program_run(NULL, "features %s --layer hidden --units 0-3 -q", run));
    must_say(program_run(NULL, "exemplars %s", run), "class 0 has no images and is left out");
}
END_TEST

START_TEST(sorted)
{
    program *p = train("small.cfg", "sorted", "--set data.validation=592");
    ck_assert_fails(p, 1, "none of class 0 to train on", "data.shuffle");
    program_free(p);
    must_say(train("small.cfg", "sorted", "--set data.validation=300"),
             "9 classes have no validation image");
}
END_TEST

START_TEST(numbered)
{
    program *p = program_run(NULL, "pack %s -o %s", support_at(place, "numbered"),
                             support_at(place, "packed"));
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->out, "13 classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12\n"));
    program_free(p);
}
END_TEST

/* ---- channels, sides, labels ---- */

START_TEST(channels_first)
{
    const char *name = _i == 1 ? "nchw-1" : "nchw-3";
    char run[512], says[64];
    snprintf(run, sizeof run, "%s/%s.h5", place, name);
    snprintf(says, sizeof says, "read channels first, %d x 28 x 28 in the file", _i);
    must_say(train("small.cfg", name, ""), says);
    ck_assert_double_eq(hdf5_number(run, "/data", "channels"), _i);
    program_must_work(program_run(NULL, "generate %s -q", run));
    program_must_work(program_run(NULL, "features %s --layer hidden --units 0-3 -q", run));
    program_must_work(program_run(NULL, "exemplars %s -q", run));
    program_must_work(program_run(NULL, "invert %s --at hidden --steps 20 -q", run));
    program_must_work(program_run(NULL, "project %s -q", run));
    char images[64];
    snprintf(images, sizeof images, "%s/t10k-images-idx3-ubyte", name);
    ck_assert_double_eq_tol(accuracy_of(run, images, ""), hdf5_number(run, "/network", "accuracy"),
                            1e-4);
}
END_TEST

START_TEST(transposed)
{
    char run[512];
    snprintf(run, sizeof run, "%s/transposed.h5", place);
    program_must_work(train("small.cfg", "transposed", "-q --set data.transpose=true"));
    ck_assert_double_ge(accuracy_of(run, "png", ""), 0.88);
}
END_TEST

START_TEST(labels_of_several_numbers)
{
    must_say(train("small.cfg", "labels-n-8", ""), "labels of 8 numbers");
    const double eight = hdf5_number(support_at(place, "labels-n-8.h5"), "/network", "accuracy");
    ck_assert_double_gt(eight, 0.6);
    ck_assert_double_eq(hdf5_number(trained("labels-n-1"), "/network", "accuracy"), eight);
}
END_TEST

/* ---- ranges ---- */

/* Writes base's images as floats or signed bytes: (v - mean) / deviation. */
static void write_range(const char *name, inv_idx_type type, double mean, double deviation)
{
    static const char *const images[] = {"train-images-idx3-ubyte", "t10k-images-idx3-ubyte"};
    static const char *const labels[] = {"train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"};
    char from[512], to[512];
    program_must_work(program_run(&(program_how){.path = "mkdir"}, "%s", support_at(place, name)));
    for (int part = 0; part < 2; part++) {
        inv_idx *idx = NULL;
        snprintf(from, sizeof from, "%s/base/%s", place, images[part]);
        snprintf(to, sizeof to, "%s/%s/%s", place, name, images[part]);
        ck_assert_status(inv_idx_read(from, &idx), INV_OK);
        const unsigned char *bytes = idx->data;
        float *floats = calloc(idx->size, sizeof *floats);
        for (size_t i = 0; i < idx->size; i++) {
            const double value = (bytes[i] - mean) / deviation;
            if (type == INV_IDX_FLOAT)
                floats[i] = (float)value;
            else
                ((signed char *)floats)[i] = (signed char)value;
        }
        inv_idx out = *idx;
        out.type = type;
        out.data = floats;
        ck_assert_status(inv_idx_write(to, &out), INV_OK);
        inv_idx_free(idx);
        free(floats);
        snprintf(from, sizeof from, "%s/base/%s", place, labels[part]);
        snprintf(to, sizeof to, "%s/%s/%s", place, name, labels[part]);
        program_must_work(program_run(&(program_how){.path = "cp"}, "%s %s", from, to));
    }
}

static const struct range_case {
    const char *name;
    inv_idx_type type; /* INV_IDX_UBYTE: the cases have it */
    double mean, deviation;
    double low, high; /* as the net sees them */
} range_cases[] = {
    {"range-minus1-1", INV_IDX_UBYTE, 0, 0, -1.0, 1.0},
    {"range-0-255-float", INV_IDX_UBYTE, 0, 0, 0.0, 255.0},
    {"standardised", INV_IDX_FLOAT, 0.1307 * 255, 0.3081 * 255, -0.4242, 2.8215},
    {"signed", INV_IDX_BYTE, 128.0, 1.0, -128.0 / 127.0, 1.0},
};
#define RANGE_CASES ((int)(sizeof range_cases / sizeof *range_cases))

/* A PNG's black and white are the data's; what is made lies within, and the net is sure of it. */
START_TEST(ranges)
{
    const struct range_case *k = &range_cases[_i];
    char images[64];
    size_t dims[4];
    if (k->type != INV_IDX_UBYTE)
        write_range(k->name, k->type, k->mean, k->deviation);
    const char *run = trained(k->name);
    const double span = k->high - k->low, accuracy = hdf5_number(run, "/network", "accuracy");
    snprintf(images, sizeof images, "%s/t10k-images-idx3-ubyte", k->name);
    ck_assert_double_gt(accuracy, 0.75);
    ck_assert_double_eq_tol(accuracy_of(run, images, ""), accuracy, 1e-4);
    ck_assert_double_eq_tol(accuracy_of(run, "png", ""), accuracy, 0.01);
    program_must_work(program_run(NULL, "generate %s --preset recommended --name g -q", run));
    program_must_work(program_run(NULL, "features %s --layer hidden --units 0-7 --name f -q", run));
    double *confidence = hdf5_values(run, "/generated/g/confidence", dims);
    for (size_t i = 0; i < dims[0]; i++)
        ck_assert_double_gt(confidence[i], 0.99);
    free(confidence);
    for (int what = 0; what < 2; what++) {
        double *values = hdf5_values(run, what ? "/features/f/image" : "/generated/g/image", dims);
        for (size_t i = 0; i < dims[0] * dims[1] * dims[2]; i++) {
            ck_assert_double_ge(values[i], k->low - 1e-4 * span);
            ck_assert_double_le(values[i], k->high + 1e-4 * span);
        }
        free(values);
    }
}
END_TEST

/* Without a white margin beside it, an image would be 0.60. The columns that are cut off of these are
 * gone: of the net's own test images without them, laid on white as they are, it gets as many. */
START_TEST(on_a_light_ground)
{
    const char *run = trained("dark-on-white");
    const double all = hdf5_number(run, "/network", "accuracy");
    ck_assert_double_gt(all, 0.85);
    ck_assert_double_gt(accuracy_of(run, "tall", ""), all - 0.011);
    ck_assert_double_ge(accuracy_of(run, "tall", "--centre"), 0.85);
}
END_TEST

START_TEST(white_is_packed_beside_white)
{
    inv_idx *idx = NULL;
    program_must_work(program_run(&(program_how){.path = "sh"}, "-c %s %s",
                                  "cd \"$0\" && mkdir -p two/a two/b && cp tall/00*.png two/a && "
                                  "cp tall/01*.png two/b",
                                  place));
    program_must_work(program_run(NULL, "pack %s -o %s --size 28x28 --test 0",
                                  support_at(place, "two"), support_at(place, "white")));
    ck_assert_status(inv_idx_read(support_at(place, "white/train-images-idx3-ubyte"), &idx),
                     INV_OK);
    const unsigned char *bytes = idx->data;
    ck_assert_uint_eq(idx->dims[0], 20);
    for (size_t i = 0; i < idx->size; i++)
        if (i % 28 < 3 || i % 28 > 24)
            ck_assert_uint_ge(bytes[i], 250);
    inv_idx_free(idx);
}
END_TEST

/* ---- one's own handwriting ---- */

START_TEST(handwriting)
{
    const char *run = trained("base");
    must_say(program_run(NULL, "predict %s %s", run, support_at(place, "photo")),
             "of 300 images: 300 on a light ground, those trained on a dark one; try --invert "
             "--centre");
    must_say(program_run(NULL, "predict %s %s", run, support_at(place, "tight")),
             "larger, smaller or elsewhere than those trained on; try --centre");
    program *p = program_run(NULL, "predict %s %s", run, support_at(place, "png"));
    ck_assert_str_eq(p->err, "");
    program_free(p);
    ck_assert_double_ge(accuracy_of(run, "photo", "--invert --centre"), 0.90);
    ck_assert_double_ge(accuracy_of(run, "tight", "--centre"), 0.90);
    ck_assert_double_ge(accuracy_of(run, "png", "--centre"), 0.90);
    p = program_run(&(program_how){.path = "sh"}, "-c %s %s %s",
                    "ls \"$0\"/photo/00*.png | \"$1\" predict \"$0\"/base.h5 - --invert --centre",
                    place, getenv("INVPROJ") ? getenv("INVPROJ") : "build/invproj");
    ck_assert_program(p, 0);
    ck_assert_uint_eq(program_lines(p->out), 11);
    program_free(p);
}
END_TEST

/* Photographs of paper, each kind as hard as it is to the net: prepared, it gets as many of them right
 * as of the digits themselves, in thin strokes fewer. */
START_TEST(photographs)
{
    static const struct {
        const char *folder;
        double minimum;
    } kinds[] = {{"taken/page", 0.80},
                 {"taken/thin", 0.70},
                 {"taken/off", 0.80},
                 {"taken/shadow", 0.75},
                 {"taken/small", 0.70}};
    const program_how how = {.path = python(), .seconds = 300};
    const char *run = trained("base");
    program_must_work(program_run(&how, "tests/cli/photographs.py %s %s 60",
                                  getenv("INVPROJ_MNIST"), support_at(place, "taken")));
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        const double plain = accuracy_by(run, kinds[k].folder, "taken/labels", "--invert");
        const double centred =
            accuracy_by(run, kinds[k].folder, "taken/labels", "--invert --centre");
        ck_assert_double_lt(plain, 0.4);
        ck_assert_double_ge(centred, kinds[k].minimum);
    }
}
END_TEST

/* ---- nothing happened ---- */

START_TEST(dead)
{
    char run[512];
    size_t dims[4];
    snprintf(run, sizeof run, "%s/base.h5", place);
    program_must_work(train("dead.cfg", "base", "-q --force"));
    must_say(program_run(NULL, "features %s --layer hidden", run), "16 of 16 are dead");
    ck_assert_double_eq(hdf5_number(run, "/features/features", "dead"), 16.0);
    double *settled = hdf5_values(run, "/features/features/settled", dims);
    ck_assert_uint_eq(dims[0], 16);
    for (size_t i = 0; i < 16; i++)
        ck_assert_double_eq(settled[i], 0.0);
    free(settled);
}
END_TEST

Suite *cases_suite(void)
{
    Suite *suite = suite_create("cases");
    TCase *tests = tcase_create("cases");
    tcase_set_timeout(tests, 600);
    if (can_make()) {
        tcase_add_unchecked_fixture(tests, make, tidy);
        tcase_add_test(tests, letters);
        tcase_add_test(tests, sorted);
        tcase_add_test(tests, numbered);
        tcase_add_loop_test(tests, channels_first, 1, 2);
        tcase_add_loop_test(tests, channels_first, 3, 4);
        tcase_add_test(tests, transposed);
        tcase_add_test(tests, labels_of_several_numbers);
        tcase_add_loop_test(tests, ranges, 0, RANGE_CASES);
        tcase_add_test(tests, on_a_light_ground);
        tcase_add_test(tests, white_is_packed_beside_white);
        tcase_add_test(tests, handwriting);
        tcase_add_test(tests, photographs);
        tcase_add_test(tests, dead);
    }
    suite_add_tcase(suite, tests);
    return suite;
}
