/* What the program cannot work with: data, experiment files, run files and numbers. Each must end
 * in one clear line and the right exit code, and leave everything as it was.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "cli_short.h"
#include "hdf5_text.h"
#include "invproj/png.h"
#include "invproj/run.h"
#include "program.h"
#include "suites.h"
#include "support.h"

#define LEN(array)   (sizeof(array) / sizeof *(array))
#define TRAIN_IMAGES "train-images-idx3-ubyte"
#define TRAIN_LABELS "train-labels-idx1-ubyte"
#define TEST_IMAGES  "t10k-images-idx3-ubyte"
#define TEST_LABELS  "t10k-labels-idx1-ubyte"

/* Made once: the experiment, good data, and a run made from them that must survive everything. The
 * program runs in this folder. */
static char *place;

#define GOOD "r2rt.cfg " SHORT_SETS

static program *run_here(const char *words)
{
    return program_run_in(place, words);
}

static void open_place(void)
{
    place = support_folder();
    short_copy("experiments/r2rt.cfg", support_at(place, "r2rt.cfg"));
    short_data(support_at(place, "data"));
    program_must_work(run_here("run " GOOD " -q --data data -o run"));
}

static void close_place(void)
{
    support_remove(place);
}

/* That the words make the program fail as it must, and that nothing comes, goes or changes. */
static void must_fail(int code, const char *const *says, const char *words)
{
    char *before = program_snapshot(place);
    program *p = run_here(words);
    program_must_fail(p, code, says);
    ck_assert_uint_lt(p->peak, (size_t)1 << 30);
    char *after = program_snapshot(place);
    program_must_equal(before, after);
    program_free(p);
    free(before);
    free(after);
}

/* The same for a run of the experiment (and options), over the earlier run and where there is none.
 */
static void run_must_fail(int code, const char *const *says, const char *experiment,
                          const char *folder)
{
    char words[2048];
    for (int fresh = 0; fresh < 2; fresh++) {
        ck_assert_int_lt(snprintf(words, sizeof words, "run %s -q --data %s -o %s", experiment,
                                  folder, fresh ? "fresh" : "run --force"),
                         sizeof words);
        must_fail(code, says, words);
    }
}

/* ---- data ---- */

static const char zeros[TRAIN * HEIGHT * WIDTH];

/* What is done to one of the four files, in this order: bytes laid over it, `keep` of them kept,
 * bytes hung on, gzip, `gzip_keep` of that kept, a byte of it changed so many from its end. */
static const struct damage {
    const char *file;
    size_t offset, size;
    const char *bytes;
    bool cut;
    size_t keep;
    bool junk, gzip;
    size_t gzip_keep, gzip_change;
    const char *says[4]; /* NULL at the end */
} damages[] = {
    {TRAIN_IMAGES, 0, 4, "\x89QNG", .says = {TRAIN_IMAGES, "not an IDX file", "89 51"}},
    {TEST_LABELS, 0, 4, "\x89PNG", .says = {TEST_LABELS, "not an IDX file"}},
    {TRAIN_IMAGES, 2, 1, "\x0a", .says = {TRAIN_IMAGES, "0x0a", "unsigned byte"}},
    {TRAIN_IMAGES, 2, 1, "\x0d", .says = {TRAIN_IMAGES, "9 x 7 floats, more than"}},
    {TRAIN_IMAGES, 3, 1, "\x09", .says = {TRAIN_IMAGES, "9 dimensions"}},
    {TRAIN_IMAGES, 0, 8, "\0\0\x08\x01\0\0\x56\x2a", .says = {TRAIN_IMAGES, "1 dimension,"}},
    {TRAIN_IMAGES, 4, 4, "\0\0\x01\x5f", .says = {TRAIN_IMAGES, "truncated", "351 x 9 x 7"}},
    {TRAIN_IMAGES, 4, 12, "\xff\xff\xff\xff\0\0\xff\xff\0\0\xff\xff",
     .says = {TRAIN_IMAGES, "4294967295 x 65535 x 65535", "more than its 22066 bytes"}},
    {TRAIN_IMAGES, 4, 12, "\xff\xff\xff\xff\0\0\xff\xff\0\0\xff\xff", .gzip = true,
     .says = {TRAIN_IMAGES, "4294967295 x 65535 x 65535", "compressed"}},
    {TEST_IMAGES, 4, 12, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
     .says = {TEST_IMAGES, "4294967295 x 4294967295 x 4294967295"}},
    {TEST_LABELS, 4, 4, "\xff\xff\xff\xff", .says = {TEST_LABELS, "4294967295", "68 bytes"}},
    {TRAIN_IMAGES, .cut = true, .keep = 11000, .says = {TRAIN_IMAGES, "truncated"}},
    {TRAIN_IMAGES, .cut = true, .keep = 10, .says = {TRAIN_IMAGES, "truncated", "header"}},
    {TRAIN_IMAGES, .cut = true, .says = {TRAIN_IMAGES, "truncated"}},
    {TRAIN_LABELS, .cut = true, .keep = 357, .says = {TRAIN_LABELS, "truncated"}},
    {TRAIN_IMAGES, .junk = true, .says = {TRAIN_IMAGES, "goes on after"}},
    {TRAIN_IMAGES, .gzip = true, .gzip_keep = 2000, .says = {TRAIN_IMAGES, "truncated", "gzip"}},
    {TRAIN_IMAGES, .gzip = true, .gzip_keep = 5, .says = {TRAIN_IMAGES, "truncated", "gzip"}},
    {TRAIN_IMAGES, .gzip = true, .gzip_change = 8, .says = {TRAIN_IMAGES, "damaged gzip data"}},
    {TRAIN_IMAGES, .gzip = true, .gzip_change = 4000, .says = {TRAIN_IMAGES}},
    {TEST_LABELS, .gzip = true, .gzip_change = 8, .says = {TEST_LABELS, "damaged gzip data"}},
    {TRAIN_LABELS, 4, 4, "\0\0\x01\x5d", .cut = true, .keep = 357,
     .says = {"350 images", "349 labels", TRAIN_LABELS}},
    {TEST_LABELS, 4, 4, "\0\0\0\x3b", .cut = true, .keep = 67,
     .says = {"60 images", "59 labels", TEST_LABELS}},
    {TEST_LABELS, 8 + 17, 1, "\x05", .says = {TEST_LABELS, "label 5 at index 17", "end at 4"}},
    {TRAIN_IMAGES, 4, 4, "\0\0\0\0", .cut = true, .keep = 16, .says = {TRAIN_IMAGES, "empty"}},
    {TEST_IMAGES, 4, 4, "\0\0\0\0", .cut = true, .keep = 16, .says = {TEST_IMAGES, "empty"}},
    {TRAIN_LABELS, 4, 4, "\0\0\0\0", .cut = true, .keep = 8, .says = {TRAIN_LABELS, "empty"}},
    {TRAIN_IMAGES, 8, 4, "\0\0\0\0", .cut = true, .keep = 16, .says = {TRAIN_IMAGES, "empty"}},
    {TEST_IMAGES, 8, 8, "\0\0\0\x07\0\0\0\x09", .says = {"9 x 7 x 1", "7 x 9 x 1"}},
    {TRAIN_LABELS, 8, TRAIN, zeros, .says = {TRAIN_LABELS, "every label", "two classes"}},
    {TRAIN_IMAGES, 16, sizeof zeros, zeros, .says = {"every training image is the same"}},
};

