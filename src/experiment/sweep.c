/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/sweep.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <nettle/sha2.h>

#include "base/config.h"
#include "invproj/experiment.h"
#include "invproj/rng.h"

#define KEYS_MAX   32
#define VALUES_MAX 100000 /* of a list */

/* A key that varies: over a list, over a range, or by chance. */
typedef struct variable {
    char key[INV_TEXT_MAX];
    double from, to, step;
    char scale[INV_NAME_MAX];
    char place[INV_NAME_MAX]; /* in the file: "grid.0" */
    bool whole;               /* from, to and step are whole numbers */
    size_t count;             /* of its values, or of the draws */
    size_t listed;            /* values of a list; 0: a range */
    char **values;
} variable;

/* Values that do not go together: one of each of `count` variables. */
typedef struct exclusion {
    size_t count;
    struct {
        size_t variable, value;
    } of[KEYS_MAX];
} exclusion;

struct inv_sweep {
    size_t set_count;
    char **sets;
    char *base; /* the experiment's text, before anything is set */
    variable keys[KEYS_MAX];
    size_t grid, zip, drawn; /* of the keys, in this order */
    size_t rows, draws;      /* of zip and of the draws; 1 where there are none */
    size_t seed;
    size_t count;
    uint32_t *kept; /* [count]: which of all combinations each item is; NULL: all of them */
    uint8_t sha256[SHA256_DIGEST_SIZE]; /* of what all items share */
};

/* ---- keys of a sweep file ---- */

typedef struct top {
    char experiment[INV_TEXT_MAX], title[INV_TEXT_MAX];
} top;

static const inv_field top_fields[] = {
    {"experiment", INV_FIELD_TEXT, offsetof(top, experiment), .required = true,
     .help = "the experiment file, from this file's folder"},
    {"title", INV_FIELD_TEXT, offsetof(top, title), .help = "the sweep in a few words"},
    {"set", INV_FIELD_OTHER, .help = "what is the same for all: [ \"PATH=VALUE\", ... ]"},
    {"grid", INV_FIELD_OTHER, .help = "keys of which every value goes with every other"},
    {"zip", INV_FIELD_OTHER, .help = "keys that change together"},
    {"random", INV_FIELD_OTHER, .help = "keys whose values are drawn"},
    {"exclude", INV_FIELD_OTHER,
     .help = "values that do not go together: ( [ \"KEY=VALUE\", ... ], ... )"},
    {0}};

static const inv_choice scales[] = {{"linear", NULL}, {"log", NULL}, {0}};

/* clang-format off */
#define VARIABLE_FIELDS                                                                            \
    {"key", INV_FIELD_TEXT, offsetof(variable, key), .required = true,                             \
     .help = "the key of the experiment, as --set takes it"},                                      \
    {"values", INV_FIELD_OTHER, .help = "its values, or"},                                         \
    {"from", INV_FIELD_REAL, offsetof(variable, from), -1e300, 1e300, .help = "the lowest"},       \
    {"to", INV_FIELD_REAL, offsetof(variable, to), -1e300, 1e300, .help = "and the highest"}
/* clang-format on */

static const inv_field listed_fields[] = {VARIABLE_FIELDS,
                                          {"step", INV_FIELD_REAL, offsetof(variable, step), 1e-300,
                                           1e300, .help = "from one value to the next"},
                                          {0}};
static const inv_field drawn_fields[] = {VARIABLE_FIELDS,
                                         {"scale", INV_FIELD_NAME, offsetof(variable, scale),
                                          .choices = scales, .help = "on which draws are even"},
                                         {0}};
static const inv_field random_fields[] = {
    {"draws", INV_FIELD_SIZE, offsetof(inv_sweep, draws), 1, INV_SWEEP_MAX, .required = true,
     .help = "how many"},
    {"seed", INV_FIELD_SIZE, offsetof(inv_sweep, seed), 0, 0x1p53, .help = "seed of the draws"},
    {"keys", INV_FIELD_OTHER, .required = true, .help = "what is drawn"},
    {0}};

