/* Data as people have them, through the program: channels first, on their side, sorted, with classes
 * that have no images or a name, in NumPy's archives, several sets in a folder.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>
#include <png.h>

#include "hdf5_text.h"
#include "invproj/dataset.h"
#include "program.h"
#include "suites.h"
#include "support.h"

enum { TRAIN = 400, TEST = 60, HEIGHT = 9, WIDTH = 7, CLASSES = 5, PIXELS = HEIGHT * WIDTH };

static const char *const files[INV_DATA_FILES] = {
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte"};

/* A net that learns such data in no time. */
static const char experiment[] =
    "title = \"small\"; seed = 1; data = { folder = \"nowhere\"; };\n"
    "network = { layers = (\n"
    "  { name = \"hidden\"; type = \"dense\"; units = 14; activation = \"relu\";\n"
    "    kernel = { type = \"glorot_uniform\"; }; },\n"
    "  { name = \"output\"; type = \"dense\"; activation = \"softmax\";\n"
    "    kernel = { type = \"glorot_uniform\"; }; } ); };\n"
    "training = { epochs = 12; batch = 50; reduction = \"mean\";\n"
    "  optimiser = { type = \"adam\"; rate = 0.01; }; };\n";

/* `place`/base is the plain data set, which `base` is; tests make theirs of it. */
static char *place, *config;
static inv_dataset *base;

static void open_place(void)
{
    place = support_folder();
    ck_assert_int_gt(asprintf(&config, "%s/small.cfg", place), 0);
    support_write(config, experiment, strlen(experiment));
    ck_assert_int_eq(mkdir(support_at(place, "base"), 0755), 0);
    support_write_dataset(support_at(place, "base"), TRAIN, TEST, HEIGHT, WIDTH, CLASSES, 12);
    ck_assert_status(inv_dataset_open(support_at(place, "base"), 0.0, &base), INV_OK);
}

static void close_place(void)
{
    inv_dataset_free(base);
    support_remove(place);
    free(config);
}

/* "place/name", made; it stays until the next call. */
static const char *make_folder(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", place, name);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    return path;
}

