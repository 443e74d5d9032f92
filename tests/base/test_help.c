/* Help on keys: what it tells of each kind of key, and how it breaks lines.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "invproj/help.h"
#include "suites.h"

/* ---- words in lines ---- */

static char *text;
static size_t size;

static FILE *start(void)
{
    free(text);
    text = NULL;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    return out;
}

static size_t wrapped(const char *words, size_t indent, size_t column)
{
    FILE *out = start();
    const size_t at = inv_wrap(words, indent, column, out);
    ck_assert_int_eq(fclose(out), 0);
    return at;
}

#define TENS(n) "123456789" #n " "
#define FIFTY   TENS(0) TENS(1) TENS(2) TENS(3) TENS(4)

START_TEST(words_stay_within_the_line)
{
    ck_assert_uint_eq(wrapped("a bc", 0, 0), 4);
    ck_assert_str_eq(text, "a bc");
    ck_assert_uint_eq(wrapped("  a   bc ", 3, 0), 7);
    ck_assert_str_eq(text, "   a bc");
    ck_assert_uint_eq(wrapped("a", 7, 5), 8);
    ck_assert_str_eq(text, "  a");
    ck_assert_uint_eq(wrapped("a", 5, 7), 8);
    ck_assert_str_eq(text, "a");
    ck_assert_uint_eq(wrapped("", 5, 7), 7);
    ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(a_line_ends_before_the_last_column)
{
    ck_assert_uint_eq(wrapped(FIFTY "123456789 123456789 1234", 0, 0), 79);
    ck_assert_ptr_null(strchr(text, '\n'));
    ck_assert_uint_eq(wrapped(FIFTY "123456789 123456789 12345 x", 4, 0), 11);
    ck_assert_msg(strcmp(strchr(text, '\n'), "\n    12345 x") == 0, "%s", text);
    ck_assert_uint_eq(wrapped(FIFTY "123456789 123456789 1234", 0, 1), 4);
    ck_assert_msg(strcmp(strchr(text, '\n'), "\n1234") == 0, "%s", text);
}
END_TEST

/* ---- keys ---- */

typedef struct engine {
    char type[INV_NAME_MAX];
    double rate;
    size_t teeth, cogs;
} engine;

typedef struct car {
    size_t wheels, miles;
    double weight, tiny;
    bool open;
    char name[INV_NAME_MAX], colour[INV_NAME_MAX], note[INV_TEXT_MAX], none[INV_NAME_MAX];
    inv_sizes doors, no_doors;
    inv_reals gears;
    inv_range range, no_range;
    engine engine, motor;
    size_t seats;
    engine seat[3];
} car;

static const inv_choice colours[] = {
    {"red", "as a fire engine"}, {"ultramarine", "as the sea"}, {0}};
static const inv_choice kinds[] = {
    {"steam", "by coal"}, {"clockwork", NULL}, {"diesel", NULL}, {0}};
static const inv_choice one[] = {{"only", NULL}, {0}};

#define TYPE(c)                                                                                    \
    {                                                                                              \
        "type", INV_FIELD_NAME, offsetof(engine, type), .choices = c, .help = "what drives it"     \
    }
#define TEETH                                                                                      \
    {                                                                                              \
        "teeth", INV_FIELD_SIZE, offsetof(engine, teeth), 5, 71, .help = "of the wheel"            \
    }

static const inv_field *engine_fields(const char *type)
{
    static const inv_field steam[] = {
        TYPE(kinds),
        {"rate", INV_FIELD_REAL, offsetof(engine, rate), 0.125, 62.5, .help = "turns"},
        {0}};
    static const inv_field clockwork[] = {TYPE(kinds), TEETH, {0}};
    static const inv_field diesel[] = {
        TYPE(kinds),
        TEETH,
        {"cogs", INV_FIELD_SIZE, offsetof(engine, cogs), 1, 9, .help = NULL},
        {0}};
    return strcmp(type, "steam") == 0 ? steam : strcmp(type, "diesel") == 0 ? diesel : clockwork;
}

static void engine_start(const char *type, void *out)
{
    (void)type, (void)out;
}

static const engine engine_default = {"clockwork", 3.5, 13, 2};

static const inv_field fields[] = {
    {"wheels", INV_FIELD_SIZE, offsetof(car, wheels), 3, 1e9, .help = "number of wheels"},
    {"miles", INV_FIELD_SIZE, offsetof(car, miles), 0, 0x1p53, .required = true, .help = "so far"},
    {"weight", INV_FIELD_REAL, offsetof(car, weight), -2.75, 123456, .help = "in kilograms"},
    {"tiny", INV_FIELD_REAL, offsetof(car, tiny), 1e-9, 0.001, .help = "small"},
    {"open", INV_FIELD_BOOL, offsetof(car, open), .help = "whether it has no roof"},
    {"name", INV_FIELD_NAME, offsetof(car, name), .required = true, .help = "what it is called"},
    {"none", INV_FIELD_NAME, offsetof(car, none), .choices = one},
    {"colour", INV_FIELD_NAME, offsetof(car, colour), .choices = colours, .help = "hue"},
    {"note", INV_FIELD_TEXT, offsetof(car, note), .help = "a remark"},
    {"doors", INV_FIELD_SIZES, offsetof(car, doors), 2, 97, .help = "of each side"},
    {"no_doors", INV_FIELD_SIZES, offsetof(car, no_doors), 2, 97, .help = "none"},
    {"gears", INV_FIELD_REALS, offsetof(car, gears), -1, 1, .help = "ratios"},
    {"range", INV_FIELD_RANGE, offsetof(car, range), -7.25, 1e30, .help = "of motion"},
    {"no_range", INV_FIELD_RANGE, offsetof(car, no_range), 0, 1, .help = "of rest"},
    {"engine", INV_FIELD_GROUP, offsetof(car, engine), .choices = kinds, .topic = "engines",
     .group = engine_fields, .help = "in front"},
    {"motor", INV_FIELD_GROUP, offsetof(car, motor), .choices = kinds, .group = engine_fields,
     .start = engine_start},
    {"seats", INV_FIELD_LIST, offsetof(car, seats), .high = 3, .items = offsetof(car, seat),
     .item_size = sizeof(engine), .item_default = &engine_default, .choices = kinds,
     .group = engine_fields, .help = "each with an engine"},
    {"elsewhere", INV_FIELD_OTHER, .help = "read by others"},
    {0}};

static const car defaults = {.wheels = 11,
                             .miles = 7,
                             .weight = 0.375,
                             .tiny = 1e-5,
                             .open = true,
                             .name = "nameless",
                             .colour = "red",
                             .note = "say \"it\"",
                             .doors = {3, {7, 5, 3}},
                             .gears = {1, {0.5}},
                             .range = {-1.5, 2.5},
                             .no_range = {1.0, 0.0},
                             .engine = {"steam", 3.5, 13, 2},
                             .motor = {"diesel", 3.5, 13, 2}};

static const char *const told =
    "  a.wheels                    whole number, 3 to 1e9 (default 11)\n"
    "      number of wheels\n"
    "  a.miles                     whole number, 0 to 9007199254740992 (required)\n"
    "      so far\n"
    "  a.weight                    number, -2.75 to 123456 (default 0.375)\n"
    "      in kilograms\n"
    "  a.tiny                      number, 1e-9 to 0.001 (default 1e-5)\n"
    "      small\n"
    "  a.open                      true or false (default true)\n"
    "      whether it has no roof\n"
    "  a.name                      name (required)\n"
    "      what it is called\n"
    "  a.none                      only\n"
    "  a.colour                    one of red, ultramarine (default \"red\")\n"
    "      hue\n"
    "      red          as a fire engine\n"
    "      ultramarine  as the sea\n"
    "  a.note                      text (default \"say \\\"it\\\"\")\n"
    "      a remark\n"
    "  a.doors                     list of whole numbers, 2 to 97 (default [7, 5,\n"
    "                              3])\n"
    "      of each side\n"
    "  a.no_doors                  list of whole numbers, 2 to 97\n"
    "      none\n"
    "  a.gears                     list of numbers, -1 to 1 (default [0.5])\n"
    "      ratios\n"
    "  a.range                     number or [low, high], -7.25 to 1e30 (default\n"
    "                              [-1.5, 2.5])\n"
    "      of motion\n"
    "  a.no_range                  number or [low, high], 0 to 1\n"
    "      of rest\n"
    "  a.engine                    group\n"
    "      in front; see invproj help engines\n"
    "  a.engine.type               one of steam, clockwork, diesel (default \"steam\")\n"
    "      what drives it\n"
    "  a.engine.rate               number, 0.125 to 62.5 (default 3.5)\n"
    "      with type steam: turns\n"
    "  a.engine.teeth              whole number, 5 to 71 (default 13)\n"
    "      with type clockwork, diesel: of the wheel\n"
    "  a.engine.cogs               whole number, 1 to 9 (default 2)\n"
    "      with type diesel:\n"
    "  a.motor                     group\n"
    "  a.motor.type                one of steam, clockwork, diesel (default\n"
    "                              \"diesel\")\n"
    "      what drives it\n"
    "  a.motor.teeth               whole number, 5 to 71 (default 13)\n"
    "      of the wheel\n"
    "  a.motor.cogs                whole number, 1 to 9 (default 2)\n"
    "  a.seats                     list of at most 3 groups\n"
    "      each with an engine\n"
    "  a.seats.N.type              one of steam, clockwork, diesel (default\n"
    "                              \"clockwork\")\n"
    "      what drives it\n"
    "  a.seats.N.rate              number, 0.125 to 62.5 (default 3.5)\n"
    "      with type steam: turns\n"
    "  a.seats.N.teeth             whole number, 5 to 71 (default 13)\n"
    "      with type clockwork, diesel: of the wheel\n"
    "  a.seats.N.cogs              whole number, 1 to 9 (default 2)\n"
    "      with type diesel:\n"
    "  a.elsewhere                 group\n"
    "      read by others\n";

START_TEST(each_kind_of_key_is_told)
{
    FILE *out = start();
    inv_fields_help(fields, &defaults, "a", out);
    ck_assert_int_eq(fclose(out), 0);
    for (const char *want = told, *got = text; *want || *got;) {
        const size_t length = strcspn(want, "\n"), has = strcspn(got, "\n");
        ck_assert_msg(length == has && memcmp(want, got, length) == 0, "\n%.*s\nnot\n%.*s",
                      (int)has, got, (int)length, want);
        want += length + (want[length] == '\n');
        got += has + (got[has] == '\n');
    }
}
END_TEST

START_TEST(a_long_path_moves_what_it_takes)
{
    FILE *out = start();
    const inv_field field = {"colour", INV_FIELD_NAME, offsetof(car, colour), .choices = colours};
    inv_key_help(
        &(inv_key){"a.path.that.goes.well.beyond.the.column", &field, &defaults, NULL, NULL}, out);
    ck_assert_int_eq(fclose(out), 0);
    const char *want =
        "  a.path.that.goes.well.beyond.the.column  one of red, ultramarine (default\n"
        "                              \"red\")\n";
    ck_assert_msg(strncmp(text, want, strlen(want)) == 0, "%s", text);
}
END_TEST

START_TEST(no_default_is_told_where_none_is_known)
{
    FILE *out = start();
    inv_key_help(&(inv_key){"wheels", &fields[0], NULL, NULL, NULL}, out);
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_str_eq(text, "  wheels                      whole number, 3 to 1e9\n"
                           "      number of wheels\n");
}
END_TEST

Suite *help_suite(void)
{
    Suite *suite = suite_create("help");
    TCase *tests = tcase_create("help");
    tcase_add_test(tests, words_stay_within_the_line);
    tcase_add_test(tests, a_line_ends_before_the_last_column);
    tcase_add_test(tests, each_kind_of_key_is_told);
    tcase_add_test(tests, a_long_path_moves_what_it_takes);
    tcase_add_test(tests, no_default_is_told_where_none_is_known);
    suite_add_tcase(suite, tests);
    return suite;
}
