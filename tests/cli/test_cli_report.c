/* invproj report: what a page, its JSON and its text say of a run file, and what is refused. That the page
 * does in a browser what it is to do is for tests/browser.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "cli_short.h"
#include "hdf5_text.h"
#include "invproj/png.h"
#include "invproj/run.h"
#include "suites.h"

#define LEN(array)    (sizeof(array) / sizeof *(array))
#define HOSTILE_TITLE "</script><!--<b>&amp; 'x' {{script}} \xe2\x80\xae" /* ends right to left */

static char *place; /* the folder of this suite, with run/run.h5 */

static program *run_here(const char *words)
{
    return program_run_in(place, words);
}

static void open_place(void)
{
    place = support_folder();
    short_copy("experiments/r2rt.cfg", support_at(place, "r2rt.cfg"));
    short_data(support_at(place, "data"));
    program_must_work(program_run(&(program_how){.folder = place},
                                  "run r2rt.cfg " SHORT_SETS " -q --data data -o run --set %s",
                                  "title=\"" HOSTILE_TITLE "\""));
    program_must_work(run_here("train r2rt.cfg " SHORT_SETS " -q --data data -o bare.h5"));
    support_write(support_at(place, "notes.html"), "<!DOCTYPE html>mine\n", 20);
}

static void close_place(void)
{
    support_remove(place);
}

static char *read_text(const char *name)
{
    size_t size = 0;
    char *text = (char *)support_read(support_at(place, name), &size);
    ck_assert_uint_eq(strlen(text), size);
    return text;
}

/* The document of a run file; the caller lets it go. */
static json_t *read_document(const char *run)
{
    char words[128];
    snprintf(words, sizeof words, "report %s --json", run);
    program *p = run_here(words);
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->err, "");
    json_t *document = json_loads(p->out, 0, NULL);
    ck_assert_ptr_nonnull(document);
    program_free(p);
    return document;
}

static const json_t *run_of(const json_t *document)
{
    return json_array_get(json_object_get(document, "runs"), 0);
}

/* "runs.0.about": NULL where it is not there. */
static const json_t *find(const json_t *from, const char *path)
{
    char word[64];
    while (from && *path) {
        const size_t length = strcspn(path, ".");
        snprintf(word, sizeof word, "%.*s", (int)length, path);
        from = json_is_array(from) ? json_array_get(from, strtoul(word, NULL, 10))
                                   : json_object_get(from, word);
        path += length + (path[length] == '.');
    }
    return from;
}

static double real_at(const json_t *from, const char *path)
{
    const json_t *value = find(from, path);
    ck_assert_msg(json_is_number(value), "%s is no number", path);
    return json_number_value(value);
}

static const char *text_at(const json_t *from, const char *path)
{
    const char *text = json_string_value(find(from, path));
    ck_assert_msg(text != NULL, "%s is no text", path);
    return text;
}

/* ---- the document ---- */