static void write_array(const char *folder, const char *name, size_t rank, const size_t *dims,
                        const void *bytes)
{
    inv_idx idx = {
        .type = INV_IDX_UBYTE, .rank = rank, .size = 1, .data = (void *)(uintptr_t)bytes};
    char path[1024];
    for (size_t i = 0; i < rank; i++) {
        idx.dims[i] = dims[i];
        idx.size *= dims[i];
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    ck_assert_status(inv_idx_write(path, &idx), INV_OK);
}

static const inv_part *part_of(int part)
{
    return part ? &base->test : &base->train;
}

/* The labels of a part, more by `more`; the caller frees. */
static unsigned char *labels_of(int part, size_t more)
{
    const inv_part *p = part_of(part);
    unsigned char *labels = malloc(p->count);
    ck_assert_ptr_nonnull(labels);
    for (size_t i = 0; i < p->count; i++)
        labels[i] = (unsigned char)(p->labels[i] + more);
    return labels;
}

static void write_labels(const char *folder, size_t more)
{
    for (int part = 0; part < 2; part++) {
        unsigned char *labels = labels_of(part, more);
        write_array(folder, files[2 * part + 1], 1, &part_of(part)->count, labels);
        free(labels);
    }
}

/* Images of `channels` alike, first or last; or, with none, turned on their side. */
static void write_images(const char *folder, size_t channels, bool first)
{
    for (int part = 0; part < 2; part++) {
        const inv_part *p = part_of(part);
        const unsigned char *from = p->images;
        const size_t many = channels ? channels : 1;
        unsigned char *images = malloc(p->count * PIXELS * many);
        ck_assert_ptr_nonnull(images);
        for (size_t i = 0; i < p->count * PIXELS; i++) {
            const size_t image = i / PIXELS, y = i % PIXELS / WIDTH, x = i % WIDTH;
            if (channels == 0)
                images[(image * WIDTH + x) * HEIGHT + y] = from[i];
            for (size_t c = 0; c < channels; c++)
                images[first ? (image * many + c) * PIXELS + i % PIXELS : i * many + c] = from[i];
        }
        const size_t turned[] = {p->count, WIDTH, HEIGHT};
        const size_t dims_first[] = {p->count, many, HEIGHT, WIDTH};
        const size_t dims_last[] = {p->count, HEIGHT, WIDTH, many};
        write_array(folder, files[2 * part], channels ? 4 : 3,
                    !channels ? turned
                    : first   ? dims_first
                              : dims_last,
                    images);
        free(images);
    }
}

static void write_plain_images(const char *folder)
{
    for (int part = 0; part < 2; part++)
        write_array(folder, files[2 * part], 3,
                    (const size_t[]){part_of(part)->count, HEIGHT, WIDTH}, part_of(part)->images);
}

/* Trains `place`/NAME.h5 on `folder`, and returns what was said. */
static program *train(const char *name, const char *folder, const char *sets)
{
    char words[512], run[64];
    snprintf(words, sizeof words, "train %%s --data %%s -o %%s --threads 1 %s", sets);
    snprintf(run, sizeof run, "%s.h5", name);
    program *p = program_run(NULL, words, config, folder, support_at(place, run));
    ck_assert_program(p, 0);
    return p;
}

static double accuracy_of(const char *run)
{
    return hdf5_number(support_at(place, run), "/network", "accuracy");
}

/* What predict says of the test images in `folder`, in the run's own words: "accuracy 0.9667: ...". */
static double predicted(const char *run, const char *folder)
{
    program *p = program_run(NULL,
                             "predict %s %s/t10k-images-idx3-ubyte --labels "
                             "%s/t10k-labels-idx1-ubyte",
                             support_at(place, run), folder, folder);
    ck_assert_program(p, 0);
    const char *says = strstr(p->out, "accuracy ");
    ck_assert_ptr_nonnull(says);
    const double value = strtod(says + strlen("accuracy "), NULL);
    program_free(p);
    return value;
}

static void must_say(program *p, const char *text)
{
    ck_assert_msg(strstr(p->err, text) != NULL, "%s: does not say \"%s\" but\n%s", p->command, text,
                  p->err);
    program_free(p);
}

/* ---- channels ---- */

/* One grey channel, second or last: the same net to the bit, and the same predictions. */
START_TEST(channels_are_read_where_they_are)
{
    char first[512], last[512];
    snprintf(first, sizeof first, "%s", make_folder("first"));
    snprintf(last, sizeof last, "%s", make_folder("last"));
    write_images(first, 1, true);
    write_images(last, 1, false);
    write_labels(first, 0);
    write_labels(last, 0);
    program_free(train("base", support_at(place, "base"), ""));
    must_say(train("first", first, ""), "read channels first, 1 x 9 x 7 in the file");
    program *p = train("last", last, "");
    ck_assert_ptr_null(strstr(p->err, "channels first"));
    program_free(p);
    const double accuracy = accuracy_of("base.h5");
    ck_assert_double_gt(accuracy, 0.8);
    ck_assert_double_eq(accuracy_of("first.h5"), accuracy);
    ck_assert_double_eq(accuracy_of("last.h5"), accuracy);
    ck_assert_double_eq_tol(predicted("first.h5", first), accuracy, 1e-4);
    ck_assert_double_eq_tol(predicted("first.h5", last), accuracy, 1e-4); /* by its own sizes */
    ck_assert_double_eq_tol(predicted("base.h5", first), accuracy, 1e-4);
    p = program_run(NULL, "info %s", support_at(place, "first.h5"));
    ck_assert_ptr_nonnull(strstr(p->out, "read channels first"));
    program_must_work(p);
}
END_TEST

START_TEST(colours_may_come_first)
{
    char folder[512];
    snprintf(folder, sizeof folder, "%s", make_folder("colours"));
    write_images(folder, 3, true);
    write_labels(folder, 0);
    must_say(train("colours", folder, ""), "read channels first, 3 x 9 x 7 in the file");
    const char *run = support_at(place, "colours.h5");
    ck_assert_double_eq(hdf5_number(run, "/data", "channels"), 3.0);
    ck_assert_double_eq_tol(predicted("colours.h5", folder), accuracy_of("colours.h5"), 1e-4);
    static const char *const commands[] = {"generate %s --data %s -q",
                                           "features %s --data %s -q --layer hidden",
                                           "exemplars %s --data %s -q"};
    for (size_t i = 0; i < 3; i++)
        program_must_work(program_run(NULL, commands[i], support_at(place, "colours.h5"), folder));
    ck_assert_int_eq(access(support_at(place, "colours-generated.png"), F_OK), 0);
}
END_TEST

/* Two channels: which axis they are must be said; every stage then ends in a picture. */
START_TEST(other_channels_are_asked_about_and_drawn)
{
    char folder[512];
    snprintf(folder, sizeof folder, "%s", make_folder("two"));
    write_images(folder, 2, true);
    write_labels(folder, 0);
    program *p =
        program_run(NULL, "train %s --data %s -o %s", config, folder, support_at(place, "two.h5"));
    ck_assert_fails(p, 1, "400 x 2 x 9 x 7", "set data.axes to \"nhwc\"", "\"nchw\"");
    program_free(p);
    must_say(train("two", folder, "--set data.axes=nchw"), "read channels first, 2 x 9 x 7");
    ck_assert_double_eq_tol(predicted("two.h5", folder), accuracy_of("two.h5"), 1e-4);
    program_must_work(
        program_run(NULL, "generate %s --data %s -q", support_at(place, "two.h5"), folder));
    ck_assert_int_eq(access(support_at(place, "two-generated.png"), F_OK), 0);
    p = program_run(NULL, "train %s --data %s -o %s --set data.axes=nwch", config, folder,
                    support_at(place, "none.h5"));
    ck_assert_fails(p, 2, "data.axes", "did you mean 'nhwc'");
    program_free(p);
}
END_TEST

/* ---- on their side ---- */

static void write_png(const char *path, const unsigned char *grey)
{
    png_image image = {
        .version = PNG_IMAGE_VERSION, .width = WIDTH, .height = HEIGHT, .format = PNG_FORMAT_GRAY};
    ck_assert(png_image_write_to_file(&image, path, 0, grey, 0, NULL));
}

/* Transposed, they are the plain ones: PNGs that stand upright are read right. */
START_TEST(images_are_stood_up)
{
    char folder[512];
    snprintf(folder, sizeof folder, "%s", make_folder("side"));
    write_images(folder, 0, false);
    write_labels(folder, 0);
    program_free(train("base", support_at(place, "base"), ""));
    must_say(train("side", folder, "--set data.transpose=true"),
             "rows and columns have changed places");
    ck_assert_double_eq(accuracy_of("side.h5"), accuracy_of("base.h5"));
    ck_assert_double_eq_tol(predicted("side.h5", folder), accuracy_of("base.h5"), 1e-4);
    write_png(support_at(place, "a.png"), base->test.images);
    program *by_base = program_run(NULL, "predict %s %s", support_at(place, "base.h5"),
                                   support_at(place, "a.png"));
    program *by_side = program_run(NULL, "predict %s %s", support_at(place, "side.h5"),
                                   support_at(place, "a.png"));
    ck_assert_str_eq(by_base->out, by_side->out);
    program_must_work(by_base);
    program_must_work(by_side);
    for (int i = 0; i < INV_DATA_FILES; i++) { /* EMNIST's names say that they lie on their side */
        char to[640];
        snprintf(to, sizeof to, "%s/emnist-letters-%s%s", folder, i < 2 ? "train" : "test",
                 strchr(files[i], '-'));
        ck_assert_int_eq(rename(support_at(folder, files[i]), to), 0);
    }
    must_say(train("letters", folder, ""), "data.transpose = true turns them up");
}
END_TEST

/* ---- classes ---- */

/* Labels from 1 to 5, as EMNIST's letters have them: class 0 has no image. */
START_TEST(a_class_without_images_is_left_out)
{
    size_t dims[4];
    char folder[512], run[512];
    snprintf(folder, sizeof folder, "%s", make_folder("letters"));
    snprintf(run, sizeof run, "%s/letters.h5", place);
    write_plain_images(folder);
    write_labels(folder, 1);
    must_say(train("letters", folder, ""), "6 classes, 1 of them without images");
    double *count = hdf5_values(run, "/data/images_per_class", dims);
    ck_assert_uint_eq(dims[0], CLASSES + 1);
    ck_assert_double_eq(count[0], 0.0);
    ck_assert_double_gt(count[1], 10.0);
    free(count);
    program *p = program_run(NULL, "generate %s --data %s", run, folder);
    ck_assert_program(p, 0);
    must_say(p, "generate  class 0 has no images and is left out");
    p = program_run(NULL, "generate %s --data %s -q --name quiet", run, folder);
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->err, "generate  class 0 has no images and is left out\n");
    program_free(p);
    double *label = hdf5_values(run, "/generated/generated/label", dims);
    ck_assert_uint_eq(dims[0], CLASSES);
    for (size_t i = 0; i < CLASSES; i++)
        ck_assert_double_eq(label[i], (double)i + 1.0);
    free(label);
    program_must_work(
        program_run(NULL, "generate %s --data %s -q --classes 1-5 --count 2", run, folder));
    program_must_work(program_run(NULL, "features %s --data %s -q --layer hidden", run, folder));
    p = program_run(NULL, "exemplars %s --data %s --name best", run, folder);
    ck_assert_program(p, 0);
    must_say(p, "exemplars class 0 has no images and is left out");
    label = hdf5_values(run, "/exemplars/best/label", dims);
    ck_assert_double_eq(label[0], 1.0);
    free(label);
    p = program_run(NULL, "generate %s --data %s --classes 0-5", run, folder);
    ck_assert_fails(p, 2, "generate.classes: no image of class 0 was trained on; leave it out");
    program_free(p);
}
END_TEST

