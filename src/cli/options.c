/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "invproj/help.h"

#define THREADS_MAX 1024 /* OpenMP does not survive any number */

typedef enum option_kind {
    FLAG,   /* a bool */
    TEXT,   /* a string, kept as it is */
    NUMBER, /* a whole number, a uint64_t */
    SET,    /* PATH=VALUE */
    PRESET, /* the whole group becomes a preset, whatever else is set */
    KEY,    /* text for a key of the command's group */
    KEY_NUMBER,
    KEY_LIST, /* 1,2,5-9 */
    CLASSES   /* the same, or names that only the run file knows */
} option_kind;

typedef struct option {
    char letter;
    const char *name, *operand, *help;
    option_kind kind;
    size_t offset;   /* in cli_options, for FLAG, TEXT and NUMBER */
    const char *key; /* of the group, for the KEYs */
} option;

#define MEMBER(name) offsetof(cli_options, name)

static const option options_table[CLI_OPTION_COUNT] = {
    [CLI_OUT] = {'o', "out", "PATH", "folder (run, pack) or run file (train) to write", TEXT,
                 MEMBER(out), NULL},
    [CLI_DATA] = {0, "data", "DIR", "folder of the four IDX files, in place of the experiment's",
                  TEXT, MEMBER(data), NULL},
    [CLI_SEED] = {0, "seed", "N", "seed of all random numbers (default: the experiment's, or 1)",
                  NUMBER, MEMBER(seed), NULL},
    [CLI_THREADS] = {0, "threads", "N", "processor threads to use (default: all)", NUMBER,
                     MEMBER(threads), NULL},
    [CLI_SET] = {0, "set", "PATH=VALUE", "change a key of the experiment; may be repeated", SET, 0,
                 NULL},
    [CLI_CHECKPOINT] = {0, "checkpoint", "EVERY",
                        "leave a checkpoint every 500 (steps) or 30s (seconds)", TEXT,
                        MEMBER(checkpoint), NULL},
    [CLI_RESUME] = {0, "resume", NULL, "go on from the newest checkpoint", FLAG, MEMBER(resume),
                    NULL},
    [CLI_FORCE] = {0, "force", NULL, "write over an earlier run (and nothing else)", FLAG,
                   MEMBER(force), NULL},
    [CLI_QUIET] = {'q', "quiet", NULL, "show no progress", FLAG, MEMBER(quiet), NULL},
    [CLI_NAME] = {0, "name", "NAME", "name of the result in the run file", KEY, 0, "name"},
    [CLI_KIND] = {0, "kind", "KIND", "how the inverse is found", KEY, 0, "kind"},
    [CLI_AT] = {0, "at", "POINT", "point to start from, as hidden2.pre", KEY, 0, "at"},
    [CLI_INVERSE] = {0, "inverse", "NAME", "name of the inverse to use", KEY, 0, "inverse"},
    [CLI_CLASSES] = {0, "classes", "LIST", "numbers or names of classes, as 0,3,5-9", CLASSES, 0,
                     NULL},
    [CLI_STEPS] = {0, "steps", "N", "number of steps", KEY_NUMBER, 0, "steps"},
    [CLI_COUNT] = {0, "count", "N", "number of images", KEY_NUMBER, 0, "images"},
    [CLI_PRESET] = {0, "preset", "NAME",
                    "settings in place of all that the experiment says of them", PRESET, 0,
                    "preset"},
    [CLI_OBJECTIVE] = {0, "objective", "NAME", "what to optimise for", KEY, 0, "objective"},
    [CLI_EACH] = {0, "count", "N", "number of images of each class", KEY_NUMBER, 0, "count"},
    [CLI_TARGETS] = {0, "targets", "LIST", "numbers of test images to be matched, as 0-9", KEY_LIST,
                     0, "targets"},
    [CLI_JUDGE] = {0, "judge", "OTHER.h5", "run whose net says what it sees in the images", TEXT,
                   MEMBER(judge), NULL},
    [CLI_FRAMES] = {0, "frames", "DIR", "folder for numbered pictures of the way there", TEXT,
                    MEMBER(frames), NULL},
    [CLI_SINGLE] = {0, "single", NULL, "draw a PNG file for each image, in a folder, not one sheet",
                    FLAG, MEMBER(single), NULL},
    [CLI_LAYER] = {0, "layer", "POINT", "point whose units or channels are asked", KEY, 0, "layer"},
    [CLI_UNITS] = {0, "units", "LIST", "numbers of units or channels, as 0-15", KEY_LIST, 0,
                   "units"},
    [CLI_IMAGES] = {0, "images", NULL, "project the images that follow, in IDX or PNG files", FLAG,
                    MEMBER(images), NULL},
    [CLI_INVERT] = {0, "invert", NULL, "swap light and dark first, for digits drawn dark on white",
                    FLAG, MEMBER(invert), NULL},
    [CLI_TOP] = {0, "top", "K", "number of classes to tell for each image (default 2)", NUMBER,
                 MEMBER(top), NULL},
    [CLI_LABELS] = {0, "labels", "IDX", "file of the true classes, for the accuracy", TEXT,
                    MEMBER(labels), NULL},
    [CLI_SIZE] = {0, "size", "HxW", "fit every image into H x W pixels", TEXT, MEMBER(size), NULL},
    [CLI_GREY] = {0, "grey", NULL, "make colours grey", FLAG, MEMBER(grey), NULL},
    [CLI_TEST] = {0, "test", "PART",
                  "part of each class to set aside for testing (default 0.2; 0: none)", TEXT,
                  MEMBER(test), NULL},
    [CLI_JSON] = {0, "json", NULL, "print JSON", FLAG, MEMBER(json), NULL},
    [CLI_MAN] = {0, "man", NULL, "print a manual page", FLAG, MEMBER(man), NULL},
    [CLI_COMPLETION] = {0, "completion", "SHELL", "print completions of commands for a shell", TEXT,
                        MEMBER(completion), NULL},
    [CLI_HELP] = {'h', "help", NULL, "print this help", FLAG, MEMBER(help), NULL},
};

