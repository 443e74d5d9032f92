/* Keras models: what the program makes of them beside what Keras makes of them, for the small files in
 * tests/data/keras and, where ../shared is, for those of strangers and of every layer there.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>
#include <jansson.h>

#include "invproj/dataset.h"
#include "invproj/npy.h"
#include "program.h"
#include "suites.h"
#include "support.h"

#define OWN    "tests/data/keras"
#define SHARED "../shared/models"
#define FIELDS 32
#define VALUES 1100

static char *place;

static void open_place(void)
{
    place = support_folder();
}

static void close_place(void)
{
    support_remove(place);
}

/* ---- tables ---- */

/* The next row of a table of lines and tabs, which it cuts; false at the end. */
static bool next_row(char **at, char *fields[FIELDS])
{
    char *line = strsep(at, "\n");
    if (!line || !*line)
        return false;
    for (size_t i = 0; i < FIELDS; i++) {
        static char none[1];
        fields[i] = line ? strsep(&line, "\t") : none;
    }
    return true;
}

static size_t read_values(const char *text, double values[VALUES])
{
    size_t n = 0;
    for (char *end = NULL; *text && n < VALUES; n++, text = *end ? end + 1 : end)
        values[n] = strtod(text, &end);
    return n;
}

/* ---- what the program says ---- */

/* Outputs, line by line, hold the values of `expected`, to `tolerance` of the largest of them. */
static void check_outputs(const char *file, const char *text, const char *const *expected,
                          size_t rows, double tolerance)
{
    char *copy = strdup(text), *at = copy;
    for (size_t r = 0; r < rows; r++) {
        char *line = strsep(&at, "\n");
        json_t *root = line ? json_loads(line, 0, NULL) : NULL;
        json_t *outputs = json_object_get(root, "outputs");
        double values[VALUES], largest = 0.0;
        const size_t n = read_values(expected[r], values);
        ck_assert_uint_gt(n, 0);
        ck_assert_msg(json_array_size(outputs) == n, "%s: image %zu: %zu outputs, not %zu", file, r,
                      json_array_size(outputs), n);
        for (size_t i = 0; i < n; i++)
            largest = fmax(largest, fabs(values[i]));
        for (size_t i = 0; i < n; i++) {
            const double got = json_number_value(json_array_get(outputs, i));
            ck_assert_msg(fabs(got - values[i]) <= tolerance * largest,
                          "%s: image %zu, output %zu: %.9g, not %.9g", file, r, i, got, values[i]);
        }
        json_decref(root);
    }
    ck_assert_msg(!at || !*at, "%s: more lines than images", file);
    free(copy);
}

/* `at` is the point; NULL: the net's end. `arch` may be NULL. */
static void check_model(const char *file, const char *input, const char *arch, const char *at,
                        const char *const *expected, size_t rows, double tolerance)
{
    program *p = arch && at ? program_run(NULL, "predict %s %s --outputs --at %s --arch %s", file,
                                          input, at, arch)
                 : arch ? program_run(NULL, "predict %s %s --outputs --arch %s", file, input, arch)
                 : at   ? program_run(NULL, "predict %s %s --outputs --at %s", file, input, at)
                        : program_run(NULL, "predict %s %s --outputs", file, input);
    ck_assert_program(p, 0);
    check_outputs(file, p->out, expected, rows, tolerance);
    program_free(p);
}

/* ---- the small files ---- */

START_TEST(small_files_give_what_keras_gives)
{
    size_t size = 0, count = 0;
    char *table = (char *)support_read(OWN "/expected.tsv", &size), *at = table, *f[FIELDS];
    strsep(&at, "\n");
    while (next_row(&at, f)) {
        char file[256], input[256], arch[256];
        snprintf(file, sizeof file, OWN "/%s", f[0]);
        snprintf(input, sizeof input, OWN "/%s", f[1]);
        snprintf(arch, sizeof arch, OWN "/%s", f[2] + strcspn(f[2], " ") + (*f[2] != 0));
        check_model(file, input, *f[2] ? arch : NULL, NULL, (const char *const[]){f[3], f[4]}, 2,
                    2e-6);
        count++;
    }
    ck_assert_uint_eq(count, 16);
    free(table);
}
END_TEST

