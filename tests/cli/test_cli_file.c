/* What the program says of run files that others have had in hand, and what it does with them.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <hdf5.h>
#include <jansson.h>

#include "cli_short.h"
#include "hdf5_text.h"
#include "program.h"
#include "suites.h"
#include "support.h"

#define UNSEALED                                                                                   \
    "unsealed: another program has opened it for writing; it is sealed again when it is next "     \
    "saved"

/* Made once for all tests: `place`/data and `place`/run. Each test has a copy of the run. */
static char *place, *data, *made, *copy;

static void open_place(void)
{
    place = support_folder();
    ck_assert_int_gt(asprintf(&data, "%s/data", place), 0);
    ck_assert_int_gt(asprintf(&made, "%s/run", place), 0);
    ck_assert_int_gt(asprintf(&copy, "%s/copy.h5", place), 0);
    short_data(data);
    short_run(data, made);
}

static void close_place(void)
{
    support_remove(place);
    free(data);
    free(made);
    free(copy);
}

static void take_copy(void)
{
    short_copy(support_at(made, "run.h5"), copy);
}

static void open_and_close(void)
{
    hid_t file = H5Fopen(copy, H5F_ACC_RDWR, H5P_DEFAULT);
    ck_assert_int_ge(file, 0);
    ck_assert_int_ge(H5Fclose(file), 0);
}

/* A kernel of as many values, of the net or of its inverse. */
static void change(const char *kernel)
{
    float values[HIDDEN2 * HIDDEN1] = {0.25f};
    hid_t file = H5Fopen(copy, H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t array = H5Dopen2(file, kernel, H5P_DEFAULT);
    ck_assert_int_ge(H5Dwrite(array, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
    H5Dclose(array);
    H5Fclose(file);
}

static void info_must_begin(const char *want)
{
    program *p = program_run(NULL, "info %s", copy);
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->err, "");
    ck_assert_msg(strncmp(p->out, want, strlen(want)) == 0, "info begins\n%.600s", p->out);
    program_free(p);
}

static const char *section_of(json_t *info, const char *path)
{
    return json_string_value(json_object_get(json_object_get(info, "sections"), path));
}

START_TEST(info_tells_of_the_seal)
{
    take_copy();
    info_must_begin("file        sealed: its bytes are as invproj wrote them\nexperiment ");
    open_and_close();
    info_must_begin("file        " UNSEALED "\n"
                    "            network: as invproj wrote it\n"
                    "            gaussian/hidden2.pre: as invproj wrote it\n"
                    "            inverse/r2rt: as invproj wrote it\n"
                    "            projections/r2rt: as invproj wrote it\n"
                    "            generated/r2rt: as invproj wrote it\n"
                    "            features/r2rt: as invproj wrote it\n"
                    "experiment ");
    change("/inverse/r2rt/hidden2/kernel");
    info_must_begin("file        " UNSEALED "\n"
                    "            network: as invproj wrote it\n"
                    "            gaussian/hidden2.pre: as invproj wrote it\n"
                    "            inverse/r2rt: changed since by another program\n"
                    "            projections/r2rt: as invproj wrote it\n");
    program *p = program_run(NULL, "info --json %s", copy);
    json_t *info = json_loads(p->out, 0, NULL);
    ck_assert(json_is_false(json_object_get(info, "sealed")));
    ck_assert_str_eq(section_of(info, "/inverse/r2rt"), "changed");
    ck_assert_str_eq(section_of(info, "/network"), "as written");
    json_decref(info);
    program_free(p);
}
END_TEST

/* A look with another program costs nothing: the run goes on, to the same bits, and is sealed. */
START_TEST(an_unsealed_file_goes_on)
{
    static const char *const but[] = {"@created", "/seconds", "/environment", "@experiment", NULL};
    take_copy();
    open_and_close();
    program *p = program_run(NULL, "features %s --name again", copy);
    ck_assert_program(p, 0);
    ck_assert_msg(strstr(p->err, UNSEALED "\n") != NULL, "%s", p->err);
    program_free(p);
    p = program_run(NULL, "features %s --name again -q", copy);
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->err, "");
    program_free(p);
    info_must_begin("file        sealed: its bytes are as invproj wrote them\nexperiment ");
    program_must_work(program_run(NULL, "features %s --name again -q", support_at(made, "run.h5")));
    char *looked_at = hdf5_text(copy, but), *never = hdf5_text(support_at(made, "run.h5"), but);
    program_must_equal(looked_at, never);
    free(looked_at);
    free(never);
}
END_TEST

/* -q hides progress, but not that something will be lost; what only reads loses nothing. */
START_TEST(what_will_be_lost_is_said_quiet_or_not)
{
    const float pair[2] = {0.5f, -2.0f};
    take_copy();
    hid_t file = H5Fopen(copy, H5F_ACC_RDWR, H5P_DEFAULT), space = H5Screate(H5S_SCALAR);
    hid_t type = H5Tcreate(H5T_COMPOUND, sizeof pair);
    H5Tinsert(type, "low", 0, H5T_NATIVE_FLOAT);
    H5Tinsert(type, "high", sizeof *pair, H5T_NATIVE_FLOAT);
    hid_t mark = H5Acreate2(file, "mark", type, space, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(H5Awrite(mark, type, pair), 0);
    H5Aclose(mark);
    H5Tclose(type);
    H5Sclose(space);
    H5Fclose(file);
    program *p = program_run(NULL, "info %s", copy);
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->err, "");
    program_free(p);
    p = program_run(NULL, "features %s -q --name new", copy);
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->err + strlen(copy),
                     ": data that another program added will be lost when it "
                     "is saved: / @mark (compound values)\n");
    program_free(p);
}
END_TEST

