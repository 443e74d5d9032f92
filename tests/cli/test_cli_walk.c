/* What stands in run files of every kind is what include/invproj/README.md says stands there.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <hdf5.h>

#include "cli_short.h"
#include "program.h"
#include "suites.h"
#include "support.h"

#define DOCUMENT "include/invproj/README.md"

enum { ENTRIES = 64, SEEN = 512 };

/* A line of the list that begins with a path, and all up to the next. */
typedef struct entry {
    char path[128];
    const char *text;
    size_t length;
} entry;

static char *document, *place, *grey, *colour;
static entry entries[ENTRIES];
static size_t entry_count, wrong;

/* Attributes that a file had, each at the entry that says so. */
static struct {
    const entry *at;
    char name[128];
} seen[SEEN];
static size_t seen_count;

/* ---- the document ---- */

static void read_entries(const char *list, const char *end)
{
    entry_count = 0;
    for (const char *line = list; line < end; line = strchr(line, '\n') + 1) {
        if (line[0] != '/') {
            if (entry_count > 0)
                entries[entry_count - 1].length =
                    (size_t)(strchr(line, '\n') - entries[entry_count - 1].text);
            continue;
        }
        ck_assert_uint_lt(entry_count, ENTRIES);
        entry *e = &entries[entry_count++];
        const size_t length = strcspn(line, " \n");
        snprintf(e->path, sizeof e->path, "%.*s", (int)length, line);
        e->text = line + length;
        e->length = strcspn(e->text, "\n");
    }
}

static void open_document(void)
{
    size_t size = 0;
    document = (char *)support_read(DOCUMENT, &size);
    const char *section = strstr(document, "## The run file, format 2");
    ck_assert_msg(section != NULL, DOCUMENT " has no section on the run file");
    const char *list = strstr(section, "```\n/ ");
    ck_assert_msg(list != NULL, DOCUMENT " has no list of paths");
    const char *end = strstr(list + 4, "\n```");
    ck_assert_msg(end != NULL, DOCUMENT " has a list of paths without an end");
    read_entries(list + 4, end + 1);
    ck_assert_uint_gt(entry_count, 12);
}

/* Whether `word` stands in the text, no letter, digit or '_' beside it; '@' is part of a name. */
static bool says(const char *text, size_t length, const char *word)
{
    const size_t size = strlen(word);
    for (size_t i = 0; i + size <= length; i++) {
        const unsigned char before = i ? (unsigned char)text[i - 1] : ' ';
        const unsigned char after = i + size < length ? (unsigned char)text[i + size] : ' ';
        if (memcmp(text + i, word, size) == 0 && !isalnum(before) && before != '_' &&
            before != '@' && !isalnum(after) && after != '_')
            return true;
    }
    return false;
}

/* How many steps of `path` the pattern has in so many letters; -1 where they do not match. */
static int match(const char *pattern, const char *path)
{
    int same = 0;
    while (*pattern && *path) {
        const size_t p = strcspn(pattern + 1, "/"), n = strcspn(path + 1, "/");
        bool any = p > 0;
        for (size_t i = 1; i <= p; i++)
            any = any && isupper((unsigned char)pattern[i]);
        if (p == n && memcmp(pattern, path, n + 1) == 0)
            same++;
        else if (!any || n == 0)
            return -1;
        pattern += 1 + p;
        path += 1 + n;
    }
    return *pattern || *path ? -1 : same;
}

/* The entry on the group `path`: that which matches it in the most steps. NULL: there is none. */
static const entry *find_entry(const char *path)
{
    const entry *found = NULL;
    int best = -1;
    for (size_t i = 0; i < entry_count; i++) {
        const int same = match(entries[i].path, path);
        if (same > best) {
            best = same;
            found = &entries[i];
        }
    }
    return found;
}

static bool is_documented(const char *path, const char *word)
{
    const entry *e = find_entry(path);
    return e && says(e->text, e->length, word);
}

static void note_seen(const char *path, const char *name)
{
    const entry *at = find_entry(path);
    for (size_t i = 0; i < seen_count; i++)
        if (seen[i].at == at && strcmp(seen[i].name, name) == 0)
            return;
    ck_assert_uint_lt(seen_count, SEEN);
    seen[seen_count].at = at;
    snprintf(seen[seen_count++].name, sizeof seen->name, "%s", name);
}

static bool was_seen(const entry *at, const char *name, size_t length)
{
    for (size_t i = 0; i < seen_count; i++)
        if (seen[i].at == at && strlen(seen[i].name) == length &&
            memcmp(seen[i].name, name, length) == 0)
            return true;
    return false;
}

