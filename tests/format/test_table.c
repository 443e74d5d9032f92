/* Figures of several results side by side.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <string.h>

#include "invproj/table.h"
#include "suites.h"

static inv_table *table;

static void prepare(void)
{
    ck_assert_status(inv_table_alloc("inverse", &table), INV_OK);
}

static void tidy(void)
{
    inv_table_free(table);
}

static size_t row_of(const char *attribute)
{
    size_t row = 0;
    while (row < table->row_count && strcmp(table->rows[row]->attribute, attribute) != 0)
        row++;
    ck_assert_uint_lt(row, table->row_count);
    return row;
}

static void add(const char *name, const char *attribute, double mean, double error)
{
    inv_table_column *column = NULL;
    ck_assert_status(inv_table_add(table, name, &column), INV_OK);
    column->cells[row_of(attribute)].mean = mean;
    column->cells[row_of(attribute)].error = error;
}

/* The number of the column that is marked; -1: none is. */
static int marked(const char *attribute)
{
    int found = -1;
    inv_table_mark(table);
    for (size_t c = 0; c < table->column_count; c++)
        if (table->columns[c].cells[row_of(attribute)].best) {
            ck_assert_int_eq(found, -1);
            found = (int)c;
        }
    return found;
}

START_TEST(has_the_figures_of_its_group)
{
    inv_table *none = NULL;
    size_t count = 0;
    for (const inv_figure *f = inv_figures; f->attribute; f++)
        count += strcmp(f->group, "inverse") == 0;
    ck_assert_uint_eq(table->row_count, count);
    ck_assert_uint_gt(count, 11);
    ck_assert_status(inv_table_alloc("inverses", &none), INV_EINVAL);
    ck_assert_message_has("inverses: no figure");
    ck_assert_ptr_null(none);
}
END_TEST

/* Means and errors of columns a, b, c, and which is to be marked. */
static const struct marking {
    const char *attribute;
    double mean[3], error[3];
    int best;
} markings[] = {
    {"l1_per_pixel", {0.0739, 0.0427, 0.1025}, {0.0003, 0.0002, 0.0004}, 1},
    {"ssim", {0.61, 0.79, 0.43}, {0.01, 0.02, 0.03}, 1},
    /* the difference, 0.0009, is within 0.0006 + 0.0004 */
    {"l1_per_pixel", {0.0436, 0.0427, 0.1025}, {0.0006, 0.0004, 0.0004}, -1},
    {"l1_per_pixel", {0.0438, 0.0427, 0.1025}, {0.0006, 0.0004, 0.0004}, 1},
    {"ssim", {0.79, 0.79, 0.43}, {0.0, 0.0, 0.0}, -1},
    {"ssim", {NAN, 0.79, 0.43}, {NAN, 0.01, 0.01}, 1},
    {"ssim", {NAN, 0.79, NAN}, {NAN, 0.01, NAN}, -1},
    {"ssim", {0.61, 0.79, 0.43}, {0.01, NAN, 0.03}, -1},
    {"high_frequencies", {0.1, 3.0, 0.2}, {0.01, 0.01, 0.01}, -1},
};

START_TEST(marks_what_is_better_by_more_than_the_errors)
{
    const struct marking *m = &markings[_i];
    for (size_t c = 0; c < 3; c++)
        add((const char *[]){"a", "b", "c"}[c], m->attribute, m->mean[c], m->error[c]);
    ck_assert_int_eq(marked(m->attribute), m->best);
    ck_assert_int_eq(marked("psnr"), -1);
}
END_TEST

