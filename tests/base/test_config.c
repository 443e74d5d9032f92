/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/config.h"
#include "invproj/config.h"
#include "suites.h"

/* ---- a struct with a field of every type, and its table ---- */

typedef struct motor {
    char type[INV_NAME_MAX];
    double rate;
    size_t teeth;
} motor;

typedef struct machine {
    size_t steps;
    double weight;
    char name[INV_NAME_MAX], colour[INV_NAME_MAX];
    char text[INV_TEXT_MAX];
    inv_sizes sizes;
    inv_range range;
    motor motor;
} machine;

static const inv_choice motor_types[] = {{"electric", NULL}, {"clockwork", NULL}, {0}};
static const inv_choice colours[] = {{"red", NULL}, {"green", NULL}, {"ultramarine", NULL}, {0}};

static const inv_field *motor_fields(const char *type)
{
    static const inv_field electric[] = {
        {"type", INV_FIELD_NAME, offsetof(motor, type), .choices = motor_types, .help = "kind"},
        {"rate", INV_FIELD_REAL, offsetof(motor, rate), 0.125, 62.5, .help = "turns"},
        {0}};
    static const inv_field clockwork[] = {
        {"type", INV_FIELD_NAME, offsetof(motor, type), .choices = motor_types, .help = "kind"},
        {"teeth", INV_FIELD_SIZE, offsetof(motor, teeth), 5, 71, .help = "on the wheel"},
        {0}};
    return strcmp(type, "clockwork") == 0 ? clockwork : electric;
}

static const inv_field fields[] = {
    {"steps", INV_FIELD_SIZE, offsetof(machine, steps), 3, 9007199254740992.0, .help = "how many"},
    {"weight", INV_FIELD_REAL, offsetof(machine, weight), -2.75, 1e9, .help = "in kilograms"},
    {"name", INV_FIELD_NAME, offsetof(machine, name), .required = true, .help = "of the machine"},
    {"colour", INV_FIELD_NAME, offsetof(machine, colour), .choices = colours, .help = "hue"},
    {"text", INV_FIELD_TEXT, offsetof(machine, text), .help = "a remark"},
    {"sizes", INV_FIELD_SIZES, offsetof(machine, sizes), 2, 97, .help = "of the parts"},
    {"range", INV_FIELD_RANGE, offsetof(machine, range), -7.25, 7.5, .help = "of motion"},
    {"motor", INV_FIELD_GROUP, offsetof(machine, motor), .choices = motor_types,
     .group = motor_fields},
    {"elsewhere", INV_FIELD_OTHER, .help = "read by others"},
    {0}};

static const machine defaults = {.steps = 11,
                                 .weight = 0.375,
                                 .name = "nameless",
                                 .colour = "green",
                                 .text = "none",
                                 .sizes = {3, {7, 5, 3}},
                                 .range = {-1.5, 2.5},
                                 .motor = {"electric", 3.5, 13}};

/* ---- helpers ---- */

static inv_config *config_of(const char *text)
{
    inv_config *config = NULL;
    ck_assert_status(inv_config_read_text("a.cfg", text, &config), INV_OK);
    return config;
}

/* Reads "name = "n"; " and then `text` into *out; the caller's to check. */
static inv_status read_machine(const char *text, machine *out)
{
    char *all = NULL;
    *out = defaults;
    ck_assert_int_gt(asprintf(&all, "name = \"n\";\n%s", text), 0);
    inv_config *config = config_of(all);
    inv_status status = inv_config_group(config, "", fields, out);
    inv_config_free(config);
    free(all);
    return status;
}

static void assert_read(const char *text, machine *out)
{
    inv_status status = read_machine(text, out);
    ck_assert_msg(status == INV_OK, "%s: %s", text, inv_error_message());
}

/* That it is refused with a message that names the file, line 2, the key and why. */
static void assert_refused(const char *text, const char *key, const char *why)
{
    machine m = defaults;
    char where[INV_TEXT_MAX];
    inv_status status = read_machine(text, &m);
    ck_assert_msg(status == INV_ECONFIG, "%s: was taken (%s)", text, inv_status_name(status));
    snprintf(where, sizeof where, "a.cfg:2: %s: ", key);
    ck_assert_message_has(where);
    ck_assert_message_has(why);
}

static void assert_text_refused(const char *text, const char *why)
{
    inv_config *config = (inv_config *)(uintptr_t)text;
    ck_assert_status(inv_config_read_text("a.cfg", text, &config), INV_ECONFIG);
    ck_assert_ptr_null(config);
    ck_assert_message_has("a.cfg");
    ck_assert_message_has(why);
}

static void assert_machine(const machine *m, const machine *want)
{
    ck_assert_uint_eq(m->steps, want->steps);
    ck_assert_double_eq(m->weight, want->weight);
    ck_assert_str_eq(m->name, want->name);
    ck_assert_str_eq(m->colour, want->colour);
    ck_assert_str_eq(m->text, want->text);
    ck_assert_uint_eq(m->sizes.count, want->sizes.count);
    for (size_t i = 0; i < want->sizes.count; i++)
        ck_assert_uint_eq(m->sizes.values[i], want->sizes.values[i]);
    ck_assert_double_eq(m->range.low, want->range.low);
    ck_assert_double_eq(m->range.high, want->range.high);
    ck_assert_str_eq(m->motor.type, want->motor.type);
    ck_assert_double_eq(m->motor.rate, want->motor.rate);
    ck_assert_uint_eq(m->motor.teeth, want->motor.teeth);
}