START_TEST(the_document_says_what_the_file_holds)
{
    json_t *document = read_document("run/run.h5");
    const json_t *run = run_of(document);
    inv_run *file = NULL;
    double accuracy = 0.0;
    float original[PROJECTED][HEIGHT * WIDTH], image[PROJECTED][HEIGHT * WIDTH];
    ck_assert_status(inv_run_open(support_at(place, "run/run.h5"), &file), INV_OK);
    ck_assert_status(inv_run_real(file, "/network", "accuracy", &accuracy), INV_OK);
    ck_assert_str_eq(text_at(document, "format"), "invproj-report");
    ck_assert_str_eq(text_at(run, "about.title"), HOSTILE_TITLE);
    ck_assert_str_eq(text_at(run, "about.file"), "run.h5");
    ck_assert_str_eq(text_at(run, "figures.0.attribute"), "accuracy");
    ck_assert_double_eq_tol(real_at(run, "figures.0.value"), accuracy, 1e-9);
    ck_assert_uint_eq(json_array_size(find(run, "projections.0.pairs")), PROJECTED);
    ck_assert_status(inv_run_get(file, "/projections/r2rt/original", INV_FLOAT32,
                                 LEN(original) * LEN(*original), original),
                     INV_OK);
    ck_assert_status(
        inv_run_get(file, "/projections/r2rt/image", INV_FLOAT32, LEN(image) * LEN(*image), image),
        INV_OK);
    for (size_t i = 0; i < PROJECTED; i++) {
        double sum = 0.0;
        for (size_t j = 0; j < HEIGHT * WIDTH; j++)
            sum += fabs((double)original[i][j] - (double)image[i][j]);
        const json_t *pair = json_array_get(find(run, "projections.0.pairs"), i);
        ck_assert_double_eq_tol(real_at(pair, "image.l1"), sum / (HEIGHT * WIDTH), 1e-6);
    }
    ck_assert_uint_eq(json_array_size(find(run, "generated.0.pictures")), 4);
    ck_assert_uint_eq(json_array_size(find(run, "features.0.pictures")), HIDDEN2);
    inv_run_free(file);
    json_decref(document);
}
END_TEST

/* More steps than a curve has points: each point is the mean of its share, at the last of its steps. */
START_TEST(curves_are_means_of_the_history)
{
    program_must_work(
        run_here("train r2rt.cfg --threads 1 -q --data data -o long.h5 --set data.validation=50 "
                 "--set network.layers.2.units=0 --set training.batch=50 "
                 "--set training.steps=731 --set network.layers.0.units=5"));
    json_t *document = read_document("long.h5");
    inv_run *file = NULL;
    float loss[731];
    ck_assert_status(inv_run_open(support_at(place, "long.h5"), &file), INV_OK);
    ck_assert_status(inv_run_get(file, "/training/history/loss", INV_FLOAT32, LEN(loss), loss),
                     INV_OK);
    const json_t *curve = find(run_of(document), "curves.0.series.0");
    ck_assert_double_eq(real_at(curve, "mean_of"), 2.0);
    ck_assert_uint_eq(json_array_size(find(curve, "x")), 366);
    ck_assert_double_eq(real_at(curve, "x.0"), 2.0);
    ck_assert_double_eq(real_at(curve, "x.365"), 731.0);
    ck_assert_double_eq_tol(real_at(curve, "y.0"), ((double)loss[0] + (double)loss[1]) / 2.0, 1e-4);
    ck_assert_double_eq_tol(real_at(curve, "y.365"), (double)loss[730], 1e-4);
    inv_run_free(file);
    json_decref(document);
}
END_TEST

START_TEST(what_a_file_lacks_is_left_out)
{
    static const char *const lacking[] = {"projections", "generated", "features", "exemplars",
                                          "filters"};
    json_t *document = read_document("bare.h5");
    for (size_t i = 0; i < LEN(lacking); i++)
        ck_assert_msg(!find(run_of(document), lacking[i]), "%s is there", lacking[i]);
    ck_assert_uint_eq(json_array_size(find(run_of(document), "net.inverses")), 0);
    ck_assert_ptr_nonnull(find(run_of(document), "curves.0.series.0"));
    json_decref(document);
}
END_TEST

/* The parameters are those of the file, and without them the rest is the same. */
START_TEST(the_net_can_be_left_out)
{
    program *p = run_here("report run/run.h5 --json --no-net");
    ck_assert_program(p, 0);
    json_t *without = json_loads(p->out, 0, NULL), *with = read_document("run/run.h5");
    json_t *run = json_array_get(json_object_get(with, "runs"), 0);
    const size_t floats = (size_t)real_at(run, "architecture.parameters");
    ck_assert_uint_eq(strlen(text_at(run, "net.parameters")), (4 * floats + 2) / 3 * 4);
    ck_assert_ptr_null(find(run_of(without), "net"));
    ck_assert_int_eq(json_object_del(run, "net"), 0);
    ck_assert(json_equal(with, without));
    json_decref(with);
    json_decref(without);
    program_free(p);
}
END_TEST