/* The error of the experiment, told of the place in the sweep file. */
static inv_status error_at(const inv_config *file, const char *place)
{
    const char *why = inv_error_message();
    return inv_config_error(file, place, "%s", why + (strncmp(why, "--set ", 6) == 0 ? 6 : 0));
}

/* The list at `path`, which must not be empty where it is there. */
static inv_status list_at(const inv_config *file, const char *path, size_t most, size_t *count)
{
    *count = inv_config_length(file, path);
    if (!inv_config_has(file, path))
        return INV_OK;
    if (!json_is_array(inv_config_node(file, path)))
        return inv_config_error(file, path, "must be a list, as in ( ..., ... )");
    if (*count == 0)
        return inv_config_error(file, path, "is an empty list; leave it out or fill it");
    if (*count > most)
        return inv_config_error(file, path, "has %zu entries; at most %zu are taken", *count, most);
    return INV_OK;
}

/* ---- one key ---- */

static inv_status take_values(const inv_config *file, variable *v)
{
    char path[INV_TEXT_MAX];
    void *memory = NULL;
    size_t count = 0;
    inv_status status = INV_OK;
    snprintf(path, sizeof path, "%s.values", v->place);
    INV_TRY(list_at(file, path, VALUES_MAX, &count));
    INV_TRY(inv_calloc(count, sizeof *v->values, path, &memory));
    v->values = memory;
    for (size_t i = 0; i < count; i++)
        INV_TRY(inv_config_literal(json_array_get(inv_config_node(file, path), i), &v->values[i]));
    v->listed = count;
done:
    return status;
}

static const json_t *node_at(const inv_config *file, const char *place, const char *key)
{
    char path[INV_TEXT_MAX];
    inv_path_join(place, key, path);
    return inv_config_node(file, path);
}

static bool has_at(const inv_config *file, const char *place, const char *key)
{
    return node_at(file, place, key) != NULL;
}

static bool is_whole_at(const inv_config *file, const char *place, const char *key)
{
    return !has_at(file, place, key) || json_is_integer(node_at(file, place, key));
}

static inv_status take_range(const inv_config *file, variable *v)
{
    v->whole = is_whole_at(file, v->place, "from") && is_whole_at(file, v->place, "to") &&
               is_whole_at(file, v->place, "step");
    if (!(v->from <= v->to))
        return inv_config_error(file, v->place, "%s: from %g to %g is no range", v->key, v->from,
                                v->to);
    if (strcmp(v->scale, "log") == 0 && !(v->from > 0.0))
        return inv_config_error(file, v->place, "%s: a logarithmic scale begins above 0, not at %g",
                                v->key, v->from);
    if (!v->whole && v->step == 0.0 && !*v->scale)
        return inv_config_error(file, v->place, "%s: needs a step, or values", v->key);
    return INV_OK;
}

/* How many steps lead from one end to the other, both counted; rounding may leave the last one short. */
static size_t count_range(const variable *v)
{
    const double steps = floor((v->to - v->from) / (v->step > 0.0 ? v->step : 1.0) + 1e-9) + 1.0;
    return steps < 0x1p62 ? (size_t)steps : (size_t)1 << 62;
}