static const machine full = {.steps = 4021,
                             .weight = -1.0625,
                             .name = "Mk-2_b.7",
                             .colour = "ultramarine",
                             .text = "it \"turns\" \\ and\nturns; \xc3\xa9 # no comment",
                             .sizes = {4, {97, 2, 31, 31}},
                             .range = {-7.25, 0.1},
                             .motor = {"clockwork", 3.5, 71}};

static const char full_text[] =
    "# a machine\n"
    "steps = 4021; weight = -1.0625;\n"
    "name = \"Mk-2_b.7\"; colour = \"ultramarine\";\n"
    "text = \"it \\\"turns\\\" \\\\ and\\nturns; \xc3\xa9 # no comment\";\n"
    "sizes = [ 97, 2, 31, 31 ]; range = ( -7.25, 0.1 );\n"
    "motor = { type = \"clockwork\"; teeth = 71; };\n"
    "elsewhere = ( 1, \"x\", { y = true; } );\n";

static const char full_json[] =
    "{\"steps\": 4021, \"weight\": -1.0625, \"name\": \"Mk-2_b.7\", \"colour\": \"ultramarine\","
    "\"text\": \"it \\\"turns\\\" \\\\ and\\nturns; \\u00e9 # no comment\","
    "\"sizes\": [97, 2, 31, 31], \"range\": [-7.25, 0.1],"
    "\"motor\": {\"type\": \"clockwork\", \"teeth\": 71}, \"elsewhere\": null}";

/* ---- reading ---- */

START_TEST(reads_every_type)
{
    machine m = defaults;
    inv_config *config = config_of(full_text);
    ck_assert_status(inv_config_group(config, "", fields, &m), INV_OK);
    assert_machine(&m, &full);
    inv_config_free(config);
    m = defaults;
    ck_assert_status(inv_config_read_json("a.json", full_json, &config), INV_OK);
    ck_assert_status(inv_config_group(config, "", fields, &m), INV_OK);
    assert_machine(&m, &full);
    inv_config_free(config);
}
END_TEST

START_TEST(keeps_defaults)
{
    machine m, want = defaults;
    strcpy(want.name, "n");
    assert_read("", &m);
    assert_machine(&m, &want);
    want.weight = 7.0;
    want.motor.rate = 62.5;
    assert_read("weight = 7; motor = { rate = 62.5; };", &m);
    assert_machine(&m, &want);
    want.sizes.count = 0;
    assert_read("weight = 7.0; sizes = []; motor = { rate = 62.5; };", &m);
    assert_machine(&m, &want);
}
END_TEST

START_TEST(numbers_have_ends)
{
    machine m = defaults;
    assert_read("steps = 3; weight = -2.75; motor = { rate = 0.125; };", &m);
    ck_assert_uint_eq(m.steps, 3);
    ck_assert_double_eq(m.weight, -2.75);
    ck_assert_double_eq(m.motor.rate, 0.125);
    assert_read("steps = 9007199254740992L; weight = 1e9;", &m);
    ck_assert_uint_eq(m.steps, 9007199254740992u);
    ck_assert_double_eq(m.weight, 1e9);
    assert_refused("steps = 2;", "steps", "2 is not from 3 to 9007199254740992");
    assert_refused("steps = -4;", "steps", "-4 is not from 3");
    /* the nearest double to it is in the range */
    assert_refused("steps = 9007199254740993;", "steps",
                   "9007199254740993 is not from 3 to 9007199254740992");
    assert_refused("steps = 9007199254740994L;", "steps", "is not from 3");
    assert_refused("steps = 9223372036854775807;", "steps", "9223372036854775807 is not from 3");
    assert_refused("sizes = ( 2, 9007199254740993 );", "sizes", "9007199254740993 is not from 2");
    assert_refused("weight = -2.7500001;", "weight", "-2.7500001 is not from -2.75 to");
    assert_refused("weight = 1000000001;", "weight", "1000000001 is not from");
    assert_refused("sizes = [ 2, 97, 1 ];", "sizes", "1 is not from 2 to 97");
    assert_refused("sizes = [ 98 ];", "sizes", "98 is not from 2 to 97");
    assert_refused("range = 7.51;", "range", "7.51 is not from -7.25 to 7.5");
    assert_refused("range = [ -7.3, 1.0 ];", "range", "-7.3 is not from");
    assert_refused("range = [ 1.0, 7.6 ];", "range", "7.6 is not from");
    assert_refused("motor = { rate = 0.12; };", "motor.rate", "0.12 is not from 0.125 to 62.5");
    assert_refused("motor = { type = \"clockwork\"; teeth = 72; };", "motor.teeth",
                   "72 is not from 5 to 71");
}
END_TEST

/* libconfig 1.5 by itself cuts these to 32 bits. */
START_TEST(whole_numbers_are_not_cut)
{
    static const struct {
        const char *text;
        size_t value;
    } rows[] = {{"2147483647", 2147483647},     {"2147483648", 2147483648},
                {"4294967301", 4294967301},     {"5000000000L", 5000000000},
                {"0x1f00000000", 0x1f00000000}, {"9007199254740991", 9007199254740991}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[128];
        machine m = defaults;
        snprintf(text, sizeof text, "steps /* 5000000000 */ = %s; # \" 5000000000", rows[i].text);
        assert_read(text, &m);
        ck_assert_uint_eq(m.steps, rows[i].value);
    }
    machine m = defaults;
    assert_read("text = \"5000000000 \\\" 5000000000\"; // 5000000000\n"
                "elsewhere = { a5000000000 = 5000000000.5; b = 5000000000; };",
                &m);
    ck_assert_str_eq(m.text, "5000000000 \" 5000000000");
    assert_refused("weight = -5000000000;", "weight", "-5000000000 is not from");
    inv_config *config = config_of("steps = 17;");
    ck_assert_status(inv_config_set(config, "name=n"), INV_OK);
    ck_assert_status(inv_config_set(config, "steps=5000000001"), INV_OK);
    ck_assert_status(inv_config_group(config, "", fields, &m), INV_OK);
    ck_assert_uint_eq(m.steps, 5000000001);
    inv_config_free(config);
}
END_TEST