START_TEST(too_large_a_net_is_left_out_with_a_word)
{
    program_must_work(
        run_here("train r2rt.cfg --threads 1 -q --data data -o large.h5 --set data.validation=50 "
                 "--set network.layers.2.units=0 --set training.batch=10 --set training.steps=1 "
                 "--set network.layers.0.units=2000 --set network.layers.1.units=2100"));
    json_t *document = read_document("large.h5");
    ck_assert_ptr_nonnull(strstr(text_at(run_of(document), "net.left_out"), "16 MB"));
    ck_assert_ptr_null(find(run_of(document), "net.parameters"));
    json_decref(document);
}
END_TEST

/* ---- several runs ---- */

#define COMPARED                                                                                   \
    "--threads 1 -q --data data --set data.validation=50 --set network.layers.2.units=0 "          \
    "--set training.batch=50 --set network.layers.0.units=7 "

/* Two seeds are one column, with mean and deviation; more steps are another, and the only setting told. */
START_TEST(seeds_are_one_column)
{
    static const char *const names[] = {"c1.h5", "c2.h5", "c3.h5"};
    double accuracy[3];
    program_must_work(run_here("train r2rt.cfg " COMPARED "-o c1.h5 --set training.steps=20"));
    program_must_work(
        run_here("train r2rt.cfg " COMPARED "-o c2.h5 --set training.steps=20 --seed 5"));
    program_must_work(run_here("train r2rt.cfg " COMPARED "-o c3.h5 --set training.steps=40"));
    for (size_t i = 0; i < LEN(names); i++)
        accuracy[i] = hdf5_number(support_at(place, names[i]), "/network", "accuracy");
    json_t *document = read_document("c1.h5 c2.h5 c3.h5");
    const json_t *comparison = json_object_get(document, "comparison");
    ck_assert_uint_eq(json_array_size(find(comparison, "columns")), 2);
    ck_assert_double_eq(real_at(comparison, "columns.0.runs.1"), 1.0);
    ck_assert_double_eq(real_at(comparison, "columns.0.seeds.1"), 5.0);
    ck_assert_uint_eq(json_array_size(find(comparison, "settings")), 1);
    ck_assert_str_eq(text_at(comparison, "settings.0.key"), "training.steps");
    ck_assert_str_eq(text_at(comparison, "settings.0.values.1"), "40");
    const json_t *cells = find(comparison, "figures.0.cells");
    ck_assert_double_eq_tol(real_at(cells, "0.mean"), (accuracy[0] + accuracy[1]) / 2.0, 1e-8);
    ck_assert_double_eq_tol(real_at(cells, "0.spread"), fabs(accuracy[0] - accuracy[1]) / sqrt(2.0),
                            1e-8);
    ck_assert_double_eq_tol(real_at(cells, "1.mean"), accuracy[2], 1e-8);
    ck_assert(json_is_null(find(cells, "1.spread")));
    ck_assert(json_is_false(find(cells, "0.best")) && json_is_false(find(cells, "1.best")));
    ck_assert_ptr_null(find(run_of(document), "net"));
    json_decref(document);
    program_must_work(run_here("report c1.h5 c2.h5 c3.h5 -o several.html -q"));
}
END_TEST

/* ---- images of every kind ---- */

enum { MANY = 600, ONE_EACH = 5 * 4 * 3 }; /* classes, and bytes of a picture */