/* A run file of a model says the same as the model; the model is as it was. */
START_TEST(a_run_file_of_a_model)
{
    program *p, *q;
    char *before = program_snapshot(OWN);
    program_must_work(
        program_run(NULL, "import " OWN "/cnn.keras -o %s -q", support_at(place, "other.run.h5")));
    p = program_run(NULL, "predict " OWN "/cnn.keras " OWN "/cnn.npy --outputs");
    q = program_run(NULL, "predict %s " OWN "/cnn.npy --outputs",
                    support_at(place, "other.run.h5"));
    ck_assert_program(p, 0);
    ck_assert_program(q, 0);
    ck_assert_str_eq(p->out, q->out);
    program_free(p);
    program_free(q);
    char *after = program_snapshot(OWN);
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
}
END_TEST

static char *absolute(const char *path)
{
    char *full = realpath(path, NULL);
    ck_assert_ptr_nonnull(full);
    return full;
}

/* Commands that show results find those of the model, and of no other that is called so. */
static void must_show_results(const program_how *here, const char *model, const char *other)
{
    program *p = program_run(here, "info %s", model);
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->out, "\nresults     in cnn.run.h5\n"));
    program_free(p);
    p = program_run(here, "info %s", other);
    ck_assert_program(p, 0);
    ck_assert_ptr_null(strstr(p->out, "\nresults "));
    program_free(p);
    p = program_run(here, "report %s --markdown", model);
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->out, "cnn.run.h5, made by invproj"));
    program_free(p);
    p = program_run(here, "report %s --markdown", other);
    ck_assert_fails(p, 2, "no run file of it is here");
    program_free(p);
    p = program_run(here, "compare %s", model);
    ck_assert_fails(p, 1, "cnn.run.h5: holds no finished inverse");
    program_free(p);
}

/* A command that makes results writes a run file in the current folder, and goes on in it; that of
 * another model is refused. */
START_TEST(results_of_a_model)
{
    char *model = absolute(OWN "/cnn.keras"), *other = absolute(OWN "/cnn.h5");
    const program_how here = {.folder = place};
    program *p = program_run(&here, "report %s --markdown", model);
    ck_assert_fails(p, 2, "no run file of it is here", "invproj generate");
    program_free(p);
    p = program_run(&here, "compare %s", model);
    ck_assert_fails(p, 2, "no run file of it is here", "invproj invert");
    program_free(p);
    p = program_run(&here, "generate %s --classes 1 --steps 5", model);
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->err, "is in cnn.run.h5 now"));
    program_free(p);
    p = program_run(&here, "generate %s --classes 2 --steps 5 --name more", model);
    ck_assert_program(p, 0);
    ck_assert_ptr_null(strstr(p->err, "is in cnn.run.h5 now"));
    program_free(p);
    p = program_run(&here, "info cnn.run.h5");
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->out, "imported    from cnn.keras, Keras 3.15.1"));
    ck_assert_ptr_nonnull(strstr(p->out, "preparation unverified"));
    ck_assert_ptr_nonnull(strstr(p->out, "generated   more"));
    program_free(p);
    p = program_run(&here, "generate %s --classes 1", other);
    ck_assert_fails(p, 2, "cnn.run.h5", "not of this model");
    program_free(p);
    must_show_results(&here, model, other);
    p = program_run(&here, "exemplars cnn.run.h5 --classes 1");
    ck_assert_fails(p, 1, "imported without data", "--data DIR");
    ck_assert_ptr_null(strstr(p->err, "waves"));
    program_free(p);
    p = program_run(&here, "features cnn.run.h5 --layer %s --units 999", "zeta");
    ck_assert_fails(p, 2, "features.units: channel 999 does not exist at zeta (0 to 3)");
    program_free(p);
    p = program_run(&here, "features cnn.run.h5 --layer %s --units 0 --steps 2", "zeta");
    ck_assert_fails(p, 1, "imported without data", "--set features.parametrisation.type=waves");
    program_free(p);
    program_must_work(program_run(&here,
                                  "features cnn.run.h5 --layer %s --units 0 --steps 2 -q "
                                  "--set features.parametrisation.type=waves",
                                  "zeta"));
    free(model);
    free(other);
}
END_TEST