/* A copy of the data, in `place`/spoilt. */
static char *copy_data(void)
{
    static const char *const files[] = {TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS};
    char *folder = strdup(support_at(place, "spoilt")), *good = strdup(support_at(place, "data"));
    ck_assert_int_eq(mkdir(folder, 0755), 0);
    for (size_t i = 0; i < LEN(files); i++)
        short_copy(support_at(good, files[i]), support_at(folder, files[i]));
    free(good);
    return folder;
}

static void damage_file(const char *path, const struct damage *d)
{
    size_t size = 0;
    unsigned char *bytes = support_read(path, &size);
    ck_assert_uint_le(d->offset + d->size, size);
    if (d->size)
        memcpy(bytes + d->offset, d->bytes, d->size);
    size = d->cut ? d->keep : size + d->junk; /* a NUL byte follows what support_read reads */
    if (d->gzip) {
        unsigned char *zipped = support_gzip(bytes, size, &size);
        free(bytes);
        bytes = zipped;
        size = d->gzip_keep ? d->gzip_keep : size;
        ck_assert_uint_lt(d->gzip_change, size);
        if (d->gzip_change)
            bytes[size - d->gzip_change] ^= 0x55;
    }
    support_write(path, bytes, size);
    free(bytes);
}

START_TEST(damaged_data)
{
    const struct damage *d = &damages[_i];
    char *folder = copy_data();
    damage_file(support_at(folder, d->file), d);
    run_must_fail(1, d->says, GOOD, "spoilt");
    support_remove(folder);
}
END_TEST

/* Gzip as such is no damage. */
START_TEST(compressed_data_are_as_good)
{
    static const char *const but[] = {"@created", "/seconds", "/environment", "@dataset ", NULL};
    char *folder = copy_data(), *image = strdup(support_at(folder, TRAIN_IMAGES));
    damage_file(image, &(struct damage){.gzip = true});
    ck_assert_int_eq(rename(image, support_at(folder, TRAIN_IMAGES ".gz")), 0);
    damage_file(support_at(folder, TEST_LABELS), &(struct damage){.gzip = true});
    program *p = run_here("run " GOOD " -q --data spoilt -o spoilt/out");
    ck_assert_program(p, 0);
    char *a = hdf5_text(support_at(place, "run/run.h5"), but);
    char *b = hdf5_text(support_at(folder, "out/run.h5"), but);
    program_must_equal(a, b);
    free(a);
    free(b);
    free(image);
    program_free(p);
    support_remove(folder);
}
END_TEST

/* What stands where a data file should. */
static void nothing(const char *path)
{
    (void)path;
}

static void a_folder(const char *path)
{
    ck_assert_int_eq(mkdir(path, 0755), 0);
}

static void a_fifo(const char *path)
{
    ck_assert_int_eq(mkfifo(path, 0644), 0);
}

static void a_loop(const char *path)
{
    ck_assert_int_eq(symlink(path, path), 0);
}