/* libconfig makes -1, or the largest number there is, of these. */
START_TEST(whole_numbers_have_at_most_64_bits)
{
    static const char *const rows[] = {"99999999999999999999", "9223372036854775808",
                                       "-9223372036854775809", "18446744073709551617L",
                                       "0xFFFFFFFFFFFFFFFF",   "0x10000000000000003LL"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[128], said[128];
        snprintf(text, sizeof text, "x = 1; /* 1\n2 */ y = \"\n\";\nsteps = %s;", rows[i]);
        snprintf(said, sizeof said, "a.cfg:4: %s: whole numbers have at most 64 bits", rows[i]);
        assert_text_refused(text, said);
    }
    inv_config *config = config_of("name = \"n\"; text = \"99999999999999999999\";");
    machine m = defaults;
    ck_assert_status(inv_config_set(config, "steps=99999999999999999999"), INV_OK);
    ck_assert_status(inv_config_group(config, "", fields, &m), INV_ECONFIG);
    ck_assert_message_has("steps: must be a whole number from 3 to 9007199254740992");
    inv_config_free(config);
}
END_TEST

START_TEST(refuses_wrong_types)
{
    static const char *const rows[][3] = {
        {"steps = 7.0;", "steps", "must be a whole number"},
        {"steps = \"7\";", "steps", "must be a whole number"},
        {"steps = true;", "steps", "must be a whole number"},
        {"steps = [ 7 ];", "steps", "must be a whole number"},
        {"weight = \"7\";", "weight", "must be a number"},
        {"weight = false;", "weight", "must be a number"},
        {"weight = { };", "weight", "must be a number"},
        {"colour = 3;", "colour", "must be text"},
        {"text = 3.5;", "text", "must be text"},
        {"text = ( \"a\" );", "text", "must be text"},
        {"sizes = 7;", "sizes", "must be a list"},
        {"sizes = { a = 7; };", "sizes", "must be a list"},
        {"sizes = [ 7.5 ];", "sizes", "must be a whole number"},
        {"sizes = ( 7, \"8\" );", "sizes", "must be a whole number"},
        {"range = \"wide\";", "range", "must be a number"},
        {"range = [ 1.0 ];", "range", "must be a number"},
        {"range = [ 1.0, 2.0, 3.0 ];", "range", "must be a number"},
        {"range = ( 1.0, \"2\" );", "range", "must be a number"},
        {"range = [ 2.5, 2.25 ];", "range", "the smaller"},
        {"motor = 3;", "motor", "must be a group"},
        {"motor = ( { rate = 1.0; } );", "motor", "must be a group"},
        {"motor = { type = 3; };", "motor.type", "must be text"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_refused(rows[i][0], rows[i][1], rows[i][2]);
}
END_TEST

START_TEST(ranges_are_one_number_or_two)
{
    machine m = defaults;
    assert_read("range = 2.25;", &m);
    ck_assert(m.range.low == 2.25 && m.range.high == 2.25);
    assert_read("range = -7;", &m);
    ck_assert(m.range.low == -7.0 && m.range.high == -7.0);
    assert_read("range = ( -7, 7.5 );", &m);
    ck_assert(m.range.low == -7.0 && m.range.high == 7.5);
    assert_read("range = [ 3.5, 3.5 ];", &m);
    ck_assert(m.range.low == 3.5 && m.range.high == 3.5);
}
END_TEST

START_TEST(texts_have_a_length_and_names_an_alphabet)
{
    char text[INV_TEXT_MAX + 32], word[INV_TEXT_MAX + 1];
    machine m = defaults;
    memset(word, 'w', sizeof word);
    for (size_t length = INV_NAME_MAX - 1; length <= INV_NAME_MAX; length++) {
        snprintf(text, sizeof text, "name = \"%.*s\";", (int)length, word);
        inv_config *config = config_of(text);
        const inv_status want = length < INV_NAME_MAX ? INV_OK : INV_ECONFIG;
        ck_assert_status(inv_config_group(config, "", fields, &m), want);
        inv_config_free(config);
    }
    ck_assert_message_has("a.cfg:1: name: longer than 63 characters");
    ck_assert_uint_eq(strlen(m.name), INV_NAME_MAX - 1);
    snprintf(text, sizeof text, "text = \"%.*s\";", INV_TEXT_MAX - 1, word);
    assert_read(text, &m);
    ck_assert_uint_eq(strlen(m.text), INV_TEXT_MAX - 1);
    snprintf(text, sizeof text, "text = \"%.*s\";", INV_TEXT_MAX, word);
    assert_refused(text, "text", "longer than 255 characters");
    static const char *const bad[] = {"a b", "a/b", "a\xc3\xa9", "a\\n", "a'", "../x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(text, sizeof text, "name = \"%s\";", bad[i]);
        inv_config *config = config_of(text);
        ck_assert_status(inv_config_group(config, "", fields, &m), INV_ECONFIG);
        ck_assert_message_has("may hold only letters, digits, _ - and .");
        inv_config_free(config);
    }
}
END_TEST

START_TEST(lists_have_a_length)
{
    char *text = NULL;
    size_t size = 0;
    machine m = defaults;
    FILE *out = open_memstream(&text, &size);
    fputs("sizes = [ 41", out);
    for (size_t i = 1; i < INV_LIST_MAX; i++)
        fputs(", 43", out);
    fflush(out);
    char *longer = NULL, *good = NULL;
    ck_assert_int_gt(asprintf(&good, "%s ];", text), 0);
    ck_assert_int_gt(asprintf(&longer, "%s, 47 ];", text), 0);
    fclose(out);
    assert_read(good, &m);
    ck_assert_uint_eq(m.sizes.count, INV_LIST_MAX);
    ck_assert_uint_eq(m.sizes.values[0], 41);
    ck_assert_uint_eq(m.sizes.values[INV_LIST_MAX - 1], 43);
    assert_refused(longer, "sizes", "at most 1024 numbers");
    free(text);
    free(good);
    free(longer);
}
END_TEST

/* libconfig's own arrays hold whole numbers or others. */
START_TEST(numbers_of_a_list_are_mixed_as_one_likes)
{
    inv_config *config =
        config_of("a = [ 0, 0.5, -3 ]; # ] [ (\nb = [ ]; c = \"[ 1, 2 )\"; d = [ 1, 2 ];");
    static const double want[] = {0.0, 0.5, -3.0};
    ck_assert_uint_eq(inv_config_length(config, "a"), 3);
    for (size_t i = 0; i < 3; i++) {
        char path[8];
        snprintf(path, sizeof path, "a.%zu", i);
        ck_assert_double_eq(json_number_value(inv_config_node(config, path)), want[i]);
    }
    ck_assert_uint_eq(inv_config_length(config, "b"), 0);
    ck_assert_str_eq(inv_config_text_at(config, "c"), "[ 1, 2 )");
    ck_assert_uint_eq(inv_config_length(config, "d"), 2);
    inv_config_free(config);
}
END_TEST

START_TEST(choices_and_keys_are_suggested)
{
    assert_refused("colour = \"gren\";", "colour", "there is no 'gren'; did you mean 'green'?");
    assert_refused("colour = \"\";", "colour", "there is no ''; known: red, green, ultramarine");
    assert_refused("colour = \"xyzzyxyz\";", "colour", "known: red, green, ultramarine");
    assert_refused("motor = { type = \"clokwork\"; };", "motor.type", "did you mean 'clockwork'?");
    assert_refused("wieght = 3.5;", "wieght", "unknown key; did you mean 'weight'?");
    assert_refused("qqqqqqqq = 3.5;", "qqqqqqqq",
                   "unknown key; known here: steps, weight, name, colour");
    assert_refused("motor = { rat = 3.5; };", "motor.rat", "did you mean 'rate'?");
    /* a key of another type of motor */
    assert_refused("motor = { teeth = 31; };", "motor.teeth", "known here: type, rate");
    assert_refused("motor = { type = \"clockwork\"; rate = 3.5; };", "motor.rate", "unknown key");
}
END_TEST

START_TEST(messages_name_the_line)
{
    machine m = defaults;
    inv_config *config = config_of("name = \"n\";\n\n\nmotor = {\n  type = \"electric\";\n"
                                   "\n  rat = 3.5; };\nlist = ( 1,\n 2,\n { a = 4; } );");
    ck_assert_status(inv_config_group(config, "motor", motor_fields("electric"), &m.motor),
                     INV_ECONFIG);
    ck_assert_message_has("a.cfg:7: motor.rat: unknown key; did you mean 'rate'?");
    ck_assert_status(inv_config_error(config, "list.2.a", "%d is %s", 4, "odd"), INV_ECONFIG);
    ck_assert_str_eq(inv_error_message(), "a.cfg:10: list.2.a: 4 is odd");
    ck_assert_status(inv_config_error(config, "motor.none", "gone"), INV_ECONFIG);
    ck_assert_str_eq(inv_error_message(), "a.cfg:4: motor.none: gone");
    ck_assert_status(inv_config_error(config, "", "all of it"), INV_ECONFIG);
    ck_assert_str_eq(inv_error_message(), "a.cfg: all of it");
    inv_config_free(config);
}
END_TEST

START_TEST(missing_keys_and_groups)
{
    machine m = defaults;
    inv_config *config = config_of("steps = 7;\nmotor = 3;\nlist = ( 1 );");
    ck_assert_status(inv_config_group(config, "", fields, &m), INV_ECONFIG);
    ck_assert_message_has("unknown key");
    ck_assert_status(inv_config_group(config, "motor", motor_fields(""), &m.motor), INV_ECONFIG);
    ck_assert_message_has("a.cfg:2: motor: must be a group");
    ck_assert_status(inv_config_group(config, "engine", motor_fields(""), &m.motor), INV_ECONFIG);
    ck_assert_message_has("a.cfg: engine: missing");
    ck_assert_status(inv_config_group(config, "list.1", motor_fields(""), &m.motor), INV_ECONFIG);
    ck_assert_message_has("list.1: missing");
    inv_config_free(config);
    config = config_of("\nsteps = 7;");
    ck_assert_status(inv_config_group(config, "", fields, &m), INV_ECONFIG);
    ck_assert_message_has("a.cfg: the key 'name' is missing");
    inv_config_free(config);
}
END_TEST

START_TEST(tables_may_share_a_group)
{
    static const inv_field name_only[] = {
        {"name", INV_FIELD_NAME, offsetof(machine, name), .required = true}, {0}};
    machine m = defaults;
    motor engine = {"electric", 1.5, 6};
    const inv_field_set sets[] = {{name_only, &m}, {motor_fields("electric"), &engine}, {NULL, &m}};
    inv_config *config = config_of("g = ( 0, { name = \"N\"; rate = 9.5; } );");
    ck_assert_status(inv_config_sets(config, "g.1", sets, 3), INV_OK);
    ck_assert_str_eq(m.name, "N");
    ck_assert_double_eq(engine.rate, 9.5);
    ck_assert_status(inv_config_sets(config, "g.1", sets, 1), INV_ECONFIG);
    ck_assert_message_has("g.1.rate: unknown key");
    inv_config_free(config);
}
END_TEST

START_TEST(looks_along_paths)
{
    inv_config *config = config_of("a = { b = ( 3, { c = \"see\"; } ); d = [ 1, 2, 5 ]; };");
    ck_assert(inv_config_has(config, "") && inv_config_has(config, "a"));
    ck_assert(inv_config_has(config, "a.b.1.c") && inv_config_has(config, "a.b.0"));
    static const char *const none[] = {"b",       "a.c",     "a.b.2", "a.b.x",
                                       "a.b.1.d", "a.b.0.c", "a..b",  "a.b.1x"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        ck_assert_msg(!inv_config_has(config, none[i]), "%s", none[i]);
    ck_assert_uint_eq(inv_config_length(config, "a.b"), 2);
    ck_assert_uint_eq(inv_config_length(config, "a.d"), 3);
    ck_assert_uint_eq(inv_config_length(config, "a"), 0);
    ck_assert_uint_eq(inv_config_length(config, "z"), 0);
    ck_assert_str_eq(inv_config_text_at(config, "a.b.1.c"), "see");
    ck_assert_ptr_null(inv_config_text_at(config, "a.b.0"));
    ck_assert_ptr_null(inv_config_text_at(config, "a.b.9"));
    inv_config_free(config);
}
END_TEST

/* ---- texts that are none ---- */

START_TEST(refuses_texts)
{
    assert_text_refused("@include \"b.cfg\"\n", "@include is not supported");
    assert_text_refused("a = 1;\r\n \t@include \"b.cfg\"\n", "@include is not supported");
    assert_text_refused("a = 1;\n\nb = = 2;\n", "a.cfg:3: syntax error");
    assert_text_refused("a = 1;\nb = [ 1, 2 );", "a.cfg:2: syntax error");
    assert_text_refused("a = 1;\nb = ( 1, 2 ];", "a.cfg:2: syntax error");
    assert_text_refused("a = [ 1, [ 2 ] ];", "syntax error");
    assert_text_refused("a = 1; b = \"never closed", "syntax error");
    assert_text_refused("a = 1;\nb = 2;\na = 3;", "a.cfg:3: duplicate");
    assert_text_refused("a = \"\xff\xfe\";", "not UTF-8");
    assert_text_refused("a = 1e999;", "not finite");
    inv_config_free(config_of("a = \"@include\"; # @include\n"));
    inv_config_free(config_of(""));
    inv_config_free(config_of("a = 1; # the last line without its end"));
    inv_config_free(config_of("a = 1; // the same"));
}
END_TEST

START_TEST(nesting_has_an_end)
{
    for (size_t depth = 30; depth <= 34; depth += 4) {
        char text[256] = "";
        for (size_t i = 0; i < depth; i++)
            strcat(text, "a={");
        for (size_t i = 0; i < depth; i++)
            strcat(text, "};");
        if (depth > 32)
            assert_text_refused(text, "nested over 32 deep");
        else
            inv_config_free(config_of(text));
    }
}
END_TEST

START_TEST(reads_json_at_the_root)
{
    machine m = defaults;
    inv_config *config = NULL;
    ck_assert_status(inv_config_read_json("j", "[{\"name\": \"n1\"}, {\"nam\": 3}]", &config),
                     INV_OK);
    ck_assert_uint_eq(inv_config_length(config, ""), 2);
    ck_assert_status(inv_config_group(config, "0", fields, &m), INV_OK);
    ck_assert_str_eq(m.name, "n1");
    ck_assert_status(inv_config_group(config, "1", fields, &m), INV_ECONFIG);
    ck_assert_str_eq(inv_error_message(), "j: 1.nam: unknown key; did you mean 'name'?");
    inv_config_free(config);
    static const char *const bad[] = {"", "{", "[1,]", "{\"a\": 1, \"a\": 2}", "[1] 2", "\"\xff\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        config = (inv_config *)&m;
        ck_assert_status(inv_config_read_json("j", bad[i], &config), INV_EFORMAT);
        ck_assert_ptr_null(config);
        ck_assert_message_has("j: not JSON");
    }
}
END_TEST

START_TEST(reads_files)
{
    char *folder = support_folder(), *large = NULL;
    const char *path = support_at(folder, "m.cfg");
    inv_config *config = NULL;
    machine m = defaults;
    support_write(path, full_text, strlen(full_text));
    ck_assert_status(inv_config_read_file(path, &config), INV_OK);
    ck_assert_status(inv_config_group(config, "", fields, &m), INV_OK);
    assert_machine(&m, &full);
    inv_config_free(config);
    support_write(path, "a = 1;\0b", 8);
    ck_assert_status(inv_config_read_file(path, &config), INV_ECONFIG);
    ck_assert_ptr_null(config);
    ck_assert_message_has("m.cfg: not an experiment file");
    ck_assert_int_gt(asprintf(&large, "a = 1;%*s", 1 << 20, ""), 0);
    support_write(path, large, strlen(large));
    ck_assert_status(inv_config_read_file(path, &config), INV_EFORMAT);
    ck_assert_ptr_null(config);
    large[1000000] = 0;
    support_write(path, large, strlen(large));
    ck_assert_status(inv_config_read_file(path, &config), INV_OK);
    inv_config_free(config);
    free(large);
    ck_assert_status(inv_config_read_file(support_at(folder, "none"), &config), INV_EIO);
    ck_assert_status(inv_config_read_file(folder, &config), INV_EIO);
    ck_assert_ptr_null(config);
    support_remove(folder);
}
END_TEST

/* As Notepad saves it, and what is no experiment at all. */
START_TEST(reads_past_a_mark_and_names_other_files)
{
    char *folder = support_folder();
    const char *path = support_at(folder, "m.cfg");
    char *marked = NULL;
    inv_config *config = NULL;
    machine m = defaults;
    ck_assert_int_gt(asprintf(&marked, "\xef\xbb\xbf%s", full_text), 0);
    support_write(path, marked, strlen(marked));
    ck_assert_status(inv_config_read_file(path, &config), INV_OK);
    ck_assert_status(inv_config_group(config, "", fields, &m), INV_OK);
    assert_machine(&m, &full);
    inv_config_free(config);
    free(marked);
    support_write(path,
                  "\xff\xfe"
                  "a\0 \0",
                  6);
    ck_assert_status(inv_config_read_file(path, &config), INV_ECONFIG);
    ck_assert_message_has("m.cfg: not an experiment file but UTF-16 text; save it as UTF-8");
    support_write(path, "\x89HDF\r\n\x1a\n", 8);
    ck_assert_status(inv_config_read_file(path, &config), INV_ECONFIG);
    ck_assert_message_has("but an HDF5 file");
    ck_assert_ptr_null(config);
    support_remove(folder);
}
END_TEST

/* ---- setting ---- */

START_TEST(sets_every_type)
{
    static const char *const assignments[] = {
        "name=Mk-2_b.7",      "steps=4021",
        "weight=-1.0625",     "colour=\"ultramarine\"",
        "sizes=[97,3,31,31]", "sizes.1=2",
        "range=(-7.25, 0.1)", "motor={type=\"clockwork\"; teeth=70;}",
        "motor.teeth=71",     "text=\"it \\\"turns\\\" \\\\ and\\nturns; \xc3\xa9 # no comment\"",
    };
    machine m = defaults;
    inv_config *config = config_of("steps = 7;");
    for (size_t i = 0; i < sizeof assignments / sizeof *assignments; i++)
        ck_assert_status(inv_config_set(config, assignments[i]), INV_OK);
    ck_assert_status(inv_config_group(config, "", fields, &m), INV_OK);
    assert_machine(&m, &full);
    inv_config_free(config);
}
END_TEST

START_TEST(bare_words_are_text)
{
    static const char *const rows[][2] = {{"hidden2.pre", "hidden2.pre"},
                                          {"/data/a b", "/data/a b"},
                                          {"a # b", "a # b"},
                                          {"\"quoted\"", "quoted"},
                                          {"a=b", "a=b"},
                                          {"", ""},
                                          {"1; w = 2", "1; w = 2"},
                                          {"\"open", "\"open"},
                                          {"tru", "tru"},
                                          {"@include \"x\"", "@include \"x\""}};
    inv_config *config = config_of("text = \"before\";");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char assignment[128];
        snprintf(assignment, sizeof assignment, "text=%s", rows[i][0]);
        ck_assert_status(inv_config_set(config, assignment), INV_OK);
        ck_assert_ptr_nonnull(inv_config_text_at(config, "text"));
        ck_assert_str_eq(inv_config_text_at(config, "text"), rows[i][1]);
    }
    inv_config_free(config);
}
END_TEST

START_TEST(sets_deep_and_new)
{
    machine m = defaults;
    inv_config *config = config_of("name = \"n\"; l = ( { motor = { teeth = 3; }; }, 5 );");
    ck_assert_status(inv_config_set(config, "l.0.motor.type=clockwork"), INV_OK);
    ck_assert_status(inv_config_set(config, "l.0.motor.teeth=19"), INV_OK);
    ck_assert_status(inv_config_set(config, "l.1={rate=7.5;}"), INV_OK);
    ck_assert_status(inv_config_set(config, "fresh.rate=2.25"), INV_OK); /* a group of defaults */
    ck_assert_status(inv_config_group(config, "l.0.motor", motor_fields("clockwork"), &m.motor),
                     INV_OK);
    ck_assert_uint_eq(m.motor.teeth, 19);
    ck_assert_status(inv_config_group(config, "l.1", motor_fields("electric"), &m.motor), INV_OK);
    ck_assert_double_eq(m.motor.rate, 7.5);
    ck_assert_status(inv_config_group(config, "fresh", motor_fields(""), &m.motor), INV_OK);
    ck_assert_double_eq(m.motor.rate, 2.25);
    inv_config_free(config);
}
END_TEST

/* What is wrong is then not on any line of the file. */
START_TEST(a_setting_at_fault_is_named)
{
    static const char *const rows[][2] = {
        {"steps=2", "--set steps=2: steps: 2 is not from 3"},
        {"motor.rate=0.12", "--set motor.rate=0.12: motor.rate: 0.12 is not from"},
        {"motor={rate=0.12;}", "--set motor={rate=0.12;}: motor.rate: 0.12 is not from"},
        {"stps=9", "--set stps=9: stps: unknown key; did you mean 'steps'?"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        machine m = defaults;
        inv_config *config = config_of("name = \"n\";\nsteps = 7;\nmotor = { rate = 1.5; };");
        ck_assert_status(inv_config_set(config, "motor.rate=0.11"), INV_OK);
        ck_assert_status(inv_config_set(config, "motor.rate=0.5"), INV_OK);
        ck_assert_status(inv_config_set(config, rows[i][0]), INV_OK);
        ck_assert_status(inv_config_group(config, "", fields, &m), INV_ECONFIG);
        ck_assert_message_has(rows[i][1]);
        inv_config_free(config);
    }
}
END_TEST

START_TEST(refuses_to_set)
{
    static const char *const bad[] = {"steps",      "=3",        "",     "l.2=5",     "l.x=5",
                                      "l.-1=5",     "l.1x=5",    "l.=5", "steps.x=5", "g.s.y=5",
                                      "none.x.y=5", "l.0.x.y=5", "g.=5", "nope.=1",   "s=\xff"};
    static const char text[] = "steps = 7; g = { s = 1; }; l = ( 1, 2 ); s = \"t\";";
    char *after = NULL, path[INV_TEXT_MAX + 16];
    inv_config *config = config_of(text);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_msg(inv_config_set(config, bad[i]) == INV_ECONFIG, "%s", bad[i]);
        ck_assert_message_has("--set ");
    }
    snprintf(path, sizeof path, "%*s=3", INV_TEXT_MAX, "x");
    ck_assert_status(inv_config_set(config, path), INV_ECONFIG);
    ck_assert_status(inv_config_text(config, &after), INV_OK);
    ck_assert_str_eq(after, text);
    free(after);
    inv_config_free(config);
}
END_TEST

/* ---- text of what holds ---- */

START_TEST(text_is_kept_until_changed)
{
    char *text = NULL;
    inv_config *config = config_of(full_text);
    ck_assert_status(inv_config_text(config, &text), INV_OK);
    ck_assert_str_eq(text, full_text);
    free(text);
    inv_config_free(config);
}
END_TEST

static void assert_text_reads_back(inv_config *config, const machine *want)
{
    char *text = NULL, *again = NULL;
    machine m = defaults;
    ck_assert_status(inv_config_text(config, &text), INV_OK);
    inv_config *second = config_of(text);
    ck_assert_status(inv_config_group(second, "", fields, &m), INV_OK);
    assert_machine(&m, want);
    ck_assert_status(inv_config_text(second, &again), INV_OK);
    ck_assert_str_eq(again, text);
    inv_config_free(second);
    free(text);
    free(again);
}

START_TEST(changed_text_reads_back_equal)
{
    static const double weights[] = {1e8, -0.0625, 0.1, 1e-300, 123456789.0, 1.0 / 3.0, 5e8};
    inv_config *config = config_of(full_text);
    machine want = full;
    want.steps = 9007199254740992u;
    ck_assert_status(inv_config_set(config, "steps=9007199254740992"), INV_OK);
    assert_text_reads_back(config, &want);
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) {
        char assignment[64];
        snprintf(assignment, sizeof assignment, "weight=%.17g", weights[i]);
        ck_assert_status(inv_config_set(config, assignment), INV_OK);
        want.weight = weights[i];
        assert_text_reads_back(config, &want);
    }
    strcpy(want.text, "tab\there, \"quoted\" \\ back\\slash\nnewline \x01\r\f end\\");
    ck_assert_status(inv_config_set(config, "text=\"tab\\there, \\\"quoted\\\" \\\\ "
                                            "back\\\\slash\\nnewline \\x01\\r\\f end\\\\\""),
                     INV_OK);
    assert_text_reads_back(config, &want);
    inv_config_free(config);
}
END_TEST