/* A picture in three channels of each class, to train and to test on, as an archive. */
static void write_many(const char *path)
{
    unsigned char images[MANY * ONE_EACH], labels[2 * MANY];
    for (size_t i = 0; i < sizeof images; i++)
        images[i] = (unsigned char)((i * 37 + i / ONE_EACH) % 251);
    for (size_t i = 0; i < MANY; i++) {
        labels[2 * i] = (unsigned char)(i % 256);
        labels[2 * i + 1] = (unsigned char)(i / 256);
    }
    support_member members[] = {{.name = "x_train.npy"},
                                {.name = "y_train.npy"},
                                {.name = "x_test.npy"},
                                {.name = "y_test.npy"}};
    for (size_t i = 0; i < LEN(members); i++)
        members[i].bytes =
            i % 2
                ? support_npy("{'descr': '<u2', 'fortran_order': False, 'shape': (600,), }", labels,
                              sizeof labels, &members[i].size)
                : support_npy("{'descr': '|u1', 'fortran_order': False, 'shape': (600, 5, 4, 3), }",
                              images, sizeof images, &members[i].size);
    support_write_zip(path, members, LEN(members), 1);
    for (size_t i = 0; i < LEN(members); i++)
        free((void *)(uintptr_t)members[i].bytes);
}

START_TEST(many_classes_and_colours_have_pages)
{
    static const char cfg[] =
        "network = { layers = ({ name = \"output\"; type = \"dense\"; activation = \"softmax\"; "
        "kernel = { type = \"glorot_uniform\"; }; }); };"
        "training = { steps = 3; batch = 50; };"
        "generate = { at = \"input\"; steps = 2; classes = [0, 1]; };";
    support_write(support_at(place, "many.cfg"), cfg, sizeof cfg - 1);
    write_many(support_at(place, "many.npz"));
    program_must_work(run_here("run many.cfg --threads 1 -q --data many.npz -o manyrun"));
    program_must_work(run_here("report manyrun/run.h5 -o many.html -q"));
    json_t *document = read_document("manyrun/run.h5");
    const json_t *run = run_of(document);
    ck_assert_uint_eq(json_array_size(find(run, "data.images_per_class")), MANY);
    ck_assert_double_eq(real_at(run, "architecture.input.2"), 3.0);
    ck_assert_ptr_null(find(run, "confusion.counts")); /* a matrix of so many nobody reads */
    json_decref(document);
}
END_TEST

/* Layers with channels are told by their shapes, and of a deep net the first eight and the last. */
START_TEST(shapes_are_told)
{
    static const char start[] = "training = { steps = 1; batch = 50; };\nnetwork = { layers = (\n"
                                "{ name = \"c\"; type = \"conv2d\"; filters = 3; size = 2; },\n"
                                "{ name = \"p\"; type = \"max_pool\"; size = 2; },\n";
    char cfg[2048];
    size_t used = (size_t)snprintf(cfg, sizeof cfg, "%s", start);
    for (int i = 0; i < 9; i++)
        used += (size_t)snprintf(cfg + used, sizeof cfg - used,
                                 "{ name = \"d%d\"; type = \"dense\"; units = %d; },\n", i, 11 + i);
    used += (size_t)snprintf(
        cfg + used, sizeof cfg - used,
        "{ name = \"o\"; type = \"dense\"; units = 5; activation = \"softmax\"; }); };\n");
    support_write(support_at(place, "deep.cfg"), cfg, used);
    program_must_work(run_here("train deep.cfg --threads 1 -q --data data -o deep.h5"));
    json_t *document = read_document("deep.h5");
    const char *told = text_at(run_of(document), "about.summary.0");
    ck_assert_msg(
        strstr(told, ", 9 x 7 x 1 - 8 x 6 x 3 - 11 - 12 - 13 - 14 - 15 - 16 - 17 ... - 5, for"),
        "%s", told);
    json_decref(document);
    program *info = run_here("info deep.h5");
    ck_assert_ptr_nonnull(strstr(info->out, "\n  c          conv2d 3, 2 x 2\n"));
    ck_assert_ptr_nonnull(strstr(info->out, "\n  p          max_pool 2 x 2\n"));
    program_free(info);
    document = read_document("bare.h5");
    ck_assert_ptr_nonnull(
        strstr(text_at(run_of(document), "about.summary.0"), ", 63-13-11-5, for"));
    json_decref(document);
}
END_TEST

/* ---- the page ---- */

