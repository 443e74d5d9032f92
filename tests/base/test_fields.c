/* Tables with parts: keys of a struct inside that stand among those of the table, by its type or not.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "invproj/config.h"
#include "invproj/help.h"
#include "suites.h"
#include "support.h"

/* ---- a boat: by sail or by oar, and with a hull of its own ---- */

typedef struct hull {
    double length;
} hull;

typedef struct boat {
    char kind[INV_NAME_MAX];
    char name[INV_NAME_MAX];
    size_t masts, oars;
    double speed;
    hull hull;
} boat;

static const inv_choice kinds[] = {{"sail", "by the wind"}, {"oar", "by hand"}, {0}};
static const boat sail = {"sail", "nameless", 2, 0, 7.25, {11.5}};
static const boat oar = {"oar", "nameless", 0, 6, 3.5, {4.75}};

static const inv_field *hull_fields(const char *type)
{
    static const inv_field fields[] = {
        {"length", INV_FIELD_REAL, offsetof(hull, length), 1.5, 40.0, .help = "in metres"}, {0}};
    (void)type;
    return fields;
}

static const inv_field *kind_fields(const char *kind)
{
    static const inv_field by_sail[] = {
        {"masts", INV_FIELD_SIZE, offsetof(boat, masts), 1, 5, .help = "how many"},
        {"speed", INV_FIELD_REAL, offsetof(boat, speed), 0.5, 30.0, .help = "in knots"},
        {0}};
    static const inv_field by_oar[] = {
        {"oars", INV_FIELD_SIZE, offsetof(boat, oars), 2, 8, .help = "how many"},
        {"speed", INV_FIELD_REAL, offsetof(boat, speed), 0.5, 30.0, .help = "in knots"},
        {0}};
    return strcmp(kind, "sail") == 0 ? by_sail : strcmp(kind, "oar") == 0 ? by_oar : NULL;
}

static void start(const char *kind, void *out)
{
    *(boat *)out = strcmp(kind, "oar") == 0 ? oar : sail;
}

static const inv_field fields[] = {
    {"name", INV_FIELD_NAME, offsetof(boat, name), .help = "on its stern"},
    {"kind", INV_FIELD_NAME, offsetof(boat, kind), .choices = kinds, .help = "how it moves"},
    {"", INV_FIELD_PART, 0, .by = "kind", .choices = kinds, .group = kind_fields, .start = start},
    {"", INV_FIELD_PART, offsetof(boat, hull), .group = hull_fields},
    {0}};

static inv_status read_boat(const char *text, boat *out)
{
    inv_config *config = NULL;
    *out = sail;
    ck_assert_status(inv_config_read_text("boat.cfg", text, &config), INV_OK);
    inv_status status = inv_config_group(config, "boat", fields, out);
    inv_config_free(config);
    return status;
}

/* ---- reading ---- */

START_TEST(keys_of_parts_stand_among_the_others)
{
    boat b;
    ck_assert_status(read_boat("boat = { name = \"Ida\"; length = 9.75; masts = 3; };", &b),
                     INV_OK);
    ck_assert_str_eq(b.name, "Ida");
    ck_assert_str_eq(b.kind, "sail");
    ck_assert_uint_eq(b.masts, 3);
    ck_assert_double_eq(b.speed, 7.25);
    ck_assert_double_eq(b.hull.length, 9.75);
}
END_TEST

START_TEST(another_kind_starts_as_its_own_defaults)
{
    boat b;
    ck_assert_status(read_boat("boat = { name = \"Ida\"; kind = \"oar\"; };", &b), INV_OK);
    ck_assert_str_eq(b.name, "Ida");
    ck_assert_str_eq(b.kind, "oar");
    ck_assert_uint_eq(b.oars, 6);
    ck_assert_double_eq(b.speed, 3.5);
    ck_assert_status(read_boat("boat = { speed = 2.5; kind = \"oar\"; oars = 4; };", &b), INV_OK);
    ck_assert_uint_eq(b.oars, 4);
    ck_assert_double_eq(b.speed, 2.5);
}
END_TEST

