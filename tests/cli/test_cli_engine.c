/* The program's commands that optimise values: generate from the input, features of a layer,
 * exemplars.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_short.h"
#include "hdf5_text.h"
#include "invproj/mat.h"
#include "invproj/run.h"
#include "program.h"
#include "small.h"
#include "suites.h"
#include "support.h"

static char *place;

/* What every test starts from, in one folder: the data, a run, and another net to judge by. */
static void open_place(void)
{
    place = support_folder();
    short_data(support_at(place, "data"));
    char *data = strdup(support_at(place, "data"));
    short_run(data, support_at(place, "run"));
    program_must_work(program_run(NULL, "train " SHORT " -q --seed 9 --data %s -o %s", data,
                                  support_at(place, "other.h5")));
    free(data);
}

static void close_place(void)
{
    support_remove(place);
}

#define DATA support_at(place, "data")
#define RUN  support_at(place, "run/run.h5")

/* Runs the words where the run, the data and the other net are. */
static program *ask(const char *words)
{
    return program_run_in(place, words);
}

START_TEST(recommended_images_are_sure_and_judged)
{
    size_t dims[4];
    program *p = program_run(NULL,
                             "generate %s --preset recommended --count 6 --judge %s --name clear "
                             "--data %s -q --threads 1",
                             RUN, support_at(place, "other.h5"), DATA);
    program_must_work(p);
    double *confidence = hdf5_values(RUN, "/generated/clear/confidence", dims);
    double *settled = hdf5_values(RUN, "/generated/clear/settled", dims);
    ck_assert_uint_eq(dims[0], 6 * CLASSES);
    for (size_t i = 0; i < dims[0];
         i++) { /* so small a net, moved by a pixel of 7, is not sure of every one */
        ck_assert_double_ge(confidence[i], 0.8);
        ck_assert(settled[i] == (confidence[i] >= 0.995));
    }
    free(settled);
    free(confidence);
    double *image = hdf5_values(RUN, "/generated/clear/image", dims);
    for (size_t i = 0; i < dims[0] * dims[1] * dims[2]; i++)
        ck_assert(image[i] >= 0.0 && image[i] <= 1.0);
    free(image);
    /* the judge, as small, takes the 6 of one class for another; by chance it would be 0.2 */
    ck_assert_double_ge(hdf5_number(RUN, "/generated/clear", "judge_same"), 0.75);
    ck_assert_double_ge(hdf5_number(RUN, "/generated/clear", "judge_mean"), 0.7);
    char *text = hdf5_text(RUN, NULL);
    ck_assert_ptr_nonnull(strstr(text, "/generated/clear/judged uint32 [30]"));
    ck_assert_ptr_nonnull(strstr(text, "/generated/clear @settings {"));
    ck_assert_ptr_nonnull(strstr(text, "/gaussian/input/all float32"));
    ck_assert_ptr_null(strstr(text, "/generated/clear @inverse"));
    ck_assert_int_eq(access(support_at(place, "run/generated-clear.png"), F_OK), 0);
    free(text);
}
END_TEST

/* The figures of `name`: the part that the judge recognises at the end and at the start, and how far
 * images of a class lie apart. */
typedef struct variety {
    double end, start, distance;
} variety;

static variety made_by(const char *preset)
{
    program_must_work(
        program_run(NULL,
                    "generate %s --preset %s --count 6 --judge %s --name %s --data %s "
                    "-q --threads 1",
                    RUN, preset, support_at(place, "other.h5"), preset, DATA));
    char path[64];
    snprintf(path, sizeof path, "/generated/%s", preset);
    return (variety){hdf5_number(RUN, path, "judge_same"), hdf5_number(RUN, path, "judge_start"),
                     hdf5_number(RUN, path, "distance")};
}

/* Starts that are farther apart stay so; those near the middle of a class are recognised before any
 * step, and those of waves, which know no class, are not. */
START_TEST(presets_differ_in_variety)
{
    const variety near = made_by("recommended"), far = made_by("varied");
    const variety waves = made_by("no_data");
    ck_assert_double_gt(far.distance, 1.5 * near.distance);
    ck_assert_double_ge(far.end, 0.6);
    ck_assert_double_ge(near.start, 0.6);
    ck_assert_double_le(waves.start, 0.5);
    ck_assert_double_gt(waves.end, waves.start);
}
END_TEST