/* ---- what is refused ---- */

static const struct refusal {
    const char *file, *says;
} refusals[] = {
    {"lstm.keras", "layer 'lstm' (LSTM): a recurrent layer"},
    {"leads_out.h5", "a link to another file"},
    {"bare.weights.h5", "give it with --arch FILE"},
    {"cnn.npy", "not an invproj run file"},
};

/* Of shapes that are not square the option tells. */
START_TEST(the_shape_of_the_images_is_asked_for)
{
    static const struct {
        const char *input, *says;
    } asked[] = {{NULL,
                  "it does not say of what shape its input is, and several fit, or none; say it "
                  "with --input, as 28x28x1"},
                 {"9x8x", "--input: '9x8x' is no HEIGHTxWIDTHxCHANNELS"},
                 {"9x8x2x1", "--input: '9x8x2x1' is no"},
                 {"20x20x2", "alpha: kernel: 144 values in the file"},
                 {"9x8x2", NULL}};
    size_t size = 0;
    char *text = (char *)support_read(OWN "/bare.arch.json", &size);
    for (char *at = text; (at = strstr(at, "batch_shape")) != NULL;)
        memcpy(at, "other", strlen("other"));
    support_write(support_at(place, "built.json"), text, size);
    program *built = program_run(NULL, "info " OWN "/bare.weights.h5 --arch %s",
                                 support_at(place, "built.json"));
    ck_assert_program(built, 0); /* its build_config says the shape, with the batch */
    program_free(built);
    for (char *at = text; (at = strstr(at, "input_shape")) != NULL;)
        memcpy(at, "other", strlen("other"));
    support_write(support_at(place, "shapeless.json"), text, size);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        const char *arch = support_at(place, "shapeless.json");
        program *p = asked[i].input
                         ? program_run(NULL, "info " OWN "/bare.weights.h5 --arch %s --input %s",
                                       arch, asked[i].input)
                         : program_run(NULL, "info " OWN "/bare.weights.h5 --arch %s", arch);
        if (asked[i].says)
            ck_assert_msg(p->code != 0 && strstr(p->err, asked[i].says), "%zu: %s", i, p->err);
        else
            ck_assert_program(p, 0);
        program_free(p);
    }
    free(text);
}
END_TEST

START_TEST(what_is_refused)
{
    const struct refusal *r = &refusals[_i];
    program *p = program_run(NULL, "info " OWN "/%s", r->file);
    ck_assert_fails(p, 1, r->file, r->says);
    program_free(p);
}
END_TEST

/* Each byte of an archive's directory and of what is in it may be another: the program says so in one
 * line, or reads it. */
START_TEST(damaged_archives)
{
    size_t size = 0, refused = 0;
    unsigned char *bytes = support_read(OWN "/graph.keras", &size);
    for (size_t i = 0; i < 60; i++) {
        const size_t at = i < 20 ? size - 1 - 7 * i : i * 9973 % size;
        bytes[at] ^= (unsigned char)(1 + 37 * i);
        support_write(support_at(place, "damaged.keras"), bytes, size);
        bytes[at] ^= (unsigned char)(1 + 37 * i);
        program *p = program_run(NULL, "info %s", support_at(place, "damaged.keras"));
        ck_assert_msg(p->code == 0 || p->code == 1, "byte %zu: exit %d: %s", at, p->code, p->err);
        ck_assert_uint_le(program_lines(p->err), 1);
        refused += p->code == 1;
        program_free(p);
    }
    ck_assert_uint_gt(refused, 20);
    free(bytes);
}
END_TEST

static void write_members(const char *name, int deflated)
{
    const support_member members[] = {{name, "{}", 2}, {"config.json", "{}", 2}};
    support_write_zip(support_at(place, "made.keras"), members, 2, deflated);
}

START_TEST(archives_that_lead_elsewhere)
{
    static const char *const names[] = {"../up.json", "/etc/passwd", "a/../../b", "..\\up"};
    write_members(names[_i], 0);
    program *p = program_run(NULL, "info %s", support_at(place, "made.keras"));
    ck_assert_fails(p, 1, "leads out of the archive");
    program_free(p);
}
END_TEST