START_TEST(changed_text_keeps_what_others_read)
{
    char *text = NULL;
    inv_config *config =
        config_of("a = ( 1, true, false, ( ), { }, -2147483648, 2.0 ); b = -4000000000L;");
    ck_assert_status(inv_config_set(config, "c=1"), INV_OK);
    ck_assert_status(inv_config_text(config, &text), INV_OK);
    inv_config_free(config);
    config = config_of(text);
    free(text);
    ck_assert_uint_eq(inv_config_length(config, "a"), 7);
    ck_assert_status(inv_config_set(config, "c=2"), INV_OK);
    ck_assert_status(inv_config_text(config, &text), INV_OK);
    ck_assert_ptr_nonnull(strstr(text, "-2147483648, 2.0"));
    ck_assert_ptr_nonnull(strstr(text, "( 1, true, false, (  ), {"));
    ck_assert_ptr_nonnull(strstr(text, "b = -4000000000L;"));
    free(text);
    inv_config_free(config);
}
END_TEST

/* ---- comparing ---- */

static void assert_differ(const char *a, const char *b, const char *want)
{
    static const char *const except[] = {"out", "a.except", NULL};
    char at[INV_TEXT_MAX];
    inv_config *first = config_of(a), *second = config_of(b);
    ck_assert_int_eq(inv_config_differs(first, second, except, at), want != NULL);
    if (want)
        ck_assert_str_eq(at, want);
    inv_config_free(first);
    inv_config_free(second);
}