static const struct stand_in {
    void (*put)(const char *path);
    const char *says[3];
} stand_ins[] = {
    {nothing, {"neither"}},
    {a_folder, {"is a folder"}},
    {a_fifo, {"not a regular file"}},
    {a_loop, {"symbolic links"}},
};

START_TEST(no_data_file)
{
    const struct stand_in *it = &stand_ins[_i];
    const char *says[] = {it->says[0], TRAIN_LABELS, it->says[1], NULL};
    char *folder = copy_data();
    ck_assert_int_eq(unlink(support_at(folder, TRAIN_LABELS)), 0);
    it->put(support_at(folder, TRAIN_LABELS));
    if (it->put == a_fifo || it->put == a_loop) { /* of which no snapshot can be taken */
        program *p = run_here("run " GOOD " -q --data spoilt -o run --force");
        program_must_fail(p, 1, says);
        program_free(p);
    } else {
        run_must_fail(1, says, GOOD, "spoilt");
    }
    support_remove(folder);
}
END_TEST

START_TEST(no_data_folder)
{
    static const char *const missing[] = {"none: No such file", NULL};
    static const char *const file[] = {"r2rt.cfg: is not a folder", NULL};
    run_must_fail(1, missing, GOOD, "none");
    run_must_fail(1, file, GOOD, "r2rt.cfg");
}
END_TEST

/* ---- experiment files ---- */

/* `find`, the first time it is in r2rt.cfg, becomes `put`; the line is said too. */
static const struct edit {
    const char *find, *put, *says[4];
} edits[] = {
    {"steps = 2000;", "steps 2000;", {"syntax error"}},
    {"batch = 1000;", "batch = 10 0;", {"syntax error"}},
    {"reduction =", "reductoin =", {"training.reductoin: unknown key", "'reduction'?"}},
    {"training = {", "trainning = {", {"trainning: unknown key", "'training'?"}},
    {"units = 100", "unit = 100", {"network.layers.0.unit: unknown key", "'units'?"}},
    {"accumulator = 0.1", "decay = 0.1", {"training.optimiser.decay: unknown key", "rate"}},
    {"zoom = 4", "zom = 4", {"project.sheet.zom: unknown key", "'zoom'?"}},
    {"steps = 2000", "steps = \"many\"", {"training.steps: must be a whole number"}},
    {"batch = 1000", "batch = 10.5", {"training.batch: must be a whole number"}},
    {"batch = 1000", "batch = true", {"training.batch: must be a whole number"}},
    {"scale = 255.0", "scale = \"255\"", {"data.scale: must be a number"}},
    {"folder = \"data/mnist\"", "folder = 5", {"data.folder: must be text"}},
    {"optimiser = {", "optimiser = ( 1 ); old = {", {"training.old: unknown key"}},
    {"sheet = { columns = 6; zoom = 4; gap = 2; }", "sheet = 5", {"project.sheet", "a group"}},
    {"classes = [ 1, 2", "classes = \"1, 2\"; old = [ 1, 2", {"generate.old: unknown key"}},
    {"batch = 1000", "batch = -5", {"training.batch: -5 is not from 1"}},
    {"batch = 1000", "batch = 0", {"training.batch: 0 is not from 1"}},
    {"batch = 1000", "batch = 5000000000", {"training.batch: 5000000000 is not from 1"}},
    {"steps = 2000", "steps = 0", {"training.steps: 0 is not from 1"}},
    {"steps = 2000",
     "steps = 18446744073709551617",
     {"18446744073709551617: whole numbers have at most 64 bits"}},
    {"seed = 1", "seed = -1", {"seed: -1 is not from 0"}},
    {"units = 100", "units = -3", {"network.layers.0.units: -3 is not from"}},
    {"units = 100", "units = 4294967396", {"network.layers.0.units: 4294967396 is not"}},
    {"scale = 255.0", "scale = 1e13", {"data.scale: 1e+13 is not from"}},
    {"scale = 255.0", "scale = -255.0", {"data.scale: -255 is not from"}},
    {"rate = 0.01", "rate = 1e30", {"training.optimiser.rate: 1e+30 is not from 0"}},
    {"rate = 0.01", "rate = -0.01", {"training.optimiser.rate: -0.01 is not from 0"}},
    {"confidence = 0.8", "confidence = 1.5", {"inverse.confidence: 1.5 is not from 0 to 1"}},
    {"classes = [ 1", "classes = [ -1", {"generate.classes: -1 is not from 0"}},
    {"columns = 6", "columns = 0", {"project.sheet.columns: 0 is not from 1"}},
    {"zoom = 4", "zoom = 1000000", {"project.sheet.zoom: 1000000 is not from 1"}},
    {"images = 36", "images = 0", {"project.images: 0 is not from 1"}},
    {"type = \"dense\"", "type = \"dens\"", {"network.layers.0.type", "'dens'", "'dense'?"}},
    {"type = \"dense\"", "type = \"convolution9\"", {"network.layers.0.type", "known: dense"}},
    {"\"sigmoid\"", "\"sigmoyd\"", {"network.layers.0.activation", "'sigmoid'?"}},
    {"\"softmax\"", "\"dense\"", {"network.layers.2.activation", "not an activation"}},
    {"type = \"adagrad\"", "type = \"adagard\"", {"training.optimiser.type", "'adagrad'?"}},
    {"kind = \"r2rt\"", "kind = \"r2r\"", {"inverse.kind", "'r2rt'?"}},
    {"name = \"hidden2\"", "name = \"hidden1\"", {"network.layers.1", "two layers are named"}},
    {"name = \"hidden1\"", "name = \"input\"", {"network.layers.0", "cannot be named 'input'"}},
    {"name = \"r2rt\"", "name = \"a/b\"", {"inverse.name: 'a/b'", "letters"}},
    {"[ 0.9961, 0.9976 ]", "[ 0.9976, 0.9961 ]", {"reference.confidence", "smaller"}},
};