static inv_status read_variable(const inv_config *file, const inv_field *fields, variable *v)
{
    inv_status status = INV_OK;
    v->from = NAN;
    v->to = NAN;
    INV_TRY(inv_config_group(file, v->place, fields, v));
    if (!*v->key ||
        strspn(v->key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") !=
            strlen(v->key))
        INV_RAISE(inv_config_error(file, v->place, "'%s' is not the name of a key", v->key));
    const bool listed = has_at(file, v->place, "values");
    const bool from = has_at(file, v->place, "from"), to = has_at(file, v->place, "to");
    if (listed ? from || to : !from || !to)
        INV_RAISE(
            inv_config_error(file, v->place, "%s: needs either values, or from and to", v->key));
    INV_TRY(listed ? take_values(file, v) : take_range(file, v));
    v->count = listed ? v->listed : count_range(v);
done:
    return status;
}

/* ---- all keys ---- */

static size_t key_count(const inv_sweep *s)
{
    return s->grid + s->zip + s->drawn;
}

static inv_status read_keys(const inv_config *file, const char *list, const inv_field *fields,
                            inv_sweep *s, size_t *count)
{
    inv_status status = list_at(file, list, KEYS_MAX, count);
    const size_t first = key_count(s) - *count;
    if (status == INV_OK && key_count(s) > KEYS_MAX)
        return inv_config_error(file, list, "over %d keys vary", KEYS_MAX);
    for (size_t i = 0; i < *count && status == INV_OK; i++) {
        variable *v = &s->keys[first + i];
        if (fields == drawn_fields)
            strcpy(v->scale, "linear");
        snprintf(v->place, sizeof v->place, "%s.%zu", list, i);
        status = read_variable(file, fields, v);
        for (size_t k = 0; k < first + i && status == INV_OK; k++)
            if (strcmp(s->keys[k].key, v->key) == 0)
                status = inv_config_error(file, v->place, "%s varies already, by %s", v->key,
                                          s->keys[k].place);
    }
    return status;
}

static inv_status read_zip(const inv_config *file, inv_sweep *s)
{
    inv_status status = read_keys(file, "zip", listed_fields, s, &s->zip);
    const variable *first = &s->keys[s->grid];
    s->rows = s->zip ? first->count : 1;
    for (size_t i = 1; i < s->zip && status == INV_OK; i++)
        if (first[i].count != s->rows)
            status = inv_config_error(file, first[i].place, "%s has %zu values, but %s %zu",
                                      first[i].key, first[i].count, first->key, s->rows);
    return status;
}

static inv_status read_random(const inv_config *file, inv_sweep *s)
{
    s->draws = s->seed = 1;
    if (!inv_config_has(file, "random"))
        return INV_OK;
    inv_status status = inv_config_group(file, "random", random_fields, s);
    if (status == INV_OK)
        status = read_keys(file, "random.keys", drawn_fields, s, &s->drawn);
    for (size_t k = s->grid + s->zip; k < key_count(s); k++)
        s->keys[k].count = s->draws;
    return status;
}

/* ---- values ---- */

/* Which value each key has in a combination: the first key of the grid changes slowest. */
static void decode(const inv_sweep *s, size_t combination, size_t index[KEYS_MAX])
{
    const size_t draw = combination % s->draws, row = combination / s->draws % s->rows;
    size_t left = combination / s->draws / s->rows;
    for (size_t k = s->grid; k-- > 0;) {
        index[k] = left % s->keys[k].count;
        left /= s->keys[k].count;
    }
    for (size_t k = s->grid; k < key_count(s); k++)
        index[k] = k < s->grid + s->zip ? row : draw;
}

/* Even digits of the range, or of its logarithm; six digits, which every C library's exp agrees on. */
static const char *draw_value(const variable *v, double u, char number[INV_SWEEP_NUMBER])
{
    const bool log_scale = strcmp(v->scale, "log") == 0;
    const double end = v->to + (v->whole ? 1.0 : 0.0);
    double x = log_scale ? v->from * exp(u * log(end / v->from)) : v->from + u * (end - v->from);
    if (v->whole) {
        x = fmin(floor(x), v->to);
        snprintf(number, INV_SWEEP_NUMBER, "%.0f", x);
    } else {
        snprintf(number, INV_SWEEP_NUMBER, "%.6g", x);
        inv_real_text(strtod(number, NULL), number);
    }
    return number;
}

static bool is_drawn(const inv_sweep *s, size_t k)
{
    return k >= s->grid + s->zip;
}

/* Each draw of each key has a number of its own. */
static uint64_t draw_bits(const inv_sweep *s, size_t k, size_t draw)
{
    return inv_rng_mix(inv_rng_mix(s->seed, k), draw);
}

/* Which value of a list it is. */
static size_t value_of_list(const inv_sweep *s, size_t k, size_t index)
{
    return is_drawn(s, k) ? draw_bits(s, k, index) % s->keys[k].listed : index;
}

static const char *value_at(const inv_sweep *s, size_t k, size_t index,
                            char number[INV_SWEEP_NUMBER])
{
    const variable *v = &s->keys[k];
    if (v->listed)
        return v->values[value_of_list(s, k, index)];
    if (is_drawn(s, k))
        return draw_value(v, (double)(draw_bits(s, k, index) >> 11) * 0x1p-53, number);
    const double x = v->from + (double)index * (v->step > 0.0 ? v->step : 1.0);
    if (v->whole) {
        snprintf(number, INV_SWEEP_NUMBER, "%.0f", x);
    } else {
        snprintf(number, INV_SWEEP_NUMBER, "%.12g", x); /* 0.3, not 0.1 + 0.1 + 0.1 */
        inv_real_text(strtod(number, NULL), number);
    }
    return number;
}

/* ---- what is left out ---- */

/* Whether two texts say the same value: 0.01 is 1e-2. */
static bool is_same(const char *a, const char *b)
{
    char *end_a = NULL, *end_b = NULL;
    const double x = strtod(a, &end_a), y = strtod(b, &end_b);
    return strcmp(a, b) == 0 || (end_a != a && !*end_a && end_b != b && !*end_b && x == y);
}

static inv_status find_pair(const inv_config *file, const char *place, const inv_sweep *s,
                            exclusion *e)
{
    const char *pair = inv_config_text_at(file, place), *equals = pair ? strchr(pair, '=') : NULL;
    char number[INV_SWEEP_NUMBER], *wanted = NULL;
    json_t *value = NULL;
    size_t k = 0, i = 0;
    inv_status status = INV_OK;
    if (!equals)
        return inv_config_error(file, place, "must be \"KEY=VALUE\", as in \"seed=3\"");
    while (k < s->grid + s->zip && (strlen(s->keys[k].key) != (size_t)(equals - pair) ||
                                    strncmp(s->keys[k].key, pair, (size_t)(equals - pair)) != 0))
        k++;
    if (k == s->grid + s->zip)
        return inv_config_error(file, place, "%.*s is no key of grid or zip", (int)(equals - pair),
                                pair);
    INV_TRY(inv_config_value(equals + 1, &value));
    INV_TRY(inv_config_literal(value, &wanted));
    while (i < s->keys[k].count && !is_same(value_at(s, k, i, number), wanted))
        i++;
    if (i == s->keys[k].count)
        INV_RAISE(inv_config_error(file, place, "%s is never %s", s->keys[k].key, equals + 1));
    e->of[e->count].variable = k;
    e->of[e->count++].value = i;
done:
    json_decref(value);
    free(wanted);
    return status;
}

static inv_status read_exclusions(const inv_config *file, const inv_sweep *s, exclusion **out,
                                  size_t *count)
{
    void *memory = NULL;
    char place[INV_TEXT_MAX];
    inv_status status = INV_OK;
    INV_TRY(list_at(file, "exclude", VALUES_MAX, count));
    if (*count == 0)
        return INV_OK;
    INV_TRY(inv_calloc(*count, sizeof **out, "exclude", &memory));
    *out = memory;
    for (size_t i = 0; i < *count; i++) {
        size_t pairs = 0;
        snprintf(place, sizeof place, "exclude.%zu", i);
        INV_TRY(list_at(file, place, KEYS_MAX, &pairs));
        if (pairs == 0)
            INV_RAISE(inv_config_error(file, place, "must be a list of \"KEY=VALUE\""));
        for (size_t j = 0; j < pairs; j++) {
            snprintf(place, sizeof place, "exclude.%zu.%zu", i, j);
            INV_TRY(find_pair(file, place, s, &(*out)[i]));
        }
    }
done:
    return status;
}

static bool is_excluded(const exclusion *list, size_t count, const size_t index[KEYS_MAX])
{
    for (size_t e = 0; e < count; e++) {
        size_t same = 0;
        while (same < list[e].count && index[list[e].of[same].variable] == list[e].of[same].value)
            same++;
        if (same == list[e].count)
            return true;
    }
    return false;
}

static inv_status drop_excluded(const inv_config *file, inv_sweep *s)
{
    exclusion *list = NULL;
    size_t exclusions = 0, left = 0;
    void *memory = NULL;
    inv_status status = INV_OK;
    INV_TRY(read_exclusions(file, s, &list, &exclusions));
    if (exclusions == 0)
        goto done;
    INV_TRY(inv_calloc(s->count, sizeof *s->kept, "exclude", &memory));
    s->kept = memory;
    for (size_t c = 0; c < s->count; c++) {
        size_t index[KEYS_MAX];
        decode(s, c, index);
        if (!is_excluded(list, exclusions, index))
            s->kept[left++] = (uint32_t)c;
    }
    s->count = left;
    if (left == 0)
        INV_RAISE(inv_config_error(file, "exclude", "leaves nothing to run"));
done:
    free(list);
    return status;
}

/* ---- checking ---- */

static inv_status apply_item(const inv_sweep *s, inv_config *config, size_t item)
{
    char number[INV_SWEEP_NUMBER];
    inv_status status = INV_OK;
    for (size_t k = 0; k < key_count(s) && status == INV_OK; k++) {
        char *text = NULL;
        if (asprintf(&text, "%s=%s", s->keys[k].key, inv_sweep_value(s, item, k, number)) < 0)
            return INV_ERROR(INV_ENOMEM, "sweep: no memory");
        status = inv_config_set(config, text);
        free(text);
    }
    return status;
}

/* `config` may hold another item. */
static inv_status check_item(const inv_config *file, const inv_sweep *s, inv_config *config,
                             size_t item, size_t k)
{
    inv_experiment *experiment = NULL;
    inv_status status = apply_item(s, config, item);
    if (status == INV_OK)
        status = inv_experiment_read(config, &experiment);
    inv_experiment_free(experiment);
    return status == INV_ECONFIG ? error_at(file, s->keys[k].place) : status;
}

/* The lowest and the highest number that key k takes in a range or by chance. */
static void find_ends(const inv_sweep *s, size_t k, double ends[2])
{
    char number[INV_SWEEP_NUMBER];
    const size_t count = s->keys[k].count, each = is_drawn(s, k) || count < 2 ? 1 : count - 1;
    ends[0] = INFINITY;
    ends[1] = -INFINITY;
    for (size_t i = 0; i < count; i += each) {
        const double x = strtod(value_at(s, k, i, number), NULL);
        ends[0] = fmin(ends[0], x);
        ends[1] = fmax(ends[1], x);
    }
}

/* Each value of a list, and both ends of numbers, in the first item that has it. */
static inv_status check_key(const inv_config *file, const inv_sweep *s, inv_config *config,
                            size_t k)
{
    const variable *v = &s->keys[k];
    size_t left = v->listed ? v->listed : 2;
    double ends[2] = {0};
    void *memory = NULL;
    inv_status status = inv_calloc(v->listed ? v->listed : 2, 1, "sweep", &memory);
    char *seen = memory, number[INV_SWEEP_NUMBER];
    if (!v->listed)
        find_ends(s, k, ends);
    for (size_t item = 0; status == INV_OK && item < s->count && left > 0; item++) {
        size_t index[KEYS_MAX], which = 0;
        decode(s, s->kept ? s->kept[item] : item, index);
        if (v->listed) {
            which = value_of_list(s, k, index[k]);
        } else {
            const double x = strtod(value_at(s, k, index[k], number), NULL);
            which = x == ends[0] ? 0 : x == ends[1] ? 1 : 2;
        }
        if ((v->listed || which < 2) && !seen[which]) {
            seen[which] = 1;
            left--;
            status = check_item(file, s, config, item, k);
        }
    }
    free(memory);
    return status;
}

/* ---- names ---- */

static void hash_item(const inv_sweep *s, size_t item, struct sha256_ctx *hash)
{
    char number[INV_SWEEP_NUMBER];
    for (size_t k = 0; k < key_count(s); k++) {
        const char *value = inv_sweep_value(s, item, k, number);
        sha256_update(hash, strlen(s->keys[k].key), (const uint8_t *)s->keys[k].key);
        sha256_update(hash, 1, (const uint8_t *)"=");
        sha256_update(hash, strlen(value) + 1, (const uint8_t *)value);
    }
}

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Of each item, 44 bits of its hash and, below them, which item it is. */
static void list_hashes(const inv_sweep *s, uint64_t *list)
{
    for (size_t item = 0; item < s->count; item++) {
        uint8_t digest[8];
        struct sha256_ctx hash;
        uint64_t bits = 0;
        sha256_init(&hash);
        hash_item(s, item, &hash);
        sha256_digest(&hash, sizeof digest, digest);
        memcpy(&bits, digest, sizeof bits);
        list[item] = bits << 20 | item;
    }
}

static bool are_same(const inv_sweep *s, size_t a, size_t b)
{
    char number_a[INV_SWEEP_NUMBER], number_b[INV_SWEEP_NUMBER];
    for (size_t k = 0; k < key_count(s); k++)
        if (strcmp(inv_sweep_value(s, a, k, number_a), inv_sweep_value(s, b, k, number_b)) != 0)
            return false;
    return true;
}

/* Two items that say the same would be one run. */
static inv_status check_different(const inv_config *file, const inv_sweep *s)
{
    void *memory = NULL;
    inv_status status = inv_calloc(s->count, sizeof(uint64_t), "sweep", &memory);
    uint64_t *list = memory;
    if (status != INV_OK)
        return status;
    list_hashes(s, list);
    qsort(list, s->count, sizeof *list, compare_numbers);
    for (size_t i = 1; i < s->count && status == INV_OK; i++) {
        const size_t a = list[i - 1] & 0xfffff, b = list[i] & 0xfffff;
        if (list[i - 1] >> 20 == list[i] >> 20 && are_same(s, a, b))
            status = inv_config_error(file, "",
                                      "experiments %zu and %zu are the same (--show tells them): a "
                                      "value is there twice, or drawn twice",
                                      a, b);
    }
    free(memory);
    return status;
}

/* Of all that the items share: the experiment, with nothing at the keys that vary, nor where the data
 * stand. */
static inv_status hash_base(inv_sweep *s, inv_config *config)
{
    struct sha256_ctx hash;
    inv_status status = inv_config_set(config, "data.folder=\"\"");
    for (size_t k = 0; k < key_count(s) && (status == INV_OK || status == INV_ECONFIG); k++) {
        char text[INV_TEXT_MAX + 4];
        snprintf(text, sizeof text, "%s=\"\"", s->keys[k].key);
        status = inv_config_set(config, text); /* one within another is gone already */
    }
    if (status != INV_OK && status != INV_ECONFIG)
        return status;
    char *text = json_dumps(inv_config_node(config, ""), JSON_COMPACT | JSON_SORT_KEYS);
    if (!text)
        return INV_ERROR(INV_ENOMEM, "sweep: no memory");
    sha256_init(&hash);
    sha256_update(&hash, strlen(text), (const uint8_t *)text);
    sha256_digest(&hash, sizeof s->sha256, s->sha256);
    free(text);
    return INV_OK;
}

/* ---- reading ---- */

static inv_status add_set(inv_sweep *s, const char *text)
{
    s->sets[s->set_count] = strdup(text);
    return s->sets[s->set_count++] ? INV_OK : INV_ERROR(INV_ENOMEM, "sweep: no memory");
}

static inv_status try_set(inv_config *config, const char *text)
{
    inv_experiment *experiment = NULL;
    inv_status status = inv_config_set(config, text);
    if (status == INV_OK)
        status = inv_experiment_read(config, &experiment);
    inv_experiment_free(experiment);
    return status;
}

/* The settings of the file, then those given, each tried on the experiment. */
static inv_status read_sets(const inv_config *file, const char *const *sets, size_t set_count,
                            inv_sweep *s, inv_config *config)
{
    size_t count = 0;
    void *memory = NULL;
    char place[INV_TEXT_MAX];
    inv_status status = INV_OK;
    INV_TRY(list_at(file, "set", VALUES_MAX, &count));
    INV_TRY(inv_calloc(count + set_count + 1, sizeof *s->sets, "sweep", &memory));
    s->sets = memory;
    for (size_t i = 0; i < count; i++) {
        snprintf(place, sizeof place, "set.%zu", i);
        const char *text = inv_config_text_at(file, place);
        if (!text)
            INV_RAISE(inv_config_error(file, place, "must be text, \"PATH=VALUE\""));
        INV_TRY(add_set(s, text));
        status = try_set(config, text);
        if (status != INV_OK)
            INV_RAISE(status == INV_ECONFIG ? error_at(file, place) : status);
    }
    for (size_t i = 0; i < set_count; i++) {
        INV_TRY(add_set(s, sets[i]));
        INV_TRY(try_set(config, sets[i]));
    }
done:
    return status;
}

/* Whether a setting says something of the key, or of what is within it. */
static bool sets_key(const char *set, const char *key)
{
    const size_t length = strlen(key);
    return strncmp(set, key, length) == 0 && (set[length] == '=' || set[length] == '.');
}

/* A setting of a key that varies would be lost, as each experiment has its own value. */
static inv_status check_sets(const inv_config *file, const inv_sweep *s)
{
    const size_t own = inv_config_length(file, "set");
    for (size_t i = 0; i < s->set_count; i++)
        for (size_t k = 0; k < key_count(s); k++) {
            char place[INV_TEXT_MAX];
            if (!sets_key(s->sets[i], s->keys[k].key))
                continue;
            snprintf(place, sizeof place, "set.%zu", i);
            if (i < own)
                return inv_config_error(file, place, "%s: %s varies, by %s; leave one of them out",
                                        s->sets[i], s->keys[k].key, s->keys[k].place);
            return INV_ERROR(INV_ECONFIG, "--set %s: %s varies in the sweep, by %s; leave it out",
                             s->sets[i], s->keys[k].key, s->keys[k].place);
        }
    return INV_OK;
}

static inv_status count_items(const inv_config *file, inv_sweep *s)
{
    s->count = s->rows;
    for (size_t k = 0; k <= s->grid; k++) {
        const size_t more = k < s->grid ? s->keys[k].count : s->draws;
        s->count = s->count > SIZE_MAX / more ? SIZE_MAX : s->count * more;
    }
    if (s->count > INV_SWEEP_MAX)
        return inv_config_error(file, "",
                                "asks for %s%zu experiments; at most %d are taken: make the grid "
                                "smaller, or draw some with random",
                                s->count == SIZE_MAX ? "over " : "", s->count, INV_SWEEP_MAX);
    return INV_OK;
}

static inv_status read_all(const inv_config *file, const char *const *sets, size_t set_count,
                           inv_sweep *s, inv_config *config)
{
    top ignored;
    inv_experiment *experiment = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_config_group(file, "", top_fields, &ignored));
    INV_TRY(inv_experiment_read(config, &experiment));
    INV_TRY(read_sets(file, sets, set_count, s, config));
    INV_TRY(read_keys(file, "grid", listed_fields, s, &s->grid));
    INV_TRY(read_zip(file, s));
    INV_TRY(read_random(file, s));
    if (key_count(s) == 0)
        INV_RAISE(inv_config_error(file, "", "nothing varies; give grid, zip or random"));
    INV_TRY(check_sets(file, s));
    INV_TRY(count_items(file, s));
    INV_TRY(drop_excluded(file, s));
    for (size_t k = 0; k < key_count(s); k++)
        INV_TRY(check_key(file, s, config, k));
    INV_TRY(check_different(file, s));
    INV_TRY(hash_base(s, config));
done:
    inv_experiment_free(experiment);
    return status;
}