/* Whether it names the group, or one below it. */
static bool is_on_the_way(const char *path)
{
    const size_t length = strlen(path);
    for (size_t i = 0; i < entry_count; i++)
        if (strncmp(entries[i].path, path, length) == 0 && entries[i].path[length] == '/')
            return true;
    return false;
}

/* ---- a file ---- */

static void complain(const char *path, const char *what)
{
    fprintf(stderr, "%s: not in " DOCUMENT ": %s\n", path, what);
    wrong++;
}

static herr_t see_attribute(hid_t object, const char *name, const H5A_info_t *info, void *data)
{
    const char *path = data;
    char word[128];
    (void)info;
    snprintf(word, sizeof word, "@%s", name);
    const bool array = H5Iget_type(object) == H5I_DATASET;
    if (array ? !says(document, strlen(document), word) : !is_documented(path, word))
        complain(path, word);
    if (!array)
        note_seen(path, word);
    return 0;
}

static herr_t see_object(hid_t file, const char *name, const H5O_info_t *info, void *data)
{
    size_t *arrays = data;
    hsize_t start = 0;
    char path[512], *last = NULL;
    snprintf(path, sizeof path, "/%s", strcmp(name, ".") == 0 ? "" : name);
    hid_t object = H5Oopen(file, name, H5P_DEFAULT);
    H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &start, see_attribute, path);
    H5Oclose(object);
    if (info->type == H5O_TYPE_GROUP && !find_entry(path) && !is_on_the_way(path))
        complain(path, "the group");
    if (info->type != H5O_TYPE_DATASET)
        return 0;
    last = strrchr(path, '/');
    *last = 0;
    if (!is_documented(path, last + 1))
        complain(path, last + 1);
    ++*arrays;
    return 0;
}

/* Walks the run file and expects at least so many arrays. */
static void walk(const char *name, size_t minimum)
{
    size_t arrays = 0;
    hid_t file = H5Fopen(support_at(place, name), H5F_ACC_RDONLY, H5P_DEFAULT);
    ck_assert_int_ge(file, 0);
    ck_assert_int_ge(H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, see_object, &arrays), 0);
    H5Fclose(file);
    ck_assert_uint_ge(arrays, minimum);
}

/* Every attribute that the list names must have been in some file. */
static void look_for_the_unseen(void)
{
    for (size_t i = 0; i < entry_count; i++) {
        const entry *e = &entries[i];
        for (const char *at = e->text; (at = memchr(at, '@', e->length - (size_t)(at - e->text)));
             at++) {
            size_t length = 1;
            while (isalnum((unsigned char)at[length]) || at[length] == '_')
                length++;
            if (!was_seen(e, at, length)) {
                fprintf(stderr, DOCUMENT ": %s: no run file has %.*s\n", e->path, (int)length, at);
                wrong++;
            }
        }
    }
}

/* ---- the data ---- */

/* Images of three channels, of a grey set three times as wide, and names of classes. */
static void make_colour(void)
{
    static const char *const files[] = {"train-images-idx3-ubyte", "t10k-images-idx3-ubyte"};
    support_write_dataset(colour, TRAIN, TEST, HEIGHT, 3 * WIDTH, CLASSES, 5);
    for (size_t i = 0; i < 2; i++) {
        size_t size = 0;
        unsigned char *bytes = support_read(support_at(colour, files[i]), &size);
        unsigned char *wide = calloc(1, size + 4);
        memcpy(wide, bytes, 12);
        memcpy(wide + 12, (unsigned char[]){0, 0, 0, WIDTH, 0, 0, 0, 3}, 8);
        memcpy(wide + 20, bytes + 16, size - 16);
        wide[3] = 4;
        support_write(support_at(colour, files[i]), wide, size + 4);
        free(bytes);
        free(wide);
    }
    support_write(support_at(colour, "classes.txt"), "a\nb\nc\nd\ne\n", 10);
}

static void open_place(void)
{
    place = support_folder();
    ck_assert_int_gt(asprintf(&grey, "%s/grey", place), 0);
    ck_assert_int_gt(asprintf(&colour, "%s/colour", place), 0);
    short_data(grey);
    ck_assert_int_eq(mkdir(colour, 0755), 0);
    make_colour();
    open_document();
    wrong = 0;
}

static void close_place(void)
{
    support_remove(place);
    free(grey);
    free(colour);
    free(document);
}