/* Writes the edited experiment; returns the number of the line. */
static size_t write_edited(const struct edit *edit, const char *path)
{
    size_t size = 0, line = 1;
    char *text = (char *)support_read("experiments/r2rt.cfg", &size), *out = NULL;
    const char *at = strstr(text, edit->find);
    ck_assert_msg(at != NULL, "no '%s' in experiments/r2rt.cfg", edit->find);
    for (const char *c = text; c < at; c++)
        line += *c == '\n';
    const int length =
        asprintf(&out, "%.*s%s%s", (int)(at - text), text, edit->put, at + strlen(edit->find));
    ck_assert_int_gt(length, 0);
    support_write(path, out, (size_t)length);
    free(out);
    free(text);
    return line;
}

START_TEST(edited_experiment)
{
    const struct edit *edit = &edits[_i];
    char where[64];
    const size_t line = write_edited(edit, support_at(place, "bad.cfg"));
    snprintf(where, sizeof where, "bad.cfg:%zu: ", line);
    const char *says[] = {where, edit->says[0], edit->says[1], edit->says[2], NULL};
    run_must_fail(2, says, "bad.cfg --set data.validation=50", "data");
    ck_assert_int_eq(unlink(support_at(place, "bad.cfg")), 0);
}
END_TEST

static const struct whole_text {
    const char *text;
    size_t size; /* 0: that of the text */
    int code;
    const char *says[4];
} whole_texts[] = {
    {"", 0, 2, {"bad.cfg", "network", "missing"}},
    {"# nothing but this\n", 0, 2, {"bad.cfg", "network", "missing"}},
    {"network = { };", 0, 2, {"bad.cfg:1", "'layers' is missing"}},
    {"network = { layers = ( ); };", 0, 2, {"bad.cfg:1", "network.layers", "1 to 1000 layers"}},
    {"network = { layers = 5; };", 0, 2, {"bad.cfg:1", "network.layers", "list"}},
    {"network = 5;", 0, 2, {"bad.cfg:1", "network", "group"}},
    {"network = {\n layers = (\n", 0, 2, {"bad.cfg:", "syntax error"}},
    {"title = \"no end", 0, 2, {"bad.cfg:", "syntax error"}},
    {"@include \"/etc/hostname\"\n", 0, 2, {"bad.cfg", "@include"}},
    {"\x7f"
     "ELF\2\1\1\0\0\0",
     10,
     2,
     {"bad.cfg", "zero byte"}},
    {"\x1f\x8b\x08\x08 not text", 0, 2, {"bad.cfg", "not an experiment file but a gzip file"}},
    {"\x02\x03 not text", 0, 2, {"bad.cfg:1", "syntax error"}},
    {"title = \"\xff\xfe\";\n", 0, 2, {"bad.cfg", "UTF-8"}},
    {zeros, sizeof zeros, 2, {"bad.cfg", "zero byte"}},
};

START_TEST(no_experiment_at_all)
{
    const struct whole_text *it = &whole_texts[_i];
    support_write(support_at(place, "bad.cfg"), it->text, it->size ? it->size : strlen(it->text));
    run_must_fail(it->code, it->says, "bad.cfg", "data");
    ck_assert_int_eq(unlink(support_at(place, "bad.cfg")), 0);
}
END_TEST

START_TEST(a_huge_experiment_file)
{
    static const char *const says[] = {"bad.cfg", "bytes", NULL};
    const size_t size = (size_t)3 << 20;
    char *text = malloc(size);
    ck_assert_ptr_nonnull(text);
    memset(text, ' ', size);
    support_write(support_at(place, "bad.cfg"), text, size);
    free(text);
    run_must_fail(1, says, "bad.cfg", "data");
    ck_assert_int_eq(unlink(support_at(place, "bad.cfg")), 0);
}
END_TEST

START_TEST(deep_nesting)
{
    static const char *const says[] = {"bad.cfg", NULL};
    char text[60000] = "a = ";
    memset(text + 4, '(', 50000);
    support_write(support_at(place, "bad.cfg"), text, 50004);
    run_must_fail(2, says, "bad.cfg", "data");
    ck_assert_int_eq(unlink(support_at(place, "bad.cfg")), 0);
}
END_TEST