inv_status inv_sweep_read(const inv_config *file, const inv_config *base, const char *const *sets,
                          size_t set_count, inv_sweep **out)
{
    void *memory = NULL;
    inv_config *config = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(inv_calloc(1, sizeof(inv_sweep), "sweep", &memory));
    inv_sweep *s = memory;
    INV_TRY(inv_config_text(base, &s->base));
    INV_TRY(inv_config_read_text(inv_config_name(base), s->base, &config));
    INV_TRY(read_all(file, sets, set_count, s, config));
    *out = s;
    memory = NULL;
done:
    inv_config_free(config);
    inv_sweep_free(memory);
    return status;
}

void inv_sweep_free(inv_sweep *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->set_count; i++)
        free(s->sets[i]);
    for (size_t k = 0; k < KEYS_MAX; k++) {
        for (size_t i = 0; s->keys[k].values && i < s->keys[k].listed; i++)
            free(s->keys[k].values[i]);
        free(s->keys[k].values);
    }
    free(s->sets);
    free(s->base);
    free(s->kept);
    free(s);
}

/* ---- asking ---- */

size_t inv_sweep_count(const inv_sweep *sweep)
{
    return sweep->count;
}

size_t inv_sweep_sets(const inv_sweep *sweep)
{
    return sweep->set_count;
}