START_TEST(tells_where_two_differ)
{
    static const char base[] = "x = 1; a = { b = ( 1, { c = 2.5; } ); except = 1; }; t = \"u\";";
    assert_differ(base, base, NULL);
    assert_differ(base,
                  "# laid out otherwise\nt = \"u\";\na = { except = 7; b = ( 1.0,\n { c = "
                  "2.5; } ); }; x = 0x1; out = { y = 3; };",
                  NULL);
    assert_differ(base, "x = 2; a = { b = ( 1, { c = 2.5; } ); }; t = \"u\";", "x");
    assert_differ(base, "x = 1; a = { b = ( 1, { c = 2.25; } ); }; t = \"u\";", "a.b.1.c");
    assert_differ(base, "x = 1; a = { b = ( 1, { c = 2.5; }, 3 ); }; t = \"u\";", "a.b");
    assert_differ(base, "x = 1; a = { b = ( 1, { c = 2.5; } ); }; t = \"v\";", "t");
    assert_differ(base, "x = 1; a = { b = ( 1, { c = 2.5; } ); };", "t");
    assert_differ(base, "x = 1; a = { b = ( 1, { c = 2.5; d = 1; } ); }; t = \"u\";", "a.b.1.d");
    assert_differ("x = 9007199254740993;", "x = 9007199254740992;", "x");
    assert_differ(base, "x = \"1\"; a = { b = ( 1, { c = 2.5; } ); }; t = \"u\";", "x");
}
END_TEST