START_TEST(a_cell_is_told_in_its_figures_format)
{
    char text[INV_TABLE_TEXT];
    add("a", "psnr", 16.754, 0.0178);
    add("b", "psnr", 12.5, NAN);
    add("c", "ssim", 0.5, NAN);
    inv_table_text(table, row_of("psnr"), 0, text);
    ck_assert_str_eq(text, "16.75 (0.02)");
    inv_table_text(table, row_of("psnr"), 1, text);
    ck_assert_str_eq(text, "12.50");
    inv_table_text(table, row_of("psnr"), 2, text);
    ck_assert_str_eq(text, "");
    ck_assert(inv_table_has_row(table, row_of("ssim")));
    ck_assert(!inv_table_has_row(table, row_of("diversity")));
}
END_TEST

/* More than there is room for at first. */
START_TEST(takes_many_columns)
{
    for (size_t c = 0; c < 100; c++)
        add("many", "ssim", (double)c / 128.0, 0.001);
    ck_assert_uint_eq(table->column_count, 100);
    for (size_t c = 0; c < 100; c++) {
        ck_assert_double_eq(table->columns[c].cells[row_of("ssim")].mean, (double)c / 128.0);
        ck_assert_double_nan(table->columns[c].cells[row_of("psnr")].mean);
    }
    ck_assert_int_eq(marked("ssim"), 99);
}
END_TEST

START_TEST(reads_what_a_run_holds)
{
    const float seconds[] = {1.5f, 2.75f, 4.25f};
    inv_run *run = NULL;
    ck_assert_status(inv_run_create(&run), INV_OK);
    ck_assert_status(inv_run_set_text(run, "/inverse/one", "kind", "learned"), INV_OK);
    ck_assert_status(inv_run_set_text(run, "/inverse/one", "at", "hidden2.pre"), INV_OK);
    ck_assert_status(inv_run_set_real(run, "/inverse/one", "ssim", 0.625), INV_OK);
    ck_assert_status(inv_run_set_real(run, "/inverse/one", "ssim_error", 0.125), INV_OK);
    ck_assert_status(inv_run_set_real(run, "/inverse/one", "psnr", (double)INFINITY), INV_OK);
    ck_assert_status(inv_run_set_text(run, "/inverse/one", "diversity", "much"), INV_OK);
    ck_assert_status(inv_run_append(run, "/inverse/one/history/seconds", INV_FLOAT32, 3, seconds),
                     INV_OK);
    ck_assert_status(inv_run_set_text(run, "/inverse/two", "kind", "ridge"), INV_OK);
    ck_assert_status(inv_table_read(table, run, "/inverse/one"), INV_OK);
    ck_assert_status(inv_table_read(table, run, "/inverse/two"), INV_OK);
    const inv_table_column *one = &table->columns[0], *two = &table->columns[1];
    ck_assert_str_eq(one->name, "one");
    ck_assert_str_eq(one->kind, "r2rt"); /* as it is called now */
    ck_assert_str_eq(one->at, "hidden2.pre");
    ck_assert_double_eq(one->seconds, 4.25);
    ck_assert_double_eq(one->cells[row_of("ssim")].mean, 0.625);
    ck_assert_double_eq(one->cells[row_of("ssim")].error, 0.125);
    ck_assert_double_nan(one->cells[row_of("psnr")].mean);
    ck_assert_double_nan(one->cells[row_of("diversity")].mean);
    ck_assert_str_eq(two->kind, "ridge");
    ck_assert_str_eq(two->at, "");
    ck_assert_double_nan(two->seconds);
    inv_run_free(run);
}
END_TEST

Suite *table_suite(void)
{
    Suite *suite = suite_create("table");
    TCase *tests = tcase_create("table");
    tcase_add_checked_fixture(tests, prepare, tidy);
    tcase_add_test(tests, has_the_figures_of_its_group);
    tcase_add_loop_test(tests, marks_what_is_better_by_more_than_the_errors, 0,
                        (int)(sizeof markings / sizeof *markings));
    tcase_add_test(tests, a_cell_is_told_in_its_figures_format);
    tcase_add_test(tests, takes_many_columns);
    tcase_add_test(tests, reads_what_a_run_holds);
    suite_add_tcase(suite, tests);
    return suite;
}