/* Images of 12 x 12 whose outermost three rows and columns are black. */
static void write_framed(const char *folder)
{
    static const char *const files[] = {"train-images-idx3-ubyte", "t10k-images-idx3-ubyte"};
    enum { SIDE = 12, FRAME = 3, HEAD = 16 };
    ck_assert_int_eq(mkdir(folder, 0755), 0);
    support_write_dataset(folder, TRAIN, TEST, SIDE, SIDE, CLASSES, 11);
    for (int f = 0; f < 2; f++) {
        char *path = NULL;
        size_t size = 0;
        ck_assert_int_gt(asprintf(&path, "%s/%s", folder, files[f]), 0);
        unsigned char *bytes = support_read(path, &size);
        for (size_t i = HEAD; i < size; i++) {
            const size_t row = (i - HEAD) / SIDE % SIDE, column = (i - HEAD) % SIDE;
            if (row < FRAME || row >= SIDE - FRAME || column < FRAME || column >= SIDE - FRAME)
                bytes[i] = 0;
        }
        support_write(path, bytes, size);
        free(bytes);
        free(path);
    }
}

/* A net is sure of images that are noise where it never saw anything: that is said, and not of images
 * that are as real ones are, nor with -q. */
START_TEST(noise_is_called_noise)
{
    const char *data = support_at(place, "framed"), *file = support_at(place, "framed.h5");
    static const struct {
        const char *preset, *name, *option;
        bool noise;
    } cases[] = {{"plain", "told", "--threads=1", true},
                 {"plain", "quiet", "-q", false},
                 {"recommended", "calm", "--threads=1", false}};
    write_framed(data);
    program_must_work(program_run(NULL, "train " SHORT " -q --data %s -o %s", data, file));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        program *p = program_run(NULL,
                                 "generate %s --at input --preset %s --data %s --name %s %s --set "
                                 "generate.bounds=[0,1] --objective margin --steps 200 --set "
                                 "generate.optimiser={type=\"adam\";rate=0.05;}",
                                 file, cases[i].preset, data, cases[i].name, cases[i].option);
        ck_assert_int_eq(p->code, 0);
        ck_assert_msg((strstr(p->err, "are noise to the eye") != NULL) == cases[i].noise,
                      "%s: %s%s", cases[i].preset, p->out, p->err);
        program_free(p);
    }
}
END_TEST

/* What a preset says of classes does not stand in the way of units. */
START_TEST(presets_make_images_of_units)
{
    program *p =
        program_run(NULL,
                    "generate %s --preset recommended --objective unit --name units --data "
                    "%s -q --threads 1 --set generate.of=hidden1 --set generate.units=[1]",
                    RUN, DATA);
    ck_assert_int_eq(p->code, 0);
    ck_assert_ptr_null(strstr(p->out, "figure")); /* a heading of none */
    program_free(p);
    char *text = hdf5_text(RUN, NULL);
    const char *settings = strstr(text, "/generated/units @settings ");
    ck_assert_ptr_nonnull(settings);
    ck_assert_ptr_nonnull(strstr(settings, "\"whitened\",\"of\":\"all\""));
    free(text);
}
END_TEST

/* The net of another run, which is one that small.c has a twin of. */
static inv_net *net_of(const char *path)
{
    inv_run *run = NULL;
    inv_net *net = NULL;
    ck_assert_status(inv_run_open(path, &run), INV_OK);
    ck_assert_status(inv_run_get_net(run, "/network", (inv_shape){HEIGHT, WIDTH, 1}, &net), INV_OK);
    inv_run_free(run);
    return net;
}