START_TEST(prints_what_stands_at_a_path)
{
    static const char *const rows[][2] = {
        {"x", "0.1"},       {"a.b", "[1, {\"c\": 2.5}]"}, {"t", "\"caf\xc3\xa9\""},
        {"a.b.1.c", "2.5"}, {"none", "nothing"},          {"a.b.2", "nothing"}};
    inv_config *config =
        config_of("x = 0.1; a = { b = ( 1, { c = 2.5; } ); }; t = \"caf\xc3\xa9\";");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = NULL;
        ck_assert_status(inv_config_print(config, rows[i][0], &text), INV_OK);
        ck_assert_str_eq(text, rows[i][1]);
        free(text);
    }
    inv_config_free(config);
}
END_TEST

/* ---- writing ---- */

START_TEST(written_fields_read_back)
{
    const machine *const machines[] = {&full, &defaults};
    for (size_t i = 0; i < 2; i++) {
        machine m = {.motor = {"electric", 0.0, machines[i]->motor.teeth}};
        inv_config *config = NULL;
        json_t *object = json_object();
        m.motor.rate = machines[i]->motor.rate;
        ck_assert_status(inv_fields_write(fields, machines[i], object), INV_OK);
        ck_assert_ptr_null(json_object_get(object, "elsewhere"));
        char *text = json_dumps(object, 0);
        ck_assert_status(inv_config_read_json("j", text, &config), INV_OK);
        ck_assert_status(inv_config_group(config, "", fields, &m), INV_OK);
        assert_machine(&m, machines[i]);
        inv_config_free(config);
        json_decref(object);
        free(text);
    }
}
END_TEST