/* Runs a command on the run file `name` in `place`. */
#define MUST(words, name, data, more)                                                              \
    program_must_work(program_run(NULL, words " %s --data %s --threads 1 -q " more,                \
                                  support_at(place, name), data))

/* ---- each kind of run ---- */

/* The experiment, and every other result that a run can have. */
static void a_whole_run(void)
{
    short_run(grey, place);
    MUST("exemplars", "run.h5", grey, "");
    MUST("exemplars", "run.h5", grey, "--layer hidden2 --name units");
    MUST("filters", "run.h5", grey, "");
    MUST("features", "run.h5", grey, "--layer hidden1 --name driven --steps 5");
    MUST("generate", "run.h5", grey, "--preset recommended --steps 5 --name pixels --count 2");
    MUST("generate", "run.h5", grey, "--name match --targets 0-3 --steps 5");
    MUST("generate", "run.h5", grey,
         "--name units --set generate.objective=\"unit\" --set generate.of=\"hidden2\" "
         "--set generate.units=[1,2] --steps 5");
    MUST("invert", "run.h5", grey, "--kind optimise --at hidden2.pre --steps 5");
    char *run = strdup(support_at(place, "run.h5")), *judge = strdup(support_at(place, "judge.h5"));
    program_must_work(
        program_run(NULL, "train " SHORT " --data %s -o %s -q --seed 9", grey, judge));
    program_must_work(program_run(NULL,
                                  "generate %s --data %s --judge %s --name judged -q "
                                  "--steps 5",
                                  run, grey, judge));
    walk("run.h5", 60);
    /* training goes on, elsewhere: what was made before is stale */
    program_must_work(program_run(NULL,
                                  "train " SHORT " --data %s -o %s --resume -q --threads 2 "
                                  "--set training.steps=310",
                                  grey, run));
    walk("run.h5", 40);
    free(run);
    free(judge);
}

static const char layers[] =
    "title = \"walk\";\n"
    "network = { layers = (\n"
    "  { name = \"conv\"; type = \"conv2d\"; filters = 4; size = 3; activation = \"relu\"; },\n"
    "  { name = \"norm\"; type = \"batch_norm\"; },\n"
    "  { name = \"pool\"; type = \"max_pool\"; },\n"
    "  { name = \"local\"; type = \"local\"; filters = 2; size = 2; activation = \"elu\"; },\n"
    "  { name = \"flat\"; type = \"flatten\"; },\n"
    "  { name = \"drop\"; type = \"dropout\"; rate = 0.2; },\n"
    "  { name = \"hidden\"; type = \"dense\"; units = 9; activation = \"tanh\"; },\n"
    "  { name = \"behind\"; type = \"batch_norm\"; },\n"
    "  { name = \"gain\"; type = \"scale\"; },\n"
    "  { name = \"output\"; type = \"dense\"; activation = \"softmax\"; } ); };\n"
    "data = { validation = 40; };\n"
    "training = { epochs = 3; batch = 50; stop = { patience = 1; by = \"accuracy\"; };\n"
    "  optimiser = { type = \"adam\"; rate = 0.01; }; };\n";

/* Every layer, colours, names of classes, early stopping. */
static void a_convolutional_run(void)
{
    support_write(support_at(place, "conv.cfg"), layers, strlen(layers));
    char *experiment = strdup(support_at(place, "conv.cfg"));
    program_must_work(program_run(NULL, "train %s --data %s -o %s -q --threads 1", experiment,
                                  colour, support_at(place, "conv.h5")));
    MUST("generate", "conv.h5", colour, "--steps 3");
    MUST("features", "conv.h5", colour, "--layer conv --steps 3");
    MUST("features", "conv.h5", colour, "--layer hidden --name hidden --steps 3");
    MUST("exemplars", "conv.h5", colour, "");
    walk("conv.h5", 40);
    free(experiment);
}

static const char *const optimisers[] = {"{type=\"adagrad\";}",
                                         "{type=\"adam\";}",
                                         "{type=\"adamw\";}",
                                         "{type=\"gradient_descent\";}",
                                         "{type=\"rmsprop\";momentum=0.9;}",
                                         "{type=\"sgd\";momentum=0.9;}"};

static const char dense[] =
    "network = { layers = (\n"
    "  { name = \"hidden\"; type = \"dense\"; units = 9; activation = \"elu\"; },\n"
    "  { name = \"norm\"; type = \"batch_norm\"; },\n"
    "  { name = \"gain\"; type = \"scale\"; },\n"
    "  { name = \"output\"; type = \"dense\"; activation = \"softmax\"; } ); };\n"
    "training = { steps = 3; batch = 50; };\n"
    "inverse = { at = \"output.pre\"; steps = 3; batch = 50; };\n"
    "generator = { latent = 2; steps = 3; batch = 50; count = 1; };\n";