/* What the judge is said to see is what its net makes of the images. */
START_TEST(the_judge_says_what_its_net_says)
{
    size_t dims[4];
    inv_net *judge = net_of(support_at(place, "other.h5"));
    double *image = hdf5_values(RUN, "/generated/clear/image", dims);
    double *label = hdf5_values(RUN, "/generated/clear/label", dims);
    double *judged = hdf5_values(RUN, "/generated/clear/judged", dims);
    double *confidence = hdf5_values(RUN, "/generated/clear/judge_confidence", dims);
    double same = 0.0, mean = 0.0;
    ck_assert_uint_eq(dims[0], 6 * CLASSES);
    for (size_t i = 0; i < dims[0]; i++) {
        double y[SMALL_WIDEST];
        small_values(judge, 0, inv_net_depth(judge), 0.0, image + i * HEIGHT * WIDTH, y);
        ck_assert_double_eq(label[i], (double)(i / 6));
        ck_assert_double_eq(judged[i], (double)small_top(y, CLASSES));
        ck_assert_double_eq_tol(confidence[i], y[i / 6], 1e-5);
        same += judged[i] == label[i];
        mean += confidence[i];
    }
    ck_assert_double_eq_tol(hdf5_number(RUN, "/generated/clear", "judge_same"), same / 30, 1e-12);
    ck_assert_double_eq_tol(hdf5_number(RUN, "/generated/clear", "judge_mean"), mean / 30, 1e-6);
    free(image), free(label), free(judged), free(confidence);
    inv_net_free(judge);
}
END_TEST

/* The root of the mean of |x - y|^2 over all pairs of the rows that are marked. */
static double naive_spread(const double *rows, const bool *marked, size_t n)
{
    double sum = 0.0, pairs = 0.0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++) {
            pairs += marked[i] && marked[k];
            for (size_t j = 0; marked[i] && marked[k] && j < HEIGHT * WIDTH; j++)
                sum += pow(rows[i * HEIGHT * WIDTH + j] - rows[k * HEIGHT * WIDTH + j], 2.0);
        }
    return sqrt(sum / pairs);
}

/* The training images, without those set aside. */
static inv_dataset *training_images(double **rows)
{
    inv_dataset *data = NULL;
    ck_assert_status(inv_dataset_open(DATA, 255.0, &data), INV_OK);
    ck_assert_status(inv_dataset_set_validation(data, VALIDATION), INV_OK);
    *rows = calloc(data->train.count * HEIGHT * WIDTH, sizeof **rows);
    for (size_t i = 0; i < data->train.count; i++)
        small_pixels(&data->train, i, *rows + i * HEIGHT * WIDTH);
    return data;
}

/* How far apart the images of a class are, beside the real ones (of which the n themselves are not
 * left out: n - 1 pairs each of n). */
START_TEST(the_distance_is_that_between_images)
{
    size_t dims[4];
    double *image = hdf5_values(RUN, "/generated/clear/image", dims), *rows = NULL, expected = 0.0;
    inv_dataset *data = training_images(&rows);
    bool *marked = calloc(data->train.count, sizeof *marked), made[6 * CLASSES];
    for (size_t c = 0; c < CLASSES; c++) {
        double count = 0.0;
        for (size_t i = 0; i < data->train.count; i++)
            count += marked[i] = data->train.labels[i] == c;
        for (size_t i = 0; i < 6 * CLASSES; i++)
            made[i] = i / 6 == c;
        expected += naive_spread(image, made, 6 * CLASSES) /
                    (naive_spread(rows, marked, data->train.count) * sqrt((count - 1.0) / count));
    }
    ck_assert_double_eq_tol(hdf5_number(RUN, "/generated/clear", "distance"), expected / CLASSES,
                            1e-4);
    ck_assert_double_ge(expected / CLASSES, 0.25);
    free(image), free(rows), free(marked);
    inv_dataset_free(data);
}
END_TEST

/* The Gaussian is in the run file now: the data are no longer needed, and the bits are the same. */
START_TEST(again_without_the_data_and_with_other_threads)
{
    size_t dims[4], same[4];
    double *first = hdf5_values(RUN, "/generated/clear/image", dims);
    program_must_work(program_run(NULL,
                                  "generate %s --preset recommended --count 6 --name clear -q "
                                  "--threads 2",
                                  RUN));
    double *again = hdf5_values(RUN, "/generated/clear/image", same);
    ck_assert_mem_eq(dims, same, 3 * sizeof *dims);
    ck_assert_mem_eq(first, again, dims[0] * dims[1] * dims[2] * sizeof *first);
    free(first);
    free(again);
}
END_TEST