static const struct no_file {
    const char *words, *says[3];
} no_files[] = {
    {"run none.cfg -q -o run --force", {"none.cfg: No such file"}},
    {"run none.cfg -q -o fresh", {"none.cfg: No such file"}},
    {"train none.cfg -q -o fresh.h5", {"none.cfg: No such file"}},
    {"run data -q -o fresh", {"data: is a folder"}},
    {"run /dev/zero -q -o fresh", {"/dev/zero: is not a regular file"}},
    {"run r2rt.cfg/x -q -o fresh", {"r2rt.cfg/x: Not a directory"}},
    {"info none.h5", {"none.h5: No such file"}},
    {"info data", {"data: is a folder"}},
    {"info data/" TEST_LABELS, {TEST_LABELS ": not an invproj run file"}},
    {"generate none.h5 -q", {"none.h5: No such file"}},
    {"generate data -q", {"data: is a folder"}},
    {"invert none.h5 -q --data data", {"none.h5: No such file"}},
    {"invert run/run.h5 -q --data none", {"none: No such file"}},
    {"project run/run.h5 -q --data none", {"none: No such file"}},
    {"project run/run.h5 -q --data data --inverse other", {"no inverse named 'other', but r2rt"}},
    {"generate run/run.h5 -q --inverse other", {"no inverse named 'other', but r2rt"}},
    {"project run/run.h5 -q --images none.png", {"none.png: No such file"}},
    {"project run/run.h5 -q --images none.idx", {"none.idx: No such file"}},
    {"project run/run.h5 -q --images data", {"data: holds no PNG or JPEG file"}},
    {"project run/run.h5 -q --images r2rt.cfg", {"r2rt.cfg: not an IDX file"}},
    {"project run/run.h5 -q --images data/" TEST_LABELS,
     {TEST_LABELS, "a list of numbers, as labels are"}},
    {"project run/run.h5 -q --images run/run.h5", {"run/run.h5: not an IDX file"}},
};

START_TEST(no_such_file)
{
    must_fail(1, no_files[_i].says, no_files[_i].words);
}
END_TEST

/* What belongs elsewhere on a command line. */
START_TEST(an_experiment_is_no_run_file)
{
    static const char *const says[] = {"r2rt.cfg: is an experiment; make a run of it first", NULL};
    must_fail(2, says, "info r2rt.cfg");
    must_fail(2, says, "features r2rt.cfg -q");
}
END_TEST

START_TEST(an_unreadable_file)
{
    const program_how powerless = {.folder = place, .unprivileged = true};
    static const char *const says[] = {TEST_LABELS, "Permission denied", NULL};
    if (!program_runs_unprivileged("cli_bad", "unreadable files"))
        return;
    char *folder = copy_data(), *labels = strdup(support_at(folder, TEST_LABELS));
    ck_assert_int_eq(chmod(place, 0777), 0);
    program_must_work(program_run_words(&powerless, "run " GOOD " -q --data data -o readable"));
    ck_assert_int_eq(chmod(labels, 0), 0);
    program *p = program_run_words(&powerless, "run " GOOD " -q --data spoilt -o fresh");
    program_must_fail(p, 1, says);
    ck_assert_int_ne(access(support_at(place, "fresh"), F_OK), 0);
    program_free(p);
    ck_assert_int_eq(chmod(labels, 0644), 0);
    free(labels);
    support_remove(folder);
}
END_TEST

/* ---- settings that do not fit the data or the net ---- */

static const struct setting {
    const char *set;
    int code;
    const char *says[4];
} unfit[] = {
    {"training.batch=301", 2, {"training.batch: 301", "300 images"}},
    {"training.batch=1000000", 2, {"training.batch: 1000000", "300 images"}},
    {"network.layers.2.units=7", 2, {"7 units", "5 classes"}},
    {"network.layers.2.units=4", 2, {"4 units", "5 classes"}},
    {"data.validation=350", 1, {"350 images", "validation"}},
    {"data.validation=999999999", 1, {"999999999 images", "validation"}},
    {"network.layers.0.units=1000000 --set network.layers.1.units=1000000", 1, {"no memory"}},
    {"network.layers.0.units=1048576 --set network.layers.1.units=1048576", 1, {"no memory"}},
    {"network.layers.0.units=1048577", 2, {"network.layers.0.units", "1048577"}},
};

START_TEST(a_setting_that_does_not_fit)
{
    char words[1024];
    snprintf(words, sizeof words, GOOD " --set %s", unfit[_i].set);
    run_must_fail(unfit[_i].code, unfit[_i].says, words, "data");
}
END_TEST