/* Also where `run` made it. */
START_TEST(the_same_run_gives_the_same_page)
{
    program_must_work(run_here("report run/run.h5 -o a.html -q"));
    program_must_work(run_here("report run/run.h5 -o b.html -q"));
    char *a = read_text("a.html"), *b = read_text("b.html"), *made = read_text("run/report.html");
    ck_assert_str_eq(a, b);
    ck_assert_str_eq(a, made);
    free(a);
    free(b);
    free(made);
}
END_TEST

START_TEST(a_run_makes_a_page_unless_told)
{
    program_must_work(
        run_here("run r2rt.cfg " SHORT_SETS " -q --data data -o without --no-report"));
    ck_assert(access(support_at(place, "without/report.html"), F_OK) != 0);
    support_write(support_at(place, "without/report.html"), "mine\n", 5);
    program *p = run_here("run r2rt.cfg " SHORT_SETS " -q --data data -o without --force");
    ck_assert_fails(p, 2, "without/report.html: is there already and is no page");
    program_free(p);
    size_t size = 0;
    unsigned char *bytes = support_read(support_at(place, "without/report.html"), &size);
    ck_assert_str_eq((char *)bytes, "mine\n");
    free(bytes);
}
END_TEST

static size_t times(const char *text, const char *word)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, word)); at += strlen(word))
        count++;
    return count;
}

START_TEST(a_title_is_only_text)
{
    program_must_work(run_here("report run/run.h5 -o title.html -q"));
    char *page = read_text("title.html");
    ck_assert_uint_eq(times(page, "</script>"), 2);
    ck_assert_uint_eq(times(page, "\xe2\x80\xae"), 0);
    ck_assert_uint_ge(times(page, "\\\\u202e"), 2);
    ck_assert_uint_eq(times(page, "<!--"), 0);
    ck_assert_uint_eq(times(page, "<b>"), 0);
    ck_assert_uint_eq(
        times(page,
              "<title>&lt;/script&gt;&lt;!--&lt;b&gt;&amp;amp; 'x' {{script}} \\u202e</title>"),
        1);
    ck_assert_uint_eq(times(page, "default-src 'none'; img-src data:; style-src 'sha256-"), 1);
    ck_assert_uint_eq(times(page, "http-equiv"), 1);
    ck_assert_uint_eq(times(page, "unsafe"), 0);
    free(page);
}
END_TEST

/* Units that were driven from the pixels answer to the classes that they answer to. */
START_TEST(units_answer_to_their_own_classes)
{
    program_must_work(
        run_here("features run/run.h5 --data data --layer hidden2.pre --at input --steps 2 "
                 "--name pixels -q"));
    json_t *document = read_document("run/run.h5");
    const json_t *of[2] = {NULL, NULL}, *one = NULL;
    size_t i = 0, same = 0;
    json_array_foreach(find(run_of(document), "features"), i, one)
    {
        of[strcmp(text_at(one, "name"), "pixels") == 0] = find(one, "pictures");
    }
    ck_assert_uint_gt(json_array_size(of[0]), 5);
    json_array_foreach(of[0], i, one)
    {
        ck_assert_str_eq(text_at(one, "note"), text_at(json_array_get(of[1], i), "note"));
        same += strcmp(text_at(one, "note"), text_at(json_array_get(of[0], 0), "note")) == 0;
    }
    ck_assert_uint_lt(same, json_array_size(of[0]) / 2);
    json_decref(document);
}
END_TEST

START_TEST(markdown_tells_the_figures)
{
    program *p = run_here("report run/run.h5 --markdown");
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->out, "## \\</script\\>\\<!--"));
    ck_assert_ptr_nonnull(strstr(p->out, "\n| test accuracy | "));
    ck_assert_ptr_nonnull(strstr(p->out, "\n| inverse r2rt: L1 per pixel | 0."));
    ck_assert_ptr_null(strstr(p->out, "data:"));
    ck_assert_ptr_nonnull(strstr(p->out, "with seed 1; the experiment in the file makes the same"));
    program_free(p);
}
END_TEST

