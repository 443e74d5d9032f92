/* invproj export.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_short.h"
#include "suites.h"

#define LEN(array) (sizeof(array) / sizeof *(array))

static char *place; /* the folder of this suite, with run.h5 */

static void open_place(void)
{
    place = support_folder();
    short_copy("experiments/r2rt.cfg", support_at(place, "r2rt.cfg"));
    short_data(support_at(place, "data"));
    program_must_work(
        program_run_in(place, "train r2rt.cfg " SHORT_SETS " -q --data data -o run.h5"));
    program_must_work(program_run_in(place, "invert run.h5 -q --data data"));
    support_write(support_at(place, "notes.txt"), "mine\n", 5);
}

static void close_place(void)
{
    support_remove(place);
}

static bool is_same(const char *a, const char *b)
{
    size_t sizes[2] = {0};
    unsigned char *bytes[2] = {support_read(support_at(place, a), &sizes[0]),
                               support_read(support_at(place, b), &sizes[1])};
    const bool same = sizes[0] == sizes[1] && memcmp(bytes[0], bytes[1], sizes[0]) == 0;
    free(bytes[0]);
    free(bytes[1]);
    return same;
}

static const char *const endings[] = {"onnx", "keras", "h5", "safetensors", "npz"};

START_TEST(export_import_export_is_the_same_file)
{
    const char *e = endings[_i];
    char words[5][128];
    snprintf(words[0], sizeof words[0], "export run.h5 -o a.%s -q", e);
    snprintf(words[1], sizeof words[1], "import a.%s -o back-%s.h5 -q", e, e);
    snprintf(words[2], sizeof words[2], "export back-%s.h5 -o b.%s -q", e, e);
    snprintf(words[3], sizeof words[3], "export a.%s -o c.%s -q", e, e);
    for (size_t i = 0; i < 4; i++)
        program_must_work(program_run_in(place, words[i]));
    snprintf(words[3], sizeof words[3], "a.%s", e);
    snprintf(words[4], sizeof words[4], "b.%s", e);
    ck_assert(is_same(words[3], words[4]));
    snprintf(words[4], sizeof words[4], "c.%s", e);
    ck_assert(is_same(words[3], words[4]));
}
END_TEST

START_TEST(an_inverse_is_exported_by_name)
{
    program_must_work(program_run_in(place, "export run.h5 --inverse r2rt -o inverse.onnx -q"));
    program_must_work(program_run_in(place, "import inverse.onnx -o inverse.h5 -q"));
    program_must_work(program_run_in(place, "export inverse.h5 -o inverse2.onnx -q"));
    ck_assert(is_same("inverse.onnx", "inverse2.onnx"));
    program *p = program_run_in(place, "export run.h5 --inverse none -o x.onnx");
    ck_assert_fails(p, 1, "run.h5: holds no inverse named 'none', but r2rt");
    program_free(p);
    p = program_run_in(place, "export inverse.onnx --inverse r2rt -o x.onnx");
    ck_assert_fails(p, 2, "inverse.onnx: is a model of another program, and no run file of it",
                    "invproj invert inverse.onnx");
    program_free(p);
    p = program_run_in(place, "export inverse.h5 --inverse mine -o x.onnx");
    ck_assert_fails(p, 1, "inverse.h5: holds no inverse named 'mine', nor any other",
                    "invproj invert inverse.h5 --name mine");
    program_free(p);
}
END_TEST

START_TEST(the_module_is_printed)
{
    program *p = program_run_in(place, "export run.h5 -o printed.safetensors");
    ck_assert_program(p, 0);
    ck_assert_ptr_nonnull(strstr(p->out, "class Net(nn.Module):"));
    ck_assert_ptr_nonnull(strstr(p->err, "printed.safetensors"));
    program_free(p);
    p = program_run_in(place, "export run.h5 -o silent.onnx -q");
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->out, "");
    ck_assert_str_eq(p->err, "");
    program_free(p);
}
END_TEST

static const struct refusal {
    const char *words;
    int code;
    const char *says[4];
} refusals[] = {
    {"export run.h5", 2, {"export: needs -o FILE"}},
    {"export run.h5 -o net.pt", 2, {"net.pt: its ending names no format", "onnx (.onnx)"}},
    {"export run.h5 -o net.x --format torch", 2, {"--format: 'torch' is none", "safetensors"}},
    {"export none.h5 -o net.onnx", 1, {"none.h5", "No such file or directory"}},
    {"export run.h5 -o there.onnx", 2, {"there.onnx: is there already; --force overwrites it"}},
    {"export there.onnx -o ./there.onnx --force", 2, {"./there.onnx: is the model itself"}},
    {"export run.h5 -o run.h5 --force", 2, {"run.h5: is there already and is a run file"}},
    {"export run.h5 -o notes.txt --format onnx --force",
     2,
     {"notes.txt: is there already and is no model file"}},
    {"export run.h5 --inverse r2rt -o i.h5", 1, {"layer 'hidden1.squash' (squash)", ".keras"}},
    {"export run.h5 -o none/net.onnx", 1, {"none/net.onnx", "there is no folder none"}},
    {"export run.h5 -o data --format onnx", 1, {"data"}},
};

START_TEST(what_cannot_be_is_refused)
{
    const struct refusal *r = &refusals[_i];
    const program_how how = {.folder = place};
    if (access(support_at(place, "there.onnx"), F_OK) != 0)
        program_must_work(program_run_in(place, "export run.h5 -o there.onnx -q"));
    program_must_refuse(&how, r->words, r->code, r->says);
}
END_TEST

START_TEST(force_overwrites_a_model_file)
{
    program_must_work(program_run_in(place, "export run.h5 -o forced.keras -q"));
    program_must_work(program_run_in(place, "export run.h5 -o forced.onnx -q"));
    program_must_work(
        program_run_in(place, "export run.h5 -o forced.keras --format onnx --force -q"));
    ck_assert(is_same("forced.keras", "forced.onnx"));
}
END_TEST

START_TEST(a_file_that_may_not_grow_is_not_written)
{
    const program_how how = {.folder = place, .file_bytes = 1100}; /* LLVM's OpenMP takes 1024 */
    static const char *const says[] = {"full.onnx: File too large", "ulimit -f", NULL};
    program_must_refuse(&how, "export run.h5 -o full.onnx", 1, says);
}
END_TEST

Suite *cli_export_suite(void)
{
    Suite *suite = suite_create("cli_export");
    TCase *tests = tcase_create("cli_export");
    tcase_set_timeout(tests, 60);
    tcase_add_unchecked_fixture(tests, open_place, close_place);
    tcase_add_loop_test(tests, export_import_export_is_the_same_file, 0, LEN(endings));
    tcase_add_test(tests, an_inverse_is_exported_by_name);
    tcase_add_test(tests, the_module_is_printed);
    tcase_add_loop_test(tests, what_cannot_be_is_refused, 0, LEN(refusals));
    tcase_add_test(tests, force_overwrites_a_model_file);
    tcase_add_test(tests, a_file_that_may_not_grow_is_not_written);
    suite_add_tcase(suite, tests);
    return suite;
}