/* Of the last class one image is left, which makes a Gaussian with the others' covariance. */
START_TEST(a_class_of_one_image_is_made)
{
    size_t dims[4], kept = 0;
    char folder[512], run[512];
    snprintf(folder, sizeof folder, "%s", make_folder("single"));
    snprintf(run, sizeof run, "%s/single.h5", place);
    write_plain_images(folder);
    write_labels(folder, 0);
    unsigned char *labels = labels_of(0, 0);
    for (size_t i = 0; i < TRAIN; i++)
        if (labels[i] == CLASSES - 1 && kept++ > 0)
            labels[i] = 0;
    write_array(folder, files[INV_TRAIN_LABELS], 1, (const size_t[]){TRAIN}, labels);
    free(labels);
    program_free(train("single", folder, ""));
    program_must_work(program_run(NULL, "generate %s --data %s -q", run, folder));
    double *label = hdf5_values(run, "/generated/generated/label", dims);
    ck_assert_uint_eq(dims[0], CLASSES);
    free(label);
}
END_TEST

/* ---- validation ---- */

START_TEST(sorted_files_are_seen_or_shuffled)
{
    char folder[512];
    size_t dims[4];
    snprintf(folder, sizeof folder, "%s", make_folder("sorted"));
    write_plain_images(folder);
    write_labels(folder, 0);
    unsigned char labels[TRAIN]; /* 80 of each, one class after the other */
    for (size_t i = 0; i < TRAIN; i++)
        labels[i] = (unsigned char)(i / 80);
    write_array(folder, files[INV_TRAIN_LABELS], 1, (const size_t[]){TRAIN}, labels);
    program *p = program_run(NULL, "train %s --data %s -o %s --set data.validation=80", config,
                             folder, support_at(place, "sorted.h5"));
    ck_assert_fails(p, 1, "setting 80 images aside for validation leaves none of class 0",
                    "data.shuffle = true");
    program_free(p);
    must_say(train("sorted", folder, "--set data.validation=79"),
             "4 classes have no validation image (1, 2, 3, 4); data.shuffle = true");
    must_say(train("sorted", folder, "-q --force --set data.validation=79"),
             "4 classes have no validation image"); /* no progress, but a warning */
    p = train("mixed", folder, "--set data.validation=80 --set data.shuffle=true");
    ck_assert_ptr_null(strstr(p->err, "no validation image"));
    program_free(p);
    double *count = hdf5_values(support_at(place, "mixed.h5"), "/data/images_per_class", dims);
    for (size_t c = 0; c < CLASSES; c++)
        ck_assert_double_eq_tol(count[c], 64.0, 1.0);
    free(count);
    program_must_work(
        program_run(NULL, "exemplars %s --data %s -q", support_at(place, "mixed.h5"), folder));
    double *index = hdf5_values(support_at(place, "mixed.h5"), "/exemplars/exemplars/index", dims);
    double *image = hdf5_values(support_at(place, "mixed.h5"), "/exemplars/exemplars/image", dims);
    const unsigned char *pixels = (const unsigned char *)base->train.images;
    for (size_t i = 0; i < dims[0]; i++) /* the numbers are those of the file */
        for (size_t j = 0; j < PIXELS; j++)
            ck_assert_double_eq_tol(image[i * PIXELS + j],
                                    pixels[(size_t)index[i] * PIXELS + j] / 255.0, 1e-6);
    free(index);
    free(image);
}
END_TEST