/* What was changed stays told after the file is sealed again. */
START_TEST(a_changed_section_stays_told)
{
    take_copy();
    change("/inverse/r2rt/hidden2/kernel");
    program_must_work(program_run(NULL, "features %s --name again -q", copy));
    info_must_begin("file        sealed: its bytes are as invproj wrote them\n"
                    "            inverse/r2rt: changed since by another program\n"
                    "experiment ");
}
END_TEST

/* Another program's net is another net: what was made from the one before is out of date, and the figures of
 * it are gone, before and after the file is sealed again. */
START_TEST(a_changed_net_makes_results_stale)
{
    take_copy();
    change("/network/hidden2/kernel");
    for (int sealed = 0; sealed < 2; sealed++) {
        program *p = program_run(NULL, "info --json %s", copy);
        json_t *info = json_loads(p->out, 0, NULL), *network = json_object_get(info, "network");
        ck_assert_int_eq(json_is_true(json_object_get(info, "sealed")), sealed);
        ck_assert_str_eq(section_of(info, "/network"), "changed");
        ck_assert_ptr_nonnull(json_object_get(network, "layers"));
        ck_assert_ptr_null(json_object_get(network, "accuracy"));
        ck_assert_str_eq(json_string_value(json_object_get(
                             json_object_get(json_object_get(info, "inverse"), "r2rt"), "stale")),
                         "made from another network");
        json_decref(info);
        program_free(p);
        p = program_run(NULL, "project %s --name new -q", copy);
        ck_assert_program(p, 1);
        ck_assert_ptr_nonnull(
            strstr(p->err, "'r2rt' belongs to a network that is no longer there"));
        program_free(p);
        p = program_run(NULL, "report %s --markdown", copy);
        ck_assert_ptr_nonnull(
            strstr(p->out, "Another program has changed the net since it was trained."));
        ck_assert_msg(!strstr(p->out, "| generated r2rt: "), "as if it were current: %s", p->out);
        program_free(p);
        p = program_run(NULL, "filters %s --name %s -q", copy, sealed ? "later" : "first");
        ck_assert_program(p, 0);
        ck_assert_int_eq(strstr(p->err, ": another program has changed network; ") != NULL,
                         !sealed);
        program_free(p);
    }
}
END_TEST

/* Another program took the inverse away: what it made is out of date at the first look. */
START_TEST(a_result_of_what_is_gone_is_stale)
{
    take_copy();
    hid_t file = H5Fopen(copy, H5F_ACC_RDWR, H5P_DEFAULT);
    ck_assert_int_ge(H5Ldelete(file, "/inverse/r2rt", H5P_DEFAULT), 0);
    ck_assert_int_ge(H5Fclose(file), 0);
    program *p = program_run(NULL, "info --json %s", copy);
    json_t *info = json_loads(p->out, 0, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(
                         json_object_get(json_object_get(info, "projections"), "r2rt"), "stale")),
                     "made by another inverse");
    json_decref(info);
    program_free(p);
}
END_TEST

/* One line, whatever the command. */
static void must_be_refused(const char *why)
{
    static const char *const commands[] = {"info %s", "features %s", "predict %s none.png"};
    char want[512];
    snprintf(want, sizeof want, "invproj: %s: %s\n", copy, why);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        program *p = program_run(NULL, commands[i], copy);
        ck_assert_program(p, 1);
        ck_assert_str_eq(p->err, want);
        program_free(p);
    }
}

START_TEST(what_is_wrong_is_said_in_one_line)
{
    size_t size = 0;
    unsigned char *bytes = support_read(support_at(made, "run.h5"), &size);
    bytes[size / 2] ^= 1;
    support_write(copy, bytes, size);
    must_be_refused("damaged: its checksum does not match; go back to a copy");
    bytes[size / 2] ^= 1;
    support_write(copy, bytes, size / 2);
    must_be_refused("damaged: cut short; go back to a copy");
    support_write(copy, bytes, size - 3);
    must_be_refused("damaged: what follows its end is not a seal; go back to a copy");
    bytes[size - SUPPORT_SEAL + 13] = '3';
    support_write(copy, bytes, size);
    must_be_refused("made by a newer invproj (format 3; this one reads up to 2)");
    free(bytes);
}
END_TEST

Suite *cli_file_suite(void)
{
    Suite *suite = suite_create("cli_file");
    TCase *tests = tcase_create("run files in other hands");
    tcase_add_unchecked_fixture(tests, open_place, close_place);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, info_tells_of_the_seal);
    tcase_add_test(tests, an_unsealed_file_goes_on);
    tcase_add_test(tests, a_changed_section_stays_told);
    tcase_add_test(tests, a_changed_net_makes_results_stale);
    tcase_add_test(tests, a_result_of_what_is_gone_is_stale);
    tcase_add_test(tests, what_will_be_lost_is_said_quiet_or_not);
    tcase_add_test(tests, what_is_wrong_is_said_in_one_line);
    suite_add_tcase(suite, tests);
    return suite;
}