START_TEST(a_group_is_copied_and_taken_away)
{
    inv_config *config = NULL;
    char *text = NULL;
    ck_assert_status(
        inv_config_read_text("c", "list = ( { n = 3; }, { n = 7; } ); top = 1;", &config), INV_OK);
    ck_assert_status(inv_config_copy(config, "list.1", "one"), INV_OK);
    ck_assert_status(inv_config_set(config, "list.1.n=8"), INV_OK);
    ck_assert_status(inv_config_print(config, "one.n", &text), INV_OK);
    ck_assert_str_eq(text, "7"); /* a copy */
    free(text);
    inv_config_remove(config, "list");
    inv_config_remove(config, "list");
    ck_assert(!inv_config_has(config, "list") && inv_config_has(config, "top"));
    ck_assert_status(inv_config_copy(config, "list.0", "one"), INV_ECONFIG);
    ck_assert_message_has("list.0: missing");
    inv_config_free(config);
}
END_TEST

/* Without a setting too, the text is what holds now. */
START_TEST(a_copy_is_in_the_text)
{
    inv_config *config = NULL, *again = NULL;
    char *text = NULL;
    ck_assert_status(inv_config_read_text("c", "a = { n = 3; };", &config), INV_OK);
    ck_assert_status(inv_config_copy(config, "a", "b"), INV_OK);
    ck_assert_status(inv_config_text(config, &text), INV_OK);
    ck_assert_status(inv_config_read_text("again", text, &again), INV_OK);
    ck_assert(inv_config_has(again, "b.n"));
    free(text);
    inv_config_free(config);
    inv_config_free(again);
}
END_TEST