#define HELP_COLUMN 27

typedef struct wanted {
    const char *path;
    const inv_choice *choices;
} wanted;

static void find_choices(const inv_key *key, void *context)
{
    wanted *w = context;
    if (strcmp(key->path, w->path) == 0)
        w->choices = key->field->choices;
}

/* What the option may be, where that is a word of a list; NULL elsewhere. */
static const inv_choice *choices_of(const cli_command *command, const option *o)
{
    char path[INV_TEXT_MAX] = "";
    wanted w = {path, NULL};
    if (o == &options_table[CLI_COMPLETION])
        return cli_shells;
    if (o->key && command->group)
        snprintf(path, sizeof path, "%s.%s", command->group, o->key);
    if (*path)
        inv_experiment_visit(find_choices, &w);
    return w.choices;
}

bool cli_option_at(const cli_command *command, size_t i, cli_option_info *out)
{
    for (size_t before = 0; before < i; before++)
        if (command->options[before] == CLI_HELP)
            return false;
    const option *o = &options_table[command->options[i]];
    *out = (cli_option_info){o->letter, o->name, o->operand, o->help, choices_of(command, o)};
    return true;
}

static void print_option(const cli_option_info *o, FILE *out)
{
    char left[64], help[1024];
    snprintf(left, sizeof left, "%s--%s%s%s",
             o->letter ? (char[]){'-', o->letter, ',', ' ', 0} : "    ", o->name,
             o->operand ? " " : "", o->operand ? o->operand : "");
    size_t used = (size_t)snprintf(help, sizeof help, "%s", o->help);
    const inv_choice *c = o->choices;
    for (const char *comma = ": "; c && c->name && used < sizeof help; c++, comma = ", ")
        used += (size_t)snprintf(help + used, sizeof help - used, "%s%s", comma, c->name);
    inv_wrap(help, HELP_COLUMN, (size_t)fprintf(out, "  %-24s ", left), out);
    fputc('\n', out);
}

void cli_print_options(const cli_command *command, FILE *out)
{
    cli_option_info o;
    for (size_t i = 0; cli_option_at(command, i, &o); i++)
        print_option(&o, out);
}

/* ---- values ---- */