START_TEST(archives_that_unpack_to_too_much)
{
    const size_t size = 3 << 20;
    char *blanks = malloc(size);
    memset(blanks, ' ', size);
    const support_member members[] = {{"config.json", blanks, size}};
    support_write_zip(support_at(place, "made.keras"), members, 1, 1);
    program *p = program_run(NULL, "info %s", support_at(place, "made.keras"));
    ck_assert_fails(p, 1, "more bytes");
    program_free(p);
    free(blanks);
}
END_TEST

/* Which member is no JSON, and where. */
START_TEST(members_that_are_no_json)
{
    static const char *const names[] = {"config.json", "metadata.json"};
    for (size_t i = 0; i < 2; i++) {
        const support_member members[] = {{"config.json", "{\"class_name\": \"Sequential\"}", 28},
                                          {"metadata.json", "{}", 2}};
        support_member own[] = {members[0], members[1]};
        own[i] = (support_member){names[i], "{\"a\": }", 7};
        support_write_zip(support_at(place, "made.keras"), own, 2, 0);
        program *p = program_run(NULL, "info %s", support_at(place, "made.keras"));
        ck_assert_fails(p, 1, "made.keras: ", names[i], " is not JSON: line 1, column 7: ");
        ck_assert_ptr_null(strchr(p->err, '@'));
        program_free(p);
    }
}
END_TEST

/* ---- keys that nobody reads ---- */

static const struct {
    const char *class, *key, *value;
    bool is_refused;
} unread[] = {
    {"Conv2D", "weight_standardisation", "true", true},
    {"Conv2D", "weight_standardisation", "false", false},
    {"Conv2D", "padding_value", "0.5", true},
    {"Conv2D", "padding_value", "null", false},
    {"Conv2D", "kernel_initializer", "\"ones\"", false},
    {"Conv2D", "W_constraint", "{\"name\": \"maxnorm\"}", false},
    {"Conv2D", "seed", "7", false},
    {"Conv2D", "depth_multiplier", "2", true},
    {"Dense", "groups", "1", false},
    {"Dense", "groups", "2", true},
    {"Dense", "axis", "1", true},
    {"Dense", "trainable", "true", false},
    {"Dense", "quantization_config", "{}", false},
};

/* The class's first layer with one more key. */
static void write_with_key(const char *name, const char *class, const char *key, const char *value)
{
    json_error_t error;
    json_t *arch = json_load_file(OWN "/bare.arch.json", 0, &error), *layer;
    size_t i = 0;
    json_array_foreach(json_object_get(json_object_get(arch, "config"), "layers"), i, layer)
    {
        if (strcmp(json_string_value(json_object_get(layer, "class_name")), class) == 0) {
            json_object_set_new(json_object_get(layer, "config"), key,
                                json_loads(value, JSON_DECODE_ANY, &error));
            ck_assert_int_eq(json_dump_file(arch, name, 0), 0);
            json_decref(arch);
            return;
        }
    }
    ck_abort_msg("no %s", class);
}

START_TEST(a_key_that_nobody_reads_is_not_passed_over)
{
    const char *arch = support_at(place, "key.json"), *key = unread[_i].key;
    write_with_key(arch, unread[_i].class, key, unread[_i].value);
    program *p = program_run(NULL, "info " OWN "/bare.weights.h5 --arch %s", arch);
    if (unread[_i].is_refused)
        ck_assert_fails(p, 1, "bare.weights.h5: layer '", unread[_i].class, key, unread[_i].value,
                        "is not known; it may change what the layer computes");
    else
        ck_assert_program(p, 0);
    program_free(p);
}
END_TEST

/* ---- files of others ---- */

static void write_floats(const char *path, const char *shape, const float *values, size_t count)
{
    char header[256];
    size_t size = 0;
    snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }",
             shape);
    unsigned char *npy = support_npy(header, values, count * sizeof *values, &size);
    support_write(path, npy, size);
    free(npy);
}

/* The first three test images of a data set, divided by `scale`, as the model takes them: `input` is
 * "[None, 28, 28, 1]". */