/* A link's destination is one line, whatever the file's name. */
START_TEST(markdown_links_to_any_name)
{
    program_must_work(program_run(&(program_how){.folder = place},
                                  "report run/run.h5 --markdown -q -o %s", "a\nb 5%.md"));
    char *text = read_text("a\nb 5%.md");
    ck_assert_uint_eq(
        times(text, "](<a%0Ab 5%25-projections.png>) ![generated](<a%0Ab 5%25-generated.png>)\n"),
        1);
    free(text);
}
END_TEST

/* Its pictures are those of the run file, beside it under its name; only what is its own is written over. */
START_TEST(markdown_has_sheets_beside_it)
{
    static const char *const others[] = {"other.md: is there already and is no summary",
                                         "sum.md: is there already; --force",
                                         "taken-generated.png: is there already and is not a PNG"};
    program_must_work(run_here("report run/run.h5 bare.h5 --markdown -o sum.md -q"));
    char *text = read_text("sum.md");
    ck_assert_uint_eq(
        times(text, "\n![projections](<sum-projections.png>) ![generated](<sum-generated.png>)\n"),
        1);
    ck_assert_uint_eq(times(text, "!["), 2); /* a run without an inverse has none */
    ck_assert_uint_eq(times(text, "\n| test accuracy | "), 2);
    free(text);
    ck_assert_int_eq(access(support_at(place, "sum-2-generated.png"), F_OK), -1);
    size_t dims[4] = {0};
    free(hdf5_values(support_at(place, "run/run.h5"), "/generated/r2rt/image", dims));
    inv_shape shape = {0};
    float *values = NULL;
    size_t columns = 1;
    while (columns * columns < dims[0])
        columns++;
    const size_t zoom = 112 / (dims[1] > dims[2] ? dims[1] : dims[2]);
    ck_assert_status(inv_png_read(support_at(place, "sum-generated.png"), 0.0f, &shape, &values),
                     INV_OK);
    ck_assert_uint_eq(shape.width, columns * (zoom * dims[2] + 2) + 2);
    free(values);
    support_write(support_at(place, "other.md"), "mine\n", 5);
    support_write(support_at(place, "taken-generated.png"), "mine\n", 5);
    static const char *const words[] = {"report run/run.h5 --markdown -o other.md --force",
                                        "report run/run.h5 --markdown -o sum.md",
                                        "report run/run.h5 --markdown -o taken.md --force"};
    for (size_t i = 0; i < 3; i++) {
        program *p = run_here(words[i]);
        program_must_fail(p, i < 2 ? 2 : 1, (const char *[]){others[i], NULL});
        program_free(p);
    }
    /* a picture of the user's own by that name, and no text yet */
    ck_assert_int_eq(rename(support_at(place, "sum.md"), support_at(place, "gone.md")), 0);
    program *p = run_here("report run/run.h5 --markdown -o sum.md");
    program_must_fail(p, 2, (const char *[]){"sum-projections.png: is there already", NULL});
    program_free(p);
    program_must_work(run_here("report run/run.h5 --markdown -o sum.md --force -q"));
}
END_TEST

START_TEST(a_page_is_written_over_by_force_alone)
{
    program_must_work(run_here("report bare.h5 -o forced.html -q"));
    program *p = run_here("report run/run.h5 -o forced.html");
    ck_assert_fails(p, 2, "forced.html: is there already; --force overwrites it");
    program_free(p);
    p = run_here("report run/run.h5 -o forced.html --force");
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->out, "");
    ck_assert_str_eq(p->err, "report    forced.html\n");
    program_free(p);
    program_must_work(run_here("report run/run.h5 -o fresh.html -q"));
    char *a = read_text("forced.html"), *b = read_text("fresh.html");
    ck_assert_str_eq(a, b);
    free(a);
    free(b);
}
END_TEST