/* Numbers end at 2^53, as in an experiment file: programs that know only doubles, R among them,
 * round beyond without a word. */
static inv_status read_number(const option *o, const char *text, uint64_t *out)
{
    const uint64_t maximum = (uint64_t)1 << 53;
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end)
        return INV_ERROR(INV_EINVAL, "--%s: '%s' is not a whole number", o->name, text);
    if (errno || value > maximum)
        return INV_ERROR(INV_EINVAL, "--%s: %s is more than %" PRIu64 " (2^53)", o->name, text,
                         maximum);
    *out = value;
    return INV_OK;
}

static inv_status add_set(cli_options *options, char *text)
{
    if (!text)
        return INV_ERROR(INV_ENOMEM, "options: no memory");
    if (options->set_count == CLI_SETS_MAX) {
        free(text);
        return INV_ERROR(INV_EINVAL, "--set: at most %d of them", CLI_SETS_MAX);
    }
    options->sets[options->set_count++] = text;
    return INV_OK;
}

static inv_status add_key(cli_options *options, const cli_command *command, const option *o,
                          const char *value)
{
    char *text = NULL;
    const char *quote = o->kind == KEY ? "\"" : "";
    if (strpbrk(value, "\"\\\n;"))
        return INV_ERROR(INV_EINVAL, "--%s: '%s' is not a name", o->name, value);
    if (asprintf(&text, "%s.%s=%s%s%s", command->group, o->key, quote, value, quote) < 0)
        text = NULL;
    return add_set(options, text);
}

/* Ahead of the other settings, which are on top of it. */
static inv_status add_preset(cli_options *options, const cli_command *command, const option *o,
                             const char *value)
{
    char *text = NULL;
    if (value[strspn(value, "abcdefghijklmnopqrstuvwxyz_")])
        return INV_ERROR(INV_EINVAL, "--%s: '%s' is not a name", o->name, value);
    if (asprintf(&text, "%s={%s=\"%s\";}", command->group, o->key, value) < 0)
        text = NULL;
    inv_status status = add_set(options, text);
    if (status == INV_OK) {
        memmove(options->sets + 1, options->sets, (options->set_count - 1) * sizeof text);
        options->sets[0] = text;
    }
    return status;
}

/* "0,3,5-7" -> "[0,3,5,6,7]" */
static inv_status add_list(cli_options *options, const cli_command *command, const option *o,
                           const char *value)
{
    char list[12 * INV_LIST_MAX] = "[";
    size_t used = 1, count = 0;
    for (const char *at = value; *at;) {
        char *end = NULL;
        unsigned long first = strtoul(at, &end, 10), last = first;
        bool good = isdigit((unsigned char)*at);
        if (good && *end == '-')
            good = isdigit((unsigned char)end[1]), last = strtoul(end + 1, &end, 10);
        if (!good || (*end && (*end != ',' || !end[1])) || last < first || last > INT_MAX ||
            last - first >= INV_LIST_MAX - count)
            return INV_ERROR(INV_EINVAL, "--%s: '%s' is not a list like 0,3,5-9", o->name, value);
        for (unsigned long n = first; n <= last; n++)
            used +=
                (size_t)snprintf(list + used, sizeof list - used, "%s%lu", count++ ? "," : "", n);
        at = *end ? end + 1 : end;
    }
    snprintf(list + used, sizeof list - used, "]");
    return add_key(options, command, o, list);
}