Suite *config_suite(void)
{
    Suite *suite = suite_create("config");
    TCase *tests = tcase_create("config");
    tcase_add_test(tests, a_group_is_copied_and_taken_away);
    tcase_add_test(tests, a_copy_is_in_the_text);
    tcase_add_test(tests, reads_every_type);
    tcase_add_test(tests, keeps_defaults);
    tcase_add_test(tests, numbers_have_ends);
    tcase_add_test(tests, whole_numbers_are_not_cut);
    tcase_add_test(tests, whole_numbers_have_at_most_64_bits);
    tcase_add_test(tests, refuses_wrong_types);
    tcase_add_test(tests, ranges_are_one_number_or_two);
    tcase_add_test(tests, texts_have_a_length_and_names_an_alphabet);
    tcase_add_test(tests, lists_have_a_length);
    tcase_add_test(tests, numbers_of_a_list_are_mixed_as_one_likes);
    tcase_add_test(tests, choices_and_keys_are_suggested);
    tcase_add_test(tests, messages_name_the_line);
    tcase_add_test(tests, missing_keys_and_groups);
    tcase_add_test(tests, tables_may_share_a_group);
    tcase_add_test(tests, looks_along_paths);
    tcase_add_test(tests, refuses_texts);
    tcase_add_test(tests, nesting_has_an_end);
    tcase_add_test(tests, reads_json_at_the_root);
    tcase_add_test(tests, reads_files);
    tcase_add_test(tests, reads_past_a_mark_and_names_other_files);
    tcase_add_test(tests, sets_every_type);
    tcase_add_test(tests, bare_words_are_text);
    tcase_add_test(tests, sets_deep_and_new);
    tcase_add_test(tests, a_setting_at_fault_is_named);
    tcase_add_test(tests, refuses_to_set);
    tcase_add_test(tests, text_is_kept_until_changed);
    tcase_add_test(tests, changed_text_reads_back_equal);
    tcase_add_test(tests, changed_text_keeps_what_others_read);
    tcase_add_test(tests, tells_where_two_differ);
    tcase_add_test(tests, prints_what_stands_at_a_path);
    tcase_add_test(tests, written_fields_read_back);
    suite_add_tcase(suite, tests);
    return suite;
}