static bool write_images(const char *folder, double scale, const char *input)
{
    char name[512], shape[128];
    float values[3 * 784];
    inv_idx *idx = NULL;
    snprintf(name, sizeof name, "%s/t10k-images-idx3-ubyte.gz", folder);
    if (access(name, R_OK) != 0)
        return false;
    ck_assert_status(inv_idx_read(name, &idx), INV_OK);
    inv_idx_floats(idx->type, idx->data, 0, 3 * 784, scale, values);
    inv_idx_free(idx);
    if (strcmp(input, "None") == 0)
        input = "[None, 28, 28]";
    snprintf(shape, sizeof shape, "3%.*s", (int)(strlen(input) - 6), input + 5);
    write_floats(support_at(place, "in.npy"), shape, values, 3 * 784);
    return true;
}

/* Of models.tsv: file, ..., input (12th), layers, data set, preparation, ..., logits (19th to 21st). */
enum { MODEL_INPUT = 11, MODEL_DATA = 13, MODEL_PREPARATION = 14, MODEL_LOGITS = 19 };

START_TEST(models_of_strangers)
{
    const char *mnist = getenv("INVPROJ_MNIST"), *fashion = getenv("INVPROJ_FASHION_MNIST");
    size_t size = 0, count = 0, skipped = 0;
    if (access(SHARED "/models.tsv", R_OK) != 0) {
        support_skipped("keras", "models of strangers, because there is no " SHARED);
        return;
    }
    char *table = (char *)support_read(SHARED "/models.tsv", &size), *at = table, *f[FIELDS];
    strsep(&at, "\n");
    while (next_row(&at, f)) {
        char file[512], arch[600];
        const char *folder = strcmp(f[MODEL_DATA], "mnist") == 0 ? mnist : fashion;
        const double scale = strcmp(f[MODEL_PREPARATION], "raw") == 0 ? 1.0 : 255.0;
        if (!folder || !write_images(folder, scale, f[MODEL_INPUT])) {
            skipped++;
            continue;
        }
        snprintf(file, sizeof file, SHARED "/%s", f[0]);
        snprintf(arch, sizeof arch, "%s.arch.json", file);
        check_model(
            file, support_at(place, "in.npy"), access(arch, R_OK) == 0 ? arch : NULL, "output.pre",
            (const char *const[]){f[MODEL_LOGITS], f[MODEL_LOGITS + 1], f[MODEL_LOGITS + 2]}, 3,
            1e-4);
        count++;
    }
    if (skipped > 0)
        support_skipped("keras", "%zu models of strangers, because their images are not here",
                        skipped);
    ck_assert_uint_eq(count + skipped, 24);
    free(table);
}
END_TEST

/* Of zoo.tsv: file, versions, layers, kind of input, ..., note (10th), outputs (11th to 13th). */
enum { ZOO_KIND = 3, ZOO_NOTE = 9, ZOO_OUTPUTS = 10 };

/* Where the framework itself computes in fewer bits, as its note says; else for all. */
static double tolerance_of(const char *note, const char *outputs)
{
    double values[VALUES], largest = 0.0;
    const size_t n = read_values(outputs, values);
    const char *about = strstr(note, "compare to about ");
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(values[i]));
    return about ? strtod(about + 17, NULL) / fmin(largest, 1.0) : 1e-4;
}

static void write_kind(inv_npz *inputs, const char *kind)
{
    char shape[128];
    size_t used = 0;
    inv_idx *array = NULL;
    ck_assert_status(inv_npz_read(inputs, kind, &array), INV_OK);
    for (size_t i = 0; i < array->rank; i++)
        used += (size_t)snprintf(shape + used, sizeof shape - used, "%zu, ", array->dims[i]);
    float *values = malloc(array->size * sizeof *values);
    inv_idx_floats(array->type, array->data, 0, array->size, 1.0, values);
    write_floats(support_at(place, "in.npy"), shape, values, array->size);
    inv_idx_free(array);
    free(values);
}