/* ---- files ---- */

/* The four arrays in one archive; the same net as from the IDX files. */
START_TEST(numpy_archives_are_data)
{
    support_member members[INV_DATA_FILES] = {{.name = "x_train.npy"},
                                              {.name = "y_train.npy"},
                                              {.name = "x_test.npy"},
                                              {.name = "y_test.npy"}};
    char path[512], text[128];
    snprintf(path, sizeof path, "%s/digits.npz", place);
    for (int part = 0; part < 2; part++) {
        const size_t n = part_of(part)->count;
        unsigned char *labels = labels_of(part, 0);
        snprintf(text, sizeof text,
                 "{'descr': '|u1', 'fortran_order': False, 'shape': (%zu, %d, %d), }", n, HEIGHT,
                 WIDTH);
        members[2 * part].bytes =
            support_npy(text, part_of(part)->images, n * PIXELS, &members[2 * part].size);
        snprintf(text, sizeof text, "{'descr': '|u1', 'fortran_order': False, 'shape': (%zu,), }",
                 n);
        members[2 * part + 1].bytes = support_npy(text, labels, n, &members[2 * part + 1].size);
        free(labels);
    }
    support_write_zip(path, members, INV_DATA_FILES, 1);
    support_write(support_at(place, "x.npy"), members[2].bytes, members[2].size);
    support_write(support_at(place, "y.npy"), members[3].bytes, members[3].size);
    for (int i = 0; i < INV_DATA_FILES; i++)
        free((void *)(uintptr_t)members[i].bytes);
    program_free(train("base", support_at(place, "base"), ""));
    must_say(train("numpy", path, ""), "data      digits.npz: 400 images to train on");
    ck_assert_double_eq(accuracy_of("numpy.h5"), accuracy_of("base.h5"));
    program *p = program_run(NULL, "predict %s %s --labels %s", support_at(place, "numpy.h5"),
                             support_at(place, "x.npy"), support_at(place, "y.npy"));
    snprintf(text, sizeof text, "accuracy %.4f: ", accuracy_of("numpy.h5"));
    ck_assert_ptr_nonnull(strstr(p->out, text));
    program_must_work(p);
    program_must_work(
        program_run(NULL, "generate %s --data %s -q", support_at(place, "numpy.h5"), path));
    p = program_run(NULL, "generate %s --data %s -q --name other", support_at(place, "numpy.h5"),
                    support_at(place, "base"));
    program_must_work(p); /* the Gaussians are kept: the data are not asked for again */
}
END_TEST