/* A run with all its stages where OpenBLAS is told which processor it is on, as text without its
 * name for that, which `blas` gets. */
static char *run_with_core(const char *core, char blas[256])
{
    static const char *const but[] = {"@created", "/seconds", "@blas", NULL};
    char setting[64], folder[64];
    snprintf(setting, sizeof setting, "OPENBLAS_CORETYPE=%s", core);
    snprintf(folder, sizeof folder, "core-%s", core);
    const program_how how = {.environment = setting};
    char *to = strdup(support_at(place, folder)), *file = strdup(support_at(to, "run.h5"));
    program_must_work(program_run(&how, "run " SHORT " -q --data %s -o %s", DATA, to));
    program_must_work(program_run(&how,
                                  "generate %s --preset recommended --count 3 --name clear "
                                  "--data %s -q --threads 1",
                                  file, DATA));
    program_must_work(program_run(&how,
                                  "features %s --layer hidden1 --set features.steps=9 "
                                  "--name units --data %s -q --threads 1",
                                  file, DATA));
    char *all = hdf5_text(file, NULL), *text = hdf5_text(file, but);
    const char *at = strstr(all, "/environment @blas ");
    ck_assert_ptr_nonnull(at);
    snprintf(blas, 256, "%.*s", (int)strcspn(at, "\n"), at);
    free(all);
    free(file);
    free(to);
    return text;
}

/* OpenBLAS chooses its kernels by the processor. Told to take others it changes nothing: neither
 * training nor the Gaussian's axes nor what is made of them. */
START_TEST(the_kernels_of_openblas_do_not_matter)
{
    static const char *const cores[] = {"Prescott", "Core2", "Haswell"};
    char blas[3][256] = {""};
    char *first = NULL;
    if (!strstr(inv_blas_description(), "DYNAMIC_ARCH") ||
        strcmp(inv_kernels_name(), "plain") == 0) {
        printf("cli_engine: skipped: other kernels of OpenBLAS, because %s\n",
               strcmp(inv_kernels_name(), "plain") == 0 ? "with plain kernels products are its own"
                                                        : "the BLAS has none to choose from");
        return;
    }
    for (size_t c = 0; c < 3; c++) {
        char *text = run_with_core(cores[c], blas[c]);
        if (first)
            program_must_equal(first, text);
        free(first);
        first = text;
    }
    ck_assert_str_ne(blas[0], blas[2]); /* that they were others */
    free(first);
}
END_TEST

START_TEST(a_run_without_generate_has_the_recommended)
{
    size_t dims[4];
    char *other = strdup(support_at(place, "bare.h5")),
         *cfg = strdup(support_at(place, "bare.cfg"));
    static const char bare[] =
        "data = { validation = 50; };"
        "network = { layers = ( { name = \"h\"; type = \"dense\"; units = 12; activation = "
        "\"relu\"; kernel = { type = \"he_normal\"; }; }, { name = \"output\"; type = \"dense\"; "
        "activation = \"softmax\"; } ); };"
        "training = { steps = 200; batch = 60; optimiser = { type = \"adam\"; rate = 0.01; }; };";
    support_write(cfg, bare, strlen(bare));
    program_must_work(
        program_run(NULL, "train %s -q --threads 1 --data %s -o %s", cfg, DATA, other));
    program_must_work(program_run(NULL, "generate %s -q --threads 1 --data %s", other, DATA));
    double *confidence = hdf5_values(other, "/generated/generated/confidence", dims);
    ck_assert_uint_eq(dims[0], CLASSES);
    for (size_t i = 0; i < dims[0]; i++)
        ck_assert_double_ge(confidence[i], 0.995);
    free(confidence);
    free(other);
    free(cfg);
}
END_TEST