static const struct refusal {
    const char *words;
    int code;
    const char *says[4];
} refusals[] = {
    {"report run/run.h5", 2, {"report: needs -o PAGE.html"}},
    {"report run/run.h5 --json --markdown", 2, {"--json and --markdown are two"}},
    {"report run/run.h5 --json -o x.html", 2, {"-o is for a page or a Markdown file"}},
    {"report none.h5 -o x.html", 1, {"none.h5", "No such file or directory"}},
    {"report run/run.h5 -o notes.html --force", 2, {"notes.html: is there already and is no page"}},
    {"report run/run.h5 -o run/run.h5 --force", 2, {"run/run.h5: is there already and is no page"}},
    {"report run/run.h5 -o none/x.html", 1, {"none/x.html", "there is no folder none"}},
    {"report run/run.h5 -o data --force", 1, {"data"}},
    {"report r2rt.cfg -o x.html", 2, {"r2rt.cfg: is an experiment"}},
};

START_TEST(what_cannot_be_is_refused)
{
    const struct refusal *r = &refusals[_i];
    program_must_refuse(&(program_how){.folder = place}, r->words, r->code, r->says);
}
END_TEST

START_TEST(a_damaged_run_is_refused)
{
    size_t size = 0;
    unsigned char *bytes = support_read(support_at(place, "run/run.h5"), &size);
    bytes[size / 3] ^= 0x10;
    support_write(support_at(place, "damaged.h5"), bytes, size);
    free(bytes);
    program *p = run_here("report damaged.h5 -o damaged.html");
    ck_assert_fails(p, 1, "damaged.h5", "damaged");
    program_free(p);
    ck_assert(access(support_at(place, "damaged.html"), F_OK) != 0);
    ck_assert_int_eq(truncate(support_at(place, "damaged.h5"), 512), 0); /* a run no more */
    p = run_here("report damaged.h5 -o damaged.html");
    ck_assert_fails(p, 1, "damaged.h5: damaged: cut short");
    program_free(p);
}
END_TEST

START_TEST(a_page_that_may_not_grow_is_not_written)
{
    const program_how how = {.folder = place, .file_bytes = 20000};
    char *before = program_snapshot(place);
    program *p = program_run_words(&how, "report run/run.h5 -o full.html");
    ck_assert_fails(p, 1, "full.html: File too large", "ulimit -f");
    program_free(p);
    char *after = program_snapshot(place);
    program_must_equal(before, after);
    free(before);
    free(after);
}
END_TEST

Suite *cli_report_suite(void)
{
    Suite *suite = suite_create("cli_report");
    TCase *tests = tcase_create("cli_report");
    tcase_set_timeout(tests, 60);
    tcase_add_unchecked_fixture(tests, open_place, close_place);
    tcase_add_test(tests, the_document_says_what_the_file_holds);
    tcase_add_test(tests, curves_are_means_of_the_history);
    tcase_add_test(tests, what_a_file_lacks_is_left_out);
    tcase_add_test(tests, the_net_can_be_left_out);
    tcase_add_test(tests, too_large_a_net_is_left_out_with_a_word);
    tcase_add_test(tests, seeds_are_one_column);
    tcase_add_test(tests, many_classes_and_colours_have_pages);
    tcase_add_test(tests, shapes_are_told);
    tcase_add_test(tests, the_same_run_gives_the_same_page);
    tcase_add_test(tests, a_run_makes_a_page_unless_told);
    tcase_add_test(tests, a_title_is_only_text);
    tcase_add_test(tests, units_answer_to_their_own_classes);
    tcase_add_test(tests, markdown_tells_the_figures);
    tcase_add_test(tests, markdown_links_to_any_name);
    tcase_add_test(tests, markdown_has_sheets_beside_it);
    tcase_add_test(tests, a_page_is_written_over_by_force_alone);
    tcase_add_loop_test(tests, what_cannot_be_is_refused, 0, LEN(refusals));
    tcase_add_test(tests, a_damaged_run_is_refused);
    tcase_add_test(tests, a_page_that_may_not_grow_is_not_written);
    suite_add_tcase(suite, tests);
    return suite;
}