/* On a run file that is there. */
static const struct setting unfit_stages[] = {
    {"invert run/run.h5 --data data --at nowhere", 2, {"nowhere", "hidden1.pre, hidden1"}},
    {"invert run/run.h5 --data data --at input", 2, {"input: cannot be inverted"}},
    {"invert run/run.h5 --data data --kind exact", 2, {"inverse.kind", "'exact'", "r2rt"}},
    {"invert run/run.h5 --data data --steps 0", 2, {"inverse.steps: 0"}},
    {"invert run/run.h5 --data data --set inverse.batch=301 --name b", 2, {"inverse.batch: 301"}},
    {"invert run/run.h5 --data data --name a/b", 2, {"inverse.name: 'a/b'"}},
    {"invert run/run.h5 --data data --name b --set inverse.confidence=0.9999999",
     1,
     {"inverse.confidence", "more probable than 0.9999999;", "the highest is 0.9"}},
    {"invert run/run.h5 --data data --name b --set seed=3", 2, {"seed=3: this command accepts"}},
    {"invert run/run.h5 --data data --name b --set checkpoint.step=3",
     2,
     {"checkpoint.step: unknown key", "'steps'?"}}, /* which it does take */
    {"generate run/run.h5 --set checkpoint.steps=3",
     2,
     {"this command accepts settings of generate;"}},
    {"generate run/run.h5 --set generates.steps=3",
     2,
     {"this command accepts settings of generate;"}},
    {"generate run/run.h5 --classes 5", 2, {"generate.classes: class 5", "0 to 4"}},
    {"generate run/run.h5 --classes 1,x", 2, {"--classes: '1,x'", "0,3,5-9"}},
    {"generate run/run.h5 --classes 3-1", 2, {"--classes: '3-1'"}},
    {"generate run/run.h5 --classes 0-300", 2, {"generate.classes: class 5"}},
    {"generate run/run.h5 --classes 0-99999", 2, {"--classes: '0-99999'"}},
    {"generate run/run.h5 --classes 99999999999999999999", 2, {"--classes: '9999"}},
    {"generate run/run.h5 --at hidden1", 2, {"generate.at", "hidden2.pre", "hidden1"}},
    {"generate run/run.h5 --at nowhere", 2, {"nowhere", "hidden1.pre, hidden1"}},
    {"features run/run.h5 --at output.pre", 2, {"features.at", "hidden2.pre"}},
    {"project run/run.h5 --data data --count 0", 2, {"project.images: 0"}},
    {"project run/run.h5 --data data --images", 2, {"--images", "no image"}},
    {"project run/run.h5 --data data --set project.sheet.zoom=0", 2, {"project.sheet.zoom: 0"}},
};

START_TEST(a_stage_that_does_not_fit)
{
    char words[1024];
    snprintf(words, sizeof words, "%s -q --threads 1", unfit_stages[_i].set);
    must_fail(unfit_stages[_i].code, unfit_stages[_i].says, words);
}
END_TEST

/* What a run finds out late costs nothing of what it has done; what it finds out before the training
 * leaves nothing. */
static const struct late {
    struct setting setting;
    bool trained;
} late[] = {
    {{"inverse.confidence=0.9999999", 1, {"inverse.confidence", "0.9999999;", "highest is 0.9"}},
     true},
    {{"inverse.at=nowhere", 2, {"nowhere"}}, false},
    {{"inverse.batch=301", 2, {"inverse.batch: 301", "300 images"}}, false},
    {{"generate.classes=[0,5]", 2, {"generate.classes: class 5", "0 to 4"}}, false},
    {{"features.at=output", 2, {"features.at"}}, true},
    {{"project.inverse=other", 1, {"'other'"}}, true},
};

START_TEST(a_stage_that_fails_leaves_the_training)
{
    const struct setting *setting = &late[_i].setting;
    char words[1024];
    snprintf(words, sizeof words, "run " GOOD " --set %s -q --data data -o late", setting->set);
    program *p = run_here(words);
    program_must_fail(p, setting->code, setting->says);
    program_free(p);
    char *folder = strdup(support_at(place, "late"));
    ck_assert_int_eq(access(folder, F_OK) == 0, late[_i].trained);
    if (late[_i].trained) {
        p = run_here("info late/run.h5");
        ck_assert_program(p, 0);
        ck_assert_ptr_nonnull(strstr(p->out, "test accuracy"));
        program_free(p);
        support_remove(folder);
    } else {
        free(folder);
    }
}
END_TEST

/* ---- run files ---- */

/* Runs a stage on the bytes as a run file, which must fail and leave them. */
static void damaged_run_must_fail(const unsigned char *bytes, size_t size, const char *why)
{
    const char *says[] = {"spoilt.h5", why, NULL};
    support_write(support_at(place, "spoilt.h5"), bytes, size);
    must_fail(1, says, "info spoilt.h5");
    must_fail(1, says, "features spoilt.h5 -q");
    ck_assert_int_eq(unlink(support_at(place, "spoilt.h5")), 0);
}

START_TEST(a_damaged_run_file)
{
    size_t size = 0;
    unsigned char *bytes = support_read(support_at(place, "run/run.h5"), &size);
    const size_t places[] = {40, 600, size / 3, size / 2, size - 1};
    damaged_run_must_fail(bytes, 0, "not an invproj run file");
    damaged_run_must_fail(bytes, 30, "not an invproj run file");
    damaged_run_must_fail(bytes, 512, "damaged: cut short");
    damaged_run_must_fail(bytes, size / 2, "damaged: cut short");
    damaged_run_must_fail(bytes, size - 1, "damaged: what follows its end is not a seal");
    damaged_run_must_fail(bytes + 96, size - 96, "damaged");
    for (size_t i = 0; i < LEN(places); i++) {
        bytes[places[i]] ^= 0x10;
        damaged_run_must_fail(bytes, size, "damaged");
        bytes[places[i]] ^= 0x10;
    }
    free(bytes);
}
END_TEST

START_TEST(other_data_than_the_run_was_made_from)
{
    static const char *const says[] = {"run/run.h5", "other data", NULL};
    char *folder = copy_data();
    damage_file(support_at(folder, TEST_IMAGES),
                &(struct damage){.offset = 100, .size = 1, .bytes = "\x7b"});
    must_fail(1, says, "invert run/run.h5 -q --data spoilt");
    must_fail(1, says, "project run/run.h5 -q --data spoilt");
    support_remove(folder);
}
END_TEST