/* Images of one line, whose pixels are 0 and 2: nothing is moved, and every command does its work. */
START_TEST(lines_are_images_too)
{
    const size_t line = (size_t)HEIGHT * WIDTH;
    char folder[512], run[512];
    snprintf(folder, sizeof folder, "%s", make_folder("lines"));
    snprintf(run, sizeof run, "%s/lines.h5", place);
    for (int part = 0; part < 2; part++) {
        const inv_part *p = part_of(part);
        unsigned char *bytes = malloc(p->count * line);
        ck_assert_ptr_nonnull(bytes);
        for (size_t i = 0; i < p->count * line; i++)
            bytes[i] = ((const unsigned char *)p->images)[i] > 127 ? (part ? 100 : 2) : 0;
        write_array(folder, files[2 * part], 2, (const size_t[]){p->count, line}, bytes);
        free(bytes);
    }
    write_labels(folder, 0);
    program *p = train("lines", folder, "-q");
    ck_assert_program(p, 0);
    ck_assert_str_eq(
        p->err,
        "          the net sees pixels of up to 0.007843; with data.scale = 2, of up to 1, it "
        "learns better\n"
        "          pixels to train on are up to 2, those to test on up to 100: prepare both in "
        "one way\n");
    program_free(p);
    program_must_work(
        program_run(NULL, "generate %s --data %s -q --preset recommended", run, folder));
    program_must_work(program_run(NULL, "features %s --data %s -q --layer hidden", run, folder));
    p = program_run(NULL, "generate %s --data %s --set generate.jitter=1.0", run, folder);
    ck_assert_fails(p, 2, "jitter, turn, zoom and blur apply to images");
    program_free(p);
    p = program_run(NULL, "exemplars %s --data %s --count 1000", run, folder);
    ck_assert_fails(p, 1, "make it smaller, as with --count 400");
    program_free(p);
}
END_TEST