static inv_status take(const cli_command *command, cli_option_id id, const char *given,
                       cli_options *options)
{
    const option *o = &options_table[id];
    void *member = (char *)options + o->offset;
    const char *value = given ? given : ""; /* a flag has none */
    uint64_t number = 0;
    inv_status status = INV_OK;
    switch (o->kind) {
    case FLAG:
        *(bool *)member = true;
        return INV_OK;
    case TEXT:
        *(const char **)member = value;
        return INV_OK;
    case NUMBER:
        status = read_number(o, value, member);
        options->has_seed = options->has_seed || id == CLI_SEED;
        if (status == INV_OK && options->threads > THREADS_MAX)
            return INV_ERROR(INV_EINVAL, "--threads: %s is more than %d", value, THREADS_MAX);
        return status;
    case SET:
        return add_set(options, strdup(value));
    case PRESET:
        return add_preset(options, command, o, value);
    case KEY:
        options->named = options->named || id == CLI_NAME;
        return add_key(options, command, o, value);
    case KEY_NUMBER:
        status = read_number(o, value, &number);
        return status == INV_OK ? add_key(options, command, o, value) : status;
    case KEY_LIST:
        return add_list(options, command, o, value);
    case CLASSES:
        options->classes = value;
        if (value[0] == ',' || (*value && value[strlen(value) - 1] == ',') || strstr(value, ",,"))
            return INV_ERROR(INV_EINVAL, "--%s: '%s' is not a list like 0,3,5-9", o->name, value);
        return INV_OK;
    }
    return INV_OK;
}

/* ---- words ---- */

static inv_status unknown(const cli_command *command, const char *word)
{
    const char *names[CLI_OPTION_COUNT];
    size_t count = 0;
    char name[INV_NAME_MAX];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    for (const cli_option_id *id = command->options;; id++) {
        names[count++] = options_table[*id].name;
        if (*id == CLI_HELP)
            break;
    }
    const char *near = inv_nearest(name + strspn(name, "-"), names, count);
    return INV_ERROR(INV_EINVAL, "%s: unknown option; %s%s%s", name,
                     near ? "did you mean --" : "see invproj ", near ? near : command->name,
                     near ? "?" : " --help");
}

/* The option of the command that `word` names, or CLI_OPTION_COUNT; *value is what "=" or the
 * letter's word already brings. */
static cli_option_id find_option(const cli_command *command, const char *word, const char **value)
{
    *value = NULL;
    for (const cli_option_id *id = command->options;; id++) {
        const option *o = &options_table[*id];
        const size_t length = strlen(o->name);
        if (word[1] == '-' && strncmp(word + 2, o->name, length) == 0 &&
            (word[2 + length] == 0 || word[2 + length] == '=')) {
            *value = word[2 + length] ? word + 3 + length : NULL;
            return *id;
        }
        if (o->letter && word[1] == o->letter && (o->operand || word[2] == 0)) {
            *value = word[2] ? word + 2 : NULL;
            return *id;
        }
        if (*id == CLI_HELP)
            return CLI_OPTION_COUNT;
    }
}

static inv_status check_operands(const cli_command *command, const cli_options *options)
{
    if (options->help || (options->operand_count >= command->minimum &&
                          (options->operand_count <= command->maximum || options->images)))
        return INV_OK;
    return INV_ERROR(INV_EINVAL, "%s: usage: invproj %s %s", command->name, command->name,
                     command->operands);
}

inv_status cli_parse(const cli_command *command, int argc, char **argv, cli_options *options)
{
    bool words_only = false;
    *options = (cli_options){.operands = argv, .group = command->group};
    for (int i = 0; i < argc; i++) {
        char *word = argv[i];
        const char *value = NULL;
        if (words_only || word[0] != '-' || word[1] == 0) {
            argv[options->operand_count++] = word; /* never ahead of i */
            continue;
        }
        if (strcmp(word, "--") == 0) {
            words_only = true;
            continue;
        }
        cli_option_id id = find_option(command, word, &value);
        if (id == CLI_OPTION_COUNT)
            return unknown(command, word);
        const option *o = &options_table[id];
        if (!o->operand && value)
            return INV_ERROR(INV_EINVAL, "--%s: takes no value", o->name);
        if (o->operand && !value)
            value = i + 1 < argc ? argv[++i] : NULL;
        if (o->operand && (!value || !*value))
            return INV_ERROR(INV_EINVAL, "--%s: needs a value, %s", o->name, o->operand);
        inv_status status = take(command, id, value, options);
        if (status != INV_OK)
            return status;
    }
    if (options->resume && options->force)
        return INV_ERROR(INV_EINVAL, "--resume goes on with what is there, --force writes over it: "
                                     "give one of the two");
    return check_operands(command, options);
}

void cli_options_free(cli_options *options)
{
    for (size_t i = 0; i < options->set_count; i++)
        free((char *)options->sets[i]);
}