/* ---- numbers ---- */

/* Each of them is more than the numbers can be trusted to bear. */
static const char *const wild[] = {
    "training.optimiser.rate=1e6",
    "training.optimiser.rate=1e12",
    "training.optimiser={type=\"gradient_descent\";rate=1.0;}",
    "training.optimiser={type=\"gradient_descent\";rate=1e6;}",
    "training.optimiser={type=\"gradient_descent\";rate=1e12;}",
    "training.optimiser.accumulator=1e-30",
    "training.optimiser.accumulator=1e30",
    "inverse.optimiser.rate=1e6",
    "inverse.optimiser.rate=1e12",
    "inverse.optimiser={type=\"gradient_descent\";rate=1.0;}",
    "inverse.optimiser={type=\"gradient_descent\";rate=1e6;}",
    "inverse.optimiser={type=\"gradient_descent\";rate=1e12;}",
    "inverse.range_penalty=1e12",
    "inverse.kernel.stddev=1e6",
    "inverse.squash=0.999999",
    "generate.optimiser.rate=1e12",
    "generate.start=1e6",
    "features.scale=1e30",
    "network.layers.0.kernel.stddev=1e6",
    "network.layers.1.kernel.stddev=1e6 --set inverse.confidence=0.0",
    "network.layers.2.kernel.stddev=1e6",
    "network.layers.1.bias.value=1e6",
    "data.scale=1e-6",
    "data.scale=1e6 --set inverse.confidence=0.0",
};

/* Either it stops, with exit 1 and the stage and step (or what to lower); or all that it leaves is
 * finite. Never is there a picture without a run file full of finite numbers. */
START_TEST(wild_numbers)
{
    char words[1024];
    size_t floats = 0;
    snprintf(words, sizeof words, "run " GOOD " --set %s -q --data data -o wild%d", wild[_i], _i);
    program *p = run_here(words);
    snprintf(words, sizeof words, "wild%d", _i);
    char *folder = strdup(support_at(place, words));
    if (p->code != 0) {
        ck_assert_fails(p, 1, ": ");
        ck_assert_msg(strstr(p->err, "step ") || strstr(p->err, "lower "), "%s", p->err);
    } else {
        ck_assert_ptr_null(strcasestr(p->out, "nan"));
        ck_assert_ptr_null(strcasestr(p->out, "inf "));
        ck_assert_uint_eq(support_entries(folder), 6);
    }
    if (access(support_at(folder, "run.h5"), F_OK) == 0) {
        ck_assert_uint_eq(hdf5_not_finite(support_at(folder, "run.h5"), &floats), 0);
        ck_assert_uint_gt(floats, 1000);
    } else {
        ck_assert_int_ne(access(folder, F_OK), 0); /* no pictures either */
    }
    program_free(p);
    if (access(folder, F_OK) == 0)
        support_remove(folder);
    else
        free(folder);
}
END_TEST

/* ---- a run file that says what cannot be ---- */

/* A file with the checksums of the good data, and a network of images of another size or of other
 * classes. */
static void put_network(const char *path, inv_shape shape, const char *layers)
{
    static const char *const names[] = {"height", "width", "channels"};
    const size_t sizes[] = {shape.height, shape.width, shape.channels};
    inv_config *config = NULL;
    inv_net *net = NULL;
    inv_run *run = NULL;
    ck_assert_status(inv_config_read_json("test", layers, &config), INV_OK);
    ck_assert_status(inv_net_build(config, "", shape, 0, &net), INV_OK);
    ck_assert_status(inv_run_open(support_at(place, "run/run.h5"), &run), INV_OK);
    ck_assert_status(inv_run_remove(run, "/network"), INV_OK);
    ck_assert_status(inv_run_put_net(run, "/network", net), INV_OK);
    for (size_t i = 0; i < 3; i++)
        ck_assert_status(inv_run_set_size(run, "/network", names[i], sizes[i]), INV_OK);
    ck_assert_status(inv_run_save(run, path), INV_OK);
    inv_run_free(run);
    inv_net_free(net);
    inv_config_free(config);
}

#define DENSE(units)                                                                               \
    "[{\"name\":\"hidden1\",\"type\":\"dense\",\"units\":11,\"activation\":\"sigmoid\"},"          \
    "{\"name\":\"hidden2\",\"type\":\"dense\",\"units\":9,\"activation\":\"sigmoid\"},"            \
    "{\"name\":\"output\",\"type\":\"dense\",\"units\":" units ",\"activation\":\"softmax\"}]"
#define FLAT "[{\"name\":\"flat\",\"type\":\"flatten\"}]"