START_TEST(frames_show_the_way)
{
    char *frames = strdup(support_at(place, "frames"));
    program_must_work(program_run(NULL,
                                  "generate %s --at input --steps 12 --name way --frames %s -q "
                                  "--threads 1 --set generate.optimiser.rate=0.1",
                                  RUN, frames));
    ck_assert_uint_eq(support_entries(frames), 13); /* before each step, and the end */
    ck_assert_int_eq(access(support_at(frames, "00000.png"), F_OK), 0);
    ck_assert_int_eq(access(support_at(frames, "00012.png"), F_OK), 0);
    program_must_work(program_run(NULL,
                                  "features %s --layer hidden2 --steps 150 --name way --frames "
                                  "%s -q --threads 1 --data %s",
                                  RUN, frames, DATA));
    ck_assert_int_eq(access(support_at(frames, "00148.png"), F_OK), 0);
    free(frames);
}
END_TEST

START_TEST(each_way_to_ask_for_images)
{
    static const char *const ways[] = {
        "--set generate.mix=[0.0,1.0,0.0,1.0] --set generate.objective=cross_entropy",
        "--objective activation --targets 0,3 --set generate.of=hidden1",
        "--objective unit --set generate.of=hidden2 --set generate.units=[0,10]",
        "--objective energy --set generate.of=hidden1",
        "--set generate.parametrisation={type=\"sigmoid\";} --set generate.bounds=[0,1]",
        "--set generate.parametrisation={type=\"fourier\";penalty=0.1;}",
        "--set generate.parametrisation={type=\"waves\";}",
        "--set generate.parametrisation={type=\"mask\";} --targets 1,2 --set generate.start=1.0",
        "--set generate.from=class_mean --set generate.spread=0.1",
        ("--set generate.from=image --set generate.terms=({type=\"total_variation\";},"
         "{type=\"gaussian\";weight=0.01;},{type=\"diversity\";})"),
        "--set generate.bfgs=true --objective logit --set generate.bounds=[0,1]",
        "--set generate.jitter=1.0 --set generate.turn=5.0 --set generate.blur_every=3",
    };
    size_t dims[2][4];
    double *image[2];
    for (int i = 0; i < 2; i++) { /* without it and with it: it must do something */
        char words[1024];
        snprintf(words, sizeof words,
                 "generate run/run.h5 --preset plain --name way -q --threads 1 --data data --steps "
                 "8 --set "
                 "generate.optimiser.rate=0.05 %s",
                 i ? ways[_i] : "");
        program_must_work(ask(words));
        image[i] = hdf5_values(RUN, "/generated/way/image", dims[i]);
    }
    ck_assert_uint_gt(dims[1][0], 0);
    for (size_t i = 0; i < dims[1][0] * HEIGHT * WIDTH; i++)
        ck_assert(isfinite(image[1][i]));
    const size_t rows = dims[0][0] < dims[1][0] ? dims[0][0] : dims[1][0];
    ck_assert_mem_ne(image[0], image[1], rows * HEIGHT * WIDTH * sizeof(double));
    free(image[0]);
    free(image[1]);
}
END_TEST

START_TEST(features_of_a_layer)
{
    size_t dims[4];
    program_must_work(program_run(NULL,
                                  "features %s --layer hidden1.pre --units 0-4,9 --name driven "
                                  "--data %s -q --threads 1",
                                  RUN, DATA));
    double *unit = hdf5_values(RUN, "/features/driven/unit", dims);
    ck_assert_uint_eq(dims[0], 6);
    ck_assert(unit[4] == 4 && unit[5] == 9);
    double *value = hdf5_values(RUN, "/features/driven/value", dims);
    for (size_t i = 0; i < 6; i++)
        ck_assert_double_gt(value[i], 0.0);
    free(unit);
    free(value);
}
END_TEST

START_TEST(exemplars_stand_beside_what_was_made)
{
    size_t dims[4];
    program_must_work(program_run(
        NULL, "exemplars %s --count 3 --name best -q --threads 1 --data %s", RUN, DATA));
    double *label = hdf5_values(RUN, "/exemplars/best/label", dims);
    ck_assert_uint_eq(dims[0], CLASSES * 4); /* the generated one first */
    free(label);
    double *index = hdf5_values(RUN, "/exemplars/best/index", dims);
    ck_assert(index[0] == 4294967295.0 && index[1] < TRAIN);
    free(index);
    program_must_work(program_run(NULL,
                                  "exemplars %s --layer hidden2 --units 3,7 --name unit -q "
                                  "--threads 1 --data %s",
                                  RUN, DATA));
    ck_assert_int_eq(access(support_at(place, "run/exemplars-unit.png"), F_OK), 0);
}
END_TEST