START_TEST(a_stem_chooses_the_set)
{
    char folder[512];
    snprintf(folder, sizeof folder, "%s", make_folder("family"));
    static const char *const stems[] = {"emnist-digits", "emnist-letters"};
    for (size_t i = 0; i < 2 * INV_DATA_FILES; i++) {
        const char *file = files[i % INV_DATA_FILES];
        char to[640];
        size_t size = 0;
        unsigned char *bytes = support_read(support_at(support_at(place, "base"), file), &size);
        snprintf(to, sizeof to, "%s/%s-%s%s", folder, stems[i / INV_DATA_FILES],
                 i % INV_DATA_FILES < 2 ? "train" : "test", strchr(file, '-'));
        support_write(to, bytes, size);
        free(bytes);
    }
    const char mapping[] = "0 65 97\n1 66 98\n2 67 99\n3 68 100\n4 69 101\n";
    support_write(support_at(folder, "emnist-letters-mapping.txt"), mapping, sizeof mapping - 1);
    program *p =
        program_run(NULL, "train %s --data %s -o %s", config, folder, support_at(place, "a.h5"));
    ck_assert_fails(p, 1,
                    "choose one with data.files, which may be \"emnist-digits\", "
                    "\"emnist-letters\"");
    program_free(p);
    program_free(train("letters", folder, "--set data.files=emnist-letters"));
    p = program_run(NULL, "info %s", support_at(place, "letters.h5"));
    ck_assert_ptr_nonnull(strstr(p->out, "5 classes: A, B, C, D, E\n"));
    program_must_work(p);
}
END_TEST

/* ---- names ---- */

static void assert_labels(const char *run, const char *words, const char *list, size_t count,
                          const double *expected)
{
    size_t dims[4];
    program *p = program_run(NULL, words, run, support_at(place, "named"), list);
    ck_assert_program(p, 0);
    program_free(p);
    double *label = hdf5_values(run, "/generated/generated/label", dims);
    ck_assert_uint_eq(dims[0], count);
    for (size_t i = 0; i < count; i++)
        ck_assert_double_eq(label[i], expected[i]);
    free(label);
}