static const struct impossible {
    inv_shape shape;
    const char *layers;
    const char *says[4];
} impossible[] = {
    {{HEIGHT, WIDTH + 4, 1},
     DENSE("5"),
     {"9 x 11 x 1 and has 5 outputs", "has images of 9 x 7 x 1 in 5"}},
    {{HEIGHT - 3, WIDTH, 1},
     DENSE("5"),
     {"6 x 7 x 1 and has 5 outputs", "has images of 9 x 7 x 1 in 5"}},
    {{WIDTH, HEIGHT, 1}, DENSE("5"), {"7 x 9 x 1 and has 5 outputs"}},
    {{HEIGHT, WIDTH, 1}, DENSE("3"), {"9 x 7 x 1 and has 3 outputs"}},
    {{HEIGHT, WIDTH, 1}, DENSE("8"), {"9 x 7 x 1 and has 8 outputs"}},
    {{16000, 16000, 1}, FLAT, {"/network: ends in 256000000 units", "1000 classes at most"}},
    {{HEIGHT, WIDTH * 20, 1}, FLAT, {"/network: ends in 1260 units", "1000 classes at most"}},
};

START_TEST(a_network_of_other_images)
{
    static const char *const commands[] = {
        "generate odd.h5 --at input --steps 2 --preset recommended --name n --data data -q",
        "features odd.h5 --layer hidden1 --name n --data data -q",
        "project odd.h5 --name n --data data -q",
        "exemplars odd.h5 --name n --data data -q",
        "invert odd.h5 --name n --data data -q",
    };
    const struct impossible *i = &impossible[_i];
    char *odd = strdup(support_at(place, "odd.h5"));
    put_network(odd, i->shape, i->layers);
    for (size_t c = 0; c < LEN(commands); c++)
        must_fail(1, i->says, commands[c]);
    ck_assert_int_eq(unlink(odd), 0);
    free(odd);
}
END_TEST

/* At least some of them do stop it, and say where. */
START_TEST(numbers_that_are_no_longer_finite)
{
    static const char *const inverse[] = {"inverse: step ", "inverse.optimiser.rate", NULL};
    static const char *const but[] = {"/environment", NULL};
    program *p =
        run_here("run " GOOD " --set "
                 "training.optimiser={type=\"gradient_descent\";rate=1e12;} --set "
                 "network.layers.0.activation=\"linear\" --set "
                 "network.layers.1.activation=\"linear\" --set inverse.at=hidden2 --set "
                 "generate.at=hidden2 --set features.at=hidden2 -q --data data -o diverged");
    ck_assert_fails(p, 1, "training: step ", "training.optimiser.rate");
    ck_assert_int_le(support_entries(support_at(place, "diverged")), 1); /* no picture */
    program_free(p);
    char *before = hdf5_text(support_at(place, "run/run.h5"), but);
    p = run_here("invert run/run.h5 -q --threads 1 --data data --name b --set "
                 "inverse.optimiser={type=\"gradient_descent\";rate=1e12;}");
    program_must_fail(p, 1, inverse);
    program_free(p);
    char *after = hdf5_text(support_at(place, "run/run.h5"), but);
    program_must_hold(after, before);
    free(before);
    free(after);
}
END_TEST

static TCase *tests_of_data(void)
{
    TCase *tests = tcase_create("data");
    tcase_set_timeout(tests, 60);
    tcase_add_unchecked_fixture(tests, open_place, close_place);
    tcase_add_loop_test(tests, damaged_data, 0, LEN(damages));
    tcase_add_test(tests, compressed_data_are_as_good);
    tcase_add_loop_test(tests, no_data_file, 0, LEN(stand_ins));
    tcase_add_test(tests, no_data_folder);
    tcase_add_test(tests, an_unreadable_file);
    tcase_add_loop_test(tests, no_such_file, 0, LEN(no_files));
    tcase_add_test(tests, an_experiment_is_no_run_file);
    return tests;
}

static TCase *tests_of_experiments(void)
{
    TCase *tests = tcase_create("experiments");
    tcase_set_timeout(tests, 60);
    tcase_add_unchecked_fixture(tests, open_place, close_place);
    tcase_add_loop_test(tests, edited_experiment, 0, LEN(edits));
    tcase_add_loop_test(tests, no_experiment_at_all, 0, LEN(whole_texts));
    tcase_add_test(tests, a_huge_experiment_file);
    tcase_add_test(tests, deep_nesting);
    tcase_add_loop_test(tests, a_setting_that_does_not_fit, 0, LEN(unfit));
    tcase_add_loop_test(tests, a_stage_that_does_not_fit, 0, LEN(unfit_stages));
    tcase_add_loop_test(tests, a_stage_that_fails_leaves_the_training, 0, LEN(late));
    return tests;
}

static TCase *tests_of_numbers(void)
{
    TCase *tests = tcase_create("numbers");
    tcase_set_timeout(tests, 60);
    tcase_add_unchecked_fixture(tests, open_place, close_place);
    tcase_add_test(tests, a_damaged_run_file);
    tcase_add_test(tests, other_data_than_the_run_was_made_from);
    tcase_add_loop_test(tests, a_network_of_other_images, 0, LEN(impossible));
    tcase_add_loop_test(tests, wild_numbers, 0, LEN(wild));
    tcase_add_test(tests, numbers_that_are_no_longer_finite);
    return tests;
}

Suite *cli_bad_suite(void)
{
    Suite *suite = suite_create("cli_bad");
    suite_add_tcase(suite, tests_of_data());
    suite_add_tcase(suite, tests_of_experiments());
    suite_add_tcase(suite, tests_of_numbers());
    return suite;
}