START_TEST(filters_are_the_first_kernel)
{
    size_t dims[4], kernel_dims[4];
    program_must_work(program_run(NULL, "filters %s --name first -q", RUN));
    double *image = hdf5_values(RUN, "/filters/first/image", dims);
    double *kernel = hdf5_values(RUN, "/network/hidden1/kernel", kernel_dims);
    ck_assert_uint_eq(dims[0], kernel_dims[1]);
    ck_assert_uint_eq(dims[1] * dims[2], kernel_dims[0]);
    for (size_t unit = 0; unit < dims[0]; unit++)
        for (size_t pixel = 0; pixel < kernel_dims[0]; pixel++)
            ck_assert_double_eq(image[unit * kernel_dims[0] + pixel],
                                kernel[pixel * kernel_dims[1] + unit]);
    ck_assert_int_eq(access(support_at(place, "run/filters-first.png"), F_OK), 0);
    free(image);
    free(kernel);
}
END_TEST

START_TEST(what_did_not_converge_says_so_and_is_kept)
{
    size_t dims[4];
    program *p = program_run(NULL,
                             "generate %s --preset plain --name hasty --threads 1 --steps 2 --set "
                             "generate.until=1.0 --set generate.optimiser.rate=1e-6",
                             RUN);
    ck_assert_ptr_nonnull(strstr(p->err, "5 of 5 did not converge in 2 steps"));
    program_must_work(p);
    double *settled = hdf5_values(RUN, "/generated/hasty/settled", dims);
    ck_assert_uint_eq(dims[0], CLASSES);
    ck_assert_double_eq(settled[0], 0.0);
    free(settled);
}
END_TEST

static const struct refused {
    const char *words, *says[3];
} refused[] = {
    {"generate run/run.h5 --preset magic", {"generate.preset", "there is no 'magic'"}},
    {"generate run/run.h5 --preset \"a b\"", {"--preset", "is not a name"}},
    {"generate run/run.h5 --at input --objective magic", {"generate.objective", "'magic'"}},
    {"generate run/run.h5 --at input --objective unit", {"generate.of: unit needs a point"}},
    {"generate run/run.h5 --objective unit --at input --set generate.of=nowhere",
     {"nowhere", "hidden1"}},
    {"generate run/run.h5 --objective unit --at input --set generate.of=hidden2 --set "
     "generate.units=[11]",
     {"unit 11 does not exist", "0 to 10"}},
    {"generate run/run.h5 --at input --objective activation",
     {"generate.of: activation needs images", "the point"}},
    {"generate run/run.h5 --at input --objective activation --set generate.of=hidden1",
     {"generate.targets: activation needs images"}},
    {"generate run/run.h5 --at input --targets 60 --data data",
     {"generate.targets: test image 60 does not exist", "0 to 59"}},
    {"generate run/run.h5 --at input --set generate.mix=[0.0,0.0]", {"generate.mix", "not all 0"}},
    {"generate run/run.h5 --at input --set generate.bounds=[1,0]", {"generate.bounds", "smaller"}},
    {"generate run/run.h5 --at input --set generate.bounds=0.5", {"generate.bounds: both are 0.5"}},
    {"generate run/run.h5 --at input --set generate.parametrisation={type=\"mask\";}",
     {"generate.targets: a mask is laid over images"}},
    {"generate run/run.h5 --set generate.parametrisation={type=\"sigmoid\";}",
     {"sigmoid needs bounds"}},
    {"generate run/run.h5 --preset recommended --objective unit --set generate.of=hidden1 "
     "--set generate.until=0.9 --data data",
     {"generate.until: applies only where classes"}},
    {"generate run/run.h5 --preset recommended --objective unit --set generate.of=hidden1 "
     "--set generate.parametrisation.of=class --data data",
     {"generate.parametrisation.of: images of units have no class"}},
    {"generate run/run.h5 --at input --set generate.terms=({type=\"norm\";weight=-1.0;})",
     {"generate.terms.0.weight: -1", "0 or more"}},
    {"generate run/run.h5 --at input --set generate.terms=({type=\"batch_norm\";at=\"hidden1\";})",
     {"no batch normalisation follows hidden1"}},
    {"generate run/run.h5 --set generate.jitter=1.0",
     {"apply to images; there are none at hidden2.pre"}},
    {"features run/run.h5 --layer hidden9", {"hidden9: the net has no such point"}},
    {"features run/run.h5 --name .", {"features.name: '.' is no name"}},
    {"generate run/run.h5 --name ..", {"generate.name: '..' is no name"}},
    {"exemplars run/run.h5 --layer input --data data", {"the input has no units"}},
    {"exemplars run/run.h5 --classes 9 --data data", {"exemplars.classes: 9 does not exist"}},
};