/* "2" is the name of class 1, and "1, 2" that of class 4: names go before numbers. */
START_TEST(classes_are_called_by_name)
{
    static const char names[] = "Shirt\n2\nT-shirt\nA-line dress\n1, 2\n";
    static const char words[] = "generate %s --data %s -q --preset plain --set generate.at=input "
                                "--steps 2 --classes %s";
    char run[512], folder[512];
    snprintf(folder, sizeof folder, "%s", make_folder("named"));
    snprintf(run, sizeof run, "%s/named.h5", place);
    write_plain_images(folder);
    write_labels(folder, 0);
    support_write(support_at(folder, "classes.txt"), names, strlen(names));
    program_free(train("named", folder, ""));
    assert_labels(run, words, "Shirt,T-shirt", 2, (const double[]){0, 2});
    assert_labels(run, words, "A-line dress,3,4", 3, (const double[]){3, 3, 4});
    assert_labels(run, words, "2", 1, (const double[]){1});
    assert_labels(run, words, "1-3", 3, (const double[]){1, 1, 3});
    assert_labels(run, words, "1, 2,0", 2, (const double[]){4, 0});
    assert_labels(run, words, "Shirt-T-shirt", 3, (const double[]){0, 1, 2});
    program *p = program_run(NULL, "generate %s --data %s --classes 2 --name two", run, folder);
    ck_assert_program(p, 0);
    must_say(p, "--classes: 2 is the class of that name, which is number 1; class 2 is named "
                "T-shirt");
    static const struct {
        const char *list, *says;
    } bad[] = {{"Shrit", "there is no class 'Shrit'; did you mean 'Shirt'?"},
               {"T-shirt-Shirt", "'T-shirt-Shirt'"},
               {"xyz", "'xyz' is not a list like 0,3,5-9, or of names of classes"},
               {"3-1", "'3-1' is not a list"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        p = program_run(NULL, "generate %s --data %s --classes %s", run, folder, bad[i].list);
        ck_assert_fails(p, 2, "--classes", bad[i].says);
        program_free(p);
    }
    p = program_run(NULL, "generate %s --data %s --classes 7", run, folder);
    ck_assert_fails(p, 2, "generate.classes: class 7 does not exist (0 to 4)");
    program_free(p);
    program_must_work(
        program_run(NULL, "exemplars %s --data %s -q --classes T-shirt", run, folder));
}
END_TEST

/* ---- digits ---- */

/* The first `count` images of a part of MNIST on their side, as EMNIST's are, and their labels. */
static void write_turned(const char *folder, const inv_part *part, int which, size_t count)
{
    enum { SIDE = 28, AREA = SIDE * SIDE };
    const unsigned char *from = part->images;
    unsigned char *images = malloc(count * AREA), *labels = malloc(count);
    for (size_t i = 0; i < count * AREA; i++)
        images[i / AREA * AREA + i % SIDE * SIDE + i % AREA / SIDE] = from[i];
    for (size_t i = 0; i < count; i++)
        labels[i] = (unsigned char)part->labels[i];
    write_array(folder, files[2 * which], 3, (const size_t[]){count, SIDE, SIDE}, images);
    write_array(folder, files[2 * which + 1], 1, &count, labels);
    free(images);
    free(labels);
}

/* 784-64-10 on 6,000 digits on their side, stood up: 240 PNGs that stand upright are read as well as
 * the test images (0.92 of them). */
/* A folder of pictures is no data yet; what is not the run's data is not cured by --data. */
START_TEST(wrong_folders_say_what_helps)
{
    char *pictures = strdup(make_folder("pictures")), *run = strdup(support_at(place, "wrong.h5"));
    char *other = strdup(make_folder("other"));
    ck_assert_int_eq(mkdir(support_at(pictures, "cats"), 0755), 0);
    ck_assert_int_eq(mkdir(support_at(pictures, "dogs"), 0755), 0);
    program *p = program_run(NULL, "train %s -o %s -q --data %s", config, run, pictures);
    ck_assert_fails(p, 1, "neither train-images-idx3-ubyte", "invproj pack", "-o DIR");
    ck_assert_ptr_null(strstr(p->err, "--data"));
    program_free(p);
    support_write_dataset(other, TRAIN, TEST, HEIGHT, WIDTH, CLASSES, 13);
    program_must_work(
        program_run(NULL, "train %s -o %s -q --data %s", config, run, support_at(place, "base")));
    p = program_run(NULL, "exemplars %s -q --data %s", run, other);
    ck_assert_fails(p, 1, "was made from other data");
    ck_assert_ptr_null(strstr(p->err, "--data"));
    program_free(p);
    free(pictures);
    free(other);
    free(run);
}
END_TEST

START_TEST(digits_on_their_side)
{
    enum { SIDE = 28, PNGS = 240 };
    const char *mnist = getenv("INVPROJ_MNIST");
    char folder[512], words[4096] = "predict %s --labels %s";
    inv_dataset *digits = NULL;
    if (!mnist) {
        puts("cli_data: skipped: digits of MNIST, because INVPROJ_MNIST names no folder");
        return;
    }
    ck_assert_status(inv_dataset_open(mnist, 0.0, &digits), INV_OK);
    snprintf(folder, sizeof folder, "%s", make_folder("digits"));
    write_turned(folder, &digits->train, 0, 6000);
    write_turned(folder, &digits->test, 1, PNGS);
    program_free(train("digits", folder,
                       "--set data.transpose=true --set network.layers.0.units=64 --set "
                       "training.epochs=3 --set training.batch=100 --set "
                       "training.optimiser.rate=0.001"));
    const program_how here = {.folder = folder};
    for (size_t i = 0; i < PNGS; i++) {
        char path[640];
        png_image image = {
            .version = PNG_IMAGE_VERSION, .width = SIDE, .height = SIDE, .format = PNG_FORMAT_GRAY};
        snprintf(path, sizeof path, "%s/%zu.png", folder, i);
        ck_assert(png_image_write_to_file(
            &image, path, 0, (const unsigned char *)digits->test.images + i * SIDE * SIDE, 0,
            NULL));
        snprintf(words + strlen(words), sizeof words - strlen(words), " %zu.png", i);
    }
    program *p = program_run(&here, words, support_at(place, "digits.h5"), files[INV_TEST_LABELS]);
    const char *says = strstr(p->out, "accuracy ");
    ck_assert_ptr_nonnull(says);
    ck_assert_double_ge(strtod(says + strlen("accuracy "), NULL), 0.88);
    program_must_work(p);
    inv_dataset_free(digits);
}
END_TEST

Suite *cli_data_suite(void)
{
    Suite *suite = suite_create("cli_data");
    TCase *tests = tcase_create("cli_data");
    tcase_add_checked_fixture(tests, open_place, close_place);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, channels_are_read_where_they_are);
    tcase_add_test(tests, colours_may_come_first);
    tcase_add_test(tests, other_channels_are_asked_about_and_drawn);
    tcase_add_test(tests, images_are_stood_up);
    tcase_add_test(tests, a_class_without_images_is_left_out);
    tcase_add_test(tests, a_class_of_one_image_is_made);
    tcase_add_test(tests, sorted_files_are_seen_or_shuffled);
    tcase_add_test(tests, numpy_archives_are_data);
    tcase_add_test(tests, lines_are_images_too);
    tcase_add_test(tests, a_stem_chooses_the_set);
    tcase_add_test(tests, classes_are_called_by_name);
    tcase_add_test(tests, wrong_folders_say_what_helps);
    tcase_add_test(tests, digits_on_their_side);
    suite_add_tcase(suite, tests);
    return suite;
}