const char *inv_sweep_set(const inv_sweep *sweep, size_t i)
{
    return sweep->sets[i];
}

size_t inv_sweep_keys(const inv_sweep *sweep)
{
    return key_count(sweep);
}

const char *inv_sweep_key(const inv_sweep *sweep, size_t k)
{
    return sweep->keys[k].key;
}

const char *inv_sweep_value(const inv_sweep *sweep, size_t item, size_t k,
                            char number[INV_SWEEP_NUMBER])
{
    size_t index[KEYS_MAX];
    decode(sweep, sweep->kept ? sweep->kept[item] : item, index);
    return value_at(sweep, k, index[k], number);
}

inv_status inv_sweep_item(const inv_sweep *sweep, size_t item, inv_config **out)
{
    inv_config *config = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(inv_config_read_text("experiment", sweep->base, &config));
    for (size_t i = 0; i < sweep->set_count; i++)
        INV_TRY(inv_config_set(config, sweep->sets[i]));
    INV_TRY(apply_item(sweep, config, item));
    *out = config;
    config = NULL;
done:
    inv_config_free(config);
    return status;
}

static void print_digits(const uint8_t *bytes, size_t count, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * count] = 0;
}

void inv_sweep_name(const inv_sweep *sweep, size_t item, const char *data,
                    char name[INV_SWEEP_NAME])
{
    struct sha256_ctx hash;
    uint8_t digest[8];
    sha256_init(&hash);
    sha256_update(&hash, sizeof sweep->sha256, sweep->sha256);
    hash_item(sweep, item, &hash);
    sha256_update(&hash, strlen(data), (const uint8_t *)data);
    sha256_digest(&hash, sizeof digest, digest);
    print_digits(digest, sizeof digest, name);
}

void inv_sweep_sha256(const inv_sweep *sweep, const char *data, char sha256[65])
{
    struct sha256_ctx hash;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&hash);
    sha256_update(&hash, sizeof sweep->sha256, sweep->sha256);
    for (size_t item = 0; item < sweep->count; item++)
        hash_item(sweep, item, &hash);
    sha256_update(&hash, strlen(data), (const uint8_t *)data);
    sha256_digest(&hash, sizeof digest, digest);
    print_digits(digest, sizeof digest, sha256);
}