/* Every optimiser, of training, of an inverse and of a generator, and inverses of every layer. */
static void a_run_by(const char *name, const char *optimiser)
{
    char *experiment = strdup(support_at(place, "dense.cfg")), file[64];
    support_write(experiment, dense, strlen(dense));
    snprintf(file, sizeof file, "%s/run.h5", name);
    program_must_work(program_run(NULL,
                                  "run %s --data %s -o %s -q --threads 1 --set "
                                  "training.optimiser=%s --set inverse.optimiser=%s --set "
                                  "generator.optimiser=%s",
                                  experiment, grey, support_at(place, name), optimiser, optimiser,
                                  optimiser));
    walk(file, 30);
    free(experiment);
}

static const char dead[] =
    "network = { layers = (\n"
    "  { name = \"hidden\"; type = \"dense\"; units = 4; activation = \"relu\";\n"
    "    bias = { type = \"constant\"; value = -20000.0; }; },\n"
    "  { name = \"output\"; type = \"dense\"; activation = \"softmax\"; } ); };\n"
    "training = { steps = 2; batch = 50; };\n";

/* A net of which nothing wakes a unit. */
static void a_dead_run(void)
{
    support_write(support_at(place, "dead.cfg"), dead, strlen(dead));
    char *experiment = strdup(support_at(place, "dead.cfg"));
    program_must_work(program_run(NULL, "train %s --data %s -o %s -q --threads 1", experiment, grey,
                                  support_at(place, "dead.h5")));
    MUST("generate", "dead.h5", grey, "--steps 3");
    MUST("features", "dead.h5", grey, "--layer hidden --steps 3");
    walk("dead.h5", 25);
    free(experiment);
}

/* Started as a part of a sweep, and again as that. */
static void a_run_of_a_sweep(void)
{
    const program_how how = {.environment = "INVPROJ_SWEEP=1 part 0/2 from --part"};
    char *experiment = strdup(support_at(place, "dense.cfg")), *file = NULL;
    support_write(experiment, dense, strlen(dense));
    file = strdup(support_at(place, "part.h5"));
    program_must_work(
        program_run(&how, "train %s --data %s -o %s -q --threads 1", experiment, grey, file));
    program_must_work(program_run(&how,
                                  "train %s --data %s -o %s -q --threads 2 --resume --set "
                                  "training.steps=5",
                                  experiment, grey, file));
    walk("part.h5", 25);
    free(experiment);
    free(file);
}

/* Drawn with the generator of another run. */
static void a_drawn_run(void)
{
    char *other = strdup(support_at(place, "by1/run.h5"));
    program_must_work(program_run(NULL, "generate %s --with %s --data %s --name drawn -q",
                                  support_at(place, "by0/run.h5"), other, grey));
    walk("by0/run.h5", 30);
    free(other);
}

/* A generator that learned without data, by two optimisers; what another's student knows. */
static void a_run_with_students(void)
{
    MUST("invent", "part.h5", grey, "--kind adversarial --steps 3 --set generator.batch=20");
    MUST("invent", "by1/run.h5", grey,
         "--force --kind adversarial --steps 3 --set generator.batch=20 --set "
         "generator.optimiser={type=\"rmsprop\";momentum=0.5;}");
    MUST("measure", "part.h5", grey, "--student generator");
    walk("part.h5", 40);
    walk("by1/run.h5", 40);
}

START_TEST(every_kind_of_run)
{
    a_whole_run();
    a_dead_run();
    a_convolutional_run();
    for (size_t i = 0; i < sizeof optimisers / sizeof *optimisers; i++) {
        char name[32];
        snprintf(name, sizeof name, "by%zu", i);
        a_run_by(name, optimisers[i]);
    }
    a_run_of_a_sweep();
    a_drawn_run();
    a_run_with_students();
    look_for_the_unseen();
    ck_assert_msg(wrong == 0, "%zu things of " DOCUMENT " are wrong or missing", wrong);
}
END_TEST

Suite *cli_walk_suite(void)
{
    Suite *suite = suite_create("cli_walk");
    TCase *tests = tcase_create("what run files hold");
    tcase_add_checked_fixture(tests, open_place, close_place);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, every_kind_of_run);
    suite_add_tcase(suite, tests);
    return suite;
}