START_TEST(bad_settings_say_what_is_allowed)
{
    const struct refused *r = &refused[_i];
    char words[1024];
    snprintf(words, sizeof words, "%s -q --threads 1", r->words);
    program *p = ask(words);
    program_must_fail(p, 2, r->says);
    program_free(p);
}
END_TEST

START_TEST(a_judge_must_be_able_to)
{
    static const char *const none[] = {"none.h5", "No such file", NULL};
    program *p =
        program_run(NULL, "generate %s --at input --steps 2 --name j --judge none.h5 -q", RUN);
    program_must_fail(p, 1, none);
    program_free(p);
    const char *data = support_at(place, "wide"), *file = support_at(place, "wide.h5");
    ck_assert_int_eq(mkdir(data, 0755), 0);
    support_write_dataset(data, TRAIN, TEST, HEIGHT, WIDTH + 2, CLASSES, 5);
    program_must_work(program_run(NULL, "train " SHORT " -q --data %s -o %s", data, file));
    char *before = program_snapshot(place);
    p = program_run(NULL, "generate %s --at input --steps 2 --name j --judge %s -q", RUN, file);
    ck_assert_fails(p, 1, "wide.h5: a net of images of 9 x 9 x 1 cannot judge those of 9 x 7 x 1");
    program_free(p);
    p = program_run(NULL, "generate %s --at input --steps 2 --name j --judge %s -q", RUN, RUN);
    ck_assert_fails(p, 1, "holds the net that made the images, which is no independent judge");
    program_free(p);
    char *after = program_snapshot(place);
    program_must_equal(before, after);
    free(before);
    free(after);
}
END_TEST

Suite *cli_engine_suite(void)
{
    Suite *suite = suite_create("cli_engine");
    TCase *tests = tcase_create("cli_engine");
    tcase_set_timeout(tests, 120);
    tcase_add_unchecked_fixture(tests, open_place, close_place);
    tcase_add_test(tests, recommended_images_are_sure_and_judged);
    tcase_add_test(tests, presets_differ_in_variety);
    tcase_add_test(tests, noise_is_called_noise);
    tcase_add_test(tests, presets_make_images_of_units);
    tcase_add_test(tests, the_judge_says_what_its_net_says);
    tcase_add_test(tests, the_distance_is_that_between_images);
    tcase_add_test(tests, again_without_the_data_and_with_other_threads);
    tcase_add_test(tests, the_kernels_of_openblas_do_not_matter);
    tcase_add_test(tests, a_run_without_generate_has_the_recommended);
    tcase_add_test(tests, frames_show_the_way);
    tcase_add_loop_test(tests, each_way_to_ask_for_images, 0, 11);
    tcase_add_test(tests, features_of_a_layer);
    tcase_add_test(tests, exemplars_stand_beside_what_was_made);
    tcase_add_test(tests, filters_are_the_first_kernel);
    tcase_add_test(tests, what_did_not_converge_says_so_and_is_kept);
    tcase_add_loop_test(tests, bad_settings_say_what_is_allowed, 0,
                        sizeof refused / sizeof *refused);
    tcase_add_test(tests, a_judge_must_be_able_to);
    suite_add_tcase(suite, tests);
    return suite;
}