START_TEST(every_layer_of_the_zoo)
{
    size_t size = 0, count = 0;
    inv_npz *inputs = NULL;
    if (access(SHARED "/zoo-keras/zoo.tsv", R_OK) != 0) {
        support_skipped("keras", "the zoo, because there is no " SHARED "/zoo-keras");
        return;
    }
    char *table = (char *)support_read(SHARED "/zoo-keras/zoo.tsv", &size), *at = table, *f[FIELDS];
    ck_assert_status(inv_npz_open(SHARED "/zoo-keras/zoo_inputs.npz", &inputs), INV_OK);
    strsep(&at, "\n");
    while (next_row(&at, f)) {
        char file[512], arch[600];
        const char *const outputs[] = {f[ZOO_OUTPUTS], f[ZOO_OUTPUTS + 1], f[ZOO_OUTPUTS + 2]};
        const char *told = strncmp(f[ZOO_NOTE], "torch backend", 13) == 0 ? "torch" : NULL;
        snprintf(file, sizeof file, SHARED "/zoo-keras/%s", f[0]);
        snprintf(arch, sizeof arch, "%s.arch.json", file);
        write_kind(inputs, f[ZOO_KIND]);
        if (told) { /* the file does not say what it ran on, and it matters */
            program *p = program_run(NULL, "predict %s %s --outputs --backend torch", file,
                                     support_at(place, "in.npy"));
            ck_assert_program(p, 0);
            check_outputs(file, p->out, outputs, 3, 1e-4);
            program_free(p);
        } else {
            check_model(file, support_at(place, "in.npy"), access(arch, R_OK) == 0 ? arch : NULL,
                        NULL, outputs, 3, tolerance_of(f[ZOO_NOTE], outputs[0]));
        }
        count++;
    }
    ck_assert_uint_eq(count, 42);
    inv_npz_close(inputs);
    free(table);
}
END_TEST

static const char *const refused[] = {
    "zoo-keras/refuse/lstm.h5",
    "zoo-keras/refuse/embedding.keras",
    "zoo-keras/refuse/lambda.keras",
    "zoo-keras/refuse/two_inputs.h5",
    "zoo-keras/refuse/without_architecture.weights.h5",
    "zoo-keras/refuse/subclassed.keras",
    "negative/CornellDataScience+quantization-on-edge__918a24b8_mnist_model.h5",
    "negative/TrustAI+DeepConcolic__97679670_mnist_lstm.h5",
    "negative/copperwire+clustering_cnn_representations__eb42802b_mnist_vae.h5",
    "negative/dltpdn+ml_dl_edu__3344d882_mnist.h5",
};

START_TEST(files_of_others_that_are_refused)
{
    char file[512];
    snprintf(file, sizeof file, SHARED "/%s", refused[_i]);
    if (access(file, R_OK) != 0)
        return;
    program *p = program_run(NULL, "info %s", file);
    ck_assert_fails(p, 1, file);
    program_free(p);
}
END_TEST

#define LEN(array) (int)(sizeof array / sizeof *array)

Suite *keras_suite(void)
{
    Suite *suite = suite_create("keras");
    TCase *tests = tcase_create("small");
    tcase_add_unchecked_fixture(tests, open_place, close_place);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, small_files_give_what_keras_gives);
    tcase_add_test(tests, a_run_file_of_a_model);
    tcase_add_test(tests, results_of_a_model);
    tcase_add_test(tests, the_shape_of_the_images_is_asked_for);
    tcase_add_loop_test(tests, what_is_refused, 0, LEN(refusals));
    tcase_add_test(tests, damaged_archives);
    tcase_add_loop_test(tests, archives_that_lead_elsewhere, 0, 4);
    tcase_add_test(tests, archives_that_unpack_to_too_much);
    tcase_add_test(tests, members_that_are_no_json);
    tcase_add_loop_test(tests, a_key_that_nobody_reads_is_not_passed_over, 0,
                        sizeof unread / sizeof *unread);
    suite_add_tcase(suite, tests);
    TCase *others = tcase_create("others");
    tcase_add_unchecked_fixture(others, open_place, close_place);
    tcase_set_timeout(others, 240);
    tcase_add_test(others, models_of_strangers);
    tcase_add_test(others, every_layer_of_the_zoo);
    tcase_add_loop_test(others, files_of_others_that_are_refused, 0, LEN(refused));
    suite_add_tcase(suite, others);
    return suite;
}