START_TEST(what_a_part_does_not_have_is_refused)
{
    boat b;
    ck_assert_status(read_boat("boat = { oars = 4; };", &b), INV_ECONFIG);
    ck_assert_message_has("boat.oars: unknown key");
    ck_assert_status(read_boat("boat = {\n kind = \"oar\";\n masts = 2;\n};", &b), INV_ECONFIG);
    ck_assert_message_has("boat.cfg:3: boat.masts: unknown key");
    ck_assert_status(read_boat("boat = { lenght = 4.5; };", &b), INV_ECONFIG);
    ck_assert_message_has("boat.lenght: unknown key; did you mean 'length'?");
    ck_assert_status(read_boat("boat = { kind = \"steam\"; masts = 2; };", &b), INV_ECONFIG);
    ck_assert_message_has("boat.kind: there is no 'steam'; known: sail, oar");
    ck_assert_status(read_boat("boat = { length = 0.5; };", &b), INV_ECONFIG);
    ck_assert_message_has("boat.length: 0.5 is not from 1.5 to 40");
}
END_TEST

/* ---- checking, writing, visiting ---- */

START_TEST(parts_are_checked)
{
    boat b = oar;
    b.masts = 77; /* which boats with oars do not have */
    ck_assert_status(inv_fields_check(fields, &b, "boat"), INV_OK);
    b.oars = 9;
    ck_assert_status(inv_fields_check(fields, &b, "boat"), INV_EINVAL);
    ck_assert_message_has("boat.oars: 9 is not from 2 to 8");
    b = sail;
    b.hull.length = 41.5;
    ck_assert_status(inv_fields_check(fields, &b, "boat"), INV_EINVAL);
    ck_assert_message_has("boat.length: 41.5 is not from 1.5 to 40");
    strcpy(b.kind, "steam");
    ck_assert_status(inv_fields_check(fields, &b, "boat"), INV_EINVAL);
    ck_assert_message_has("boat.kind: there is no 'steam'");
}
END_TEST

START_TEST(parts_are_written_in_their_place)
{
    json_t *object = json_object();
    ck_assert_status(inv_fields_write(fields, &oar, object), INV_OK);
    char *text = json_dumps(object, JSON_COMPACT);
    ck_assert_str_eq(text, "{\"name\":\"nameless\",\"kind\":\"oar\",\"oars\":6,\"speed\":3.5,"
                           "\"length\":4.75}");
    free(text);
    json_decref(object);
}
END_TEST

START_TEST(help_says_which_kinds_have_a_key)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    inv_fields_help(fields, &sail, "boat", out);
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_ptr_nonnull(strstr(text, "  boat.masts                  whole number, 1 to 5 "
                                       "(default 2)\n      with kind sail: how many\n"));
    ck_assert_ptr_nonnull(strstr(text, "      with kind oar: how many\n"));
    ck_assert_ptr_nonnull(strstr(text, "  boat.speed                  number, 0.5 to 30 "
                                       "(default 7.25)\n      in knots\n"));
    ck_assert_ptr_nonnull(strstr(text, "  boat.length                 number, 1.5 to 40 "
                                       "(default 11.5)\n      in metres\n"));
    ck_assert_ptr_null(strstr(text, "boat. "));
    free(text);
}
END_TEST

Suite *fields_suite(void)
{
    Suite *suite = suite_create("fields");
    TCase *tests = tcase_create("parts");
    tcase_add_test(tests, keys_of_parts_stand_among_the_others);
    tcase_add_test(tests, another_kind_starts_as_its_own_defaults);
    tcase_add_test(tests, what_a_part_does_not_have_is_refused);
    tcase_add_test(tests, parts_are_checked);
    tcase_add_test(tests, parts_are_written_in_their_place);
    tcase_add_test(tests, help_says_which_kinds_have_a_key);
    suite_add_tcase(suite, tests);
    return suite;
}
