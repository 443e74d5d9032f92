/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "invproj/help.h"

#define THREADS_MAX   1024 /* OpenMP does not survive any number */
#define EXIT_CODE_MAX 255

#define MEMBER(name) offsetof(cli_options, name)

static const cli_option shared_options[] = {
    [CLI_OUT] = {'o', "out", "PATH", "folder (run, pack) or file to write", CLI_TEXT,
                 .offset = MEMBER(out)},
    [CLI_RESULTS] =
        {'o', "out", "RUN.h5",
         "of a model of another program: the run file to make, or to go on in (default: "
         "its name, in this folder)",
         CLI_TEXT, .offset = MEMBER(out)},
    [CLI_DATA] = {0, "data", "DIR", "folder or archive of the data, instead of the experiment's",
                  CLI_TEXT, .offset = MEMBER(data)},
    [CLI_SEED] = {0, "seed", "N", "seed of all random numbers (default: the experiment's, or 1)",
                  CLI_NUMBER, .offset = MEMBER(seed)},
    [CLI_THREADS] = {0, "threads", "N", "processor threads to use (default: all that it may use)",
                     CLI_NUMBER, .offset = MEMBER(threads)},
    [CLI_SET] = {0, "set", "PATH=VALUE", "change a key of the experiment; can be repeated",
                 CLI_PAIR, .key = NULL},
    [CLI_CHECKPOINT] = {0, "checkpoint", "EVERY",
                        "write a checkpoint every 500 (steps) or 30s (seconds)", CLI_TEXT,
                        .offset = MEMBER(checkpoint)},
    [CLI_STOP_CODE] = {0, "stop-code", "N",
                       "exit with N when a signal stops it (default: 128 + the signal)", CLI_NUMBER,
                       .offset = MEMBER(stop_code)},
    [CLI_RESUME] = {0, "resume", NULL, "continue from the newest checkpoint", CLI_FLAG,
                    .offset = MEMBER(resume)},
    [CLI_FORCE] = {0, "force", NULL, "overwrite an earlier file of that kind (but no other)",
                   CLI_FLAG, .offset = MEMBER(force)},
    [CLI_QUIET] = {'q', "quiet", NULL, "show no progress", CLI_FLAG, .offset = MEMBER(quiet)},
    [CLI_NAME] = {0, "name", "NAME", "name of the result in the run file", CLI_KEY, .key = "name"},
    [CLI_AT] = {0, "at", "POINT", "point to start from, such as hidden2.pre", CLI_KEY, .key = "at"},
    [CLI_INVERSE] = {0, "inverse", "NAME", "name of the inverse to use", CLI_KEY, .key = "inverse"},
    [CLI_CLASSES] = {0, "classes", "LIST", "numbers or names of classes, such as 0,3,5-9",
                     CLI_CLASS_LIST, .offset = MEMBER(classes)},
    [CLI_STEPS] = {0, "steps", "N", "number of steps", CLI_KEY_NUMBER, .key = "steps"},
    [CLI_COUNT] = {0, "count", "N", "number of images of each class", CLI_KEY_NUMBER,
                   .key = "count"},
    [CLI_JUDGE] = {0, "judge", "OTHER.h5",
                   "run whose net classifies the images as an independent judge", CLI_TEXT,
                   .offset = MEMBER(judge)},
    [CLI_FRAMES] = {0, "frames", "DIR", "folder for numbered pictures of the progress", CLI_TEXT,
                    .offset = MEMBER(frames)},
    [CLI_WITH] = {0, "with", "OTHER.h5",
                  "run file whose generator draws the images, instead of optimising them", CLI_TEXT,
                  .offset = MEMBER(with)},
    [CLI_WALK] = {0, "walk", NULL,
                  "with --with: images on the way from one draw to another, a row for each class",
                  CLI_FLAG, .offset = MEMBER(walk)},
    [CLI_SINGLE] = {0, "single", NULL,
                    "write a PNG file for each image, in a folder, instead of one sheet", CLI_FLAG,
                    .offset = MEMBER(single)},
    [CLI_LAYER] = {0, "layer", "POINT", "point whose units or channels are shown", CLI_KEY,
                   .key = "layer"},
    [CLI_UNITS] = {0, "units", "LIST", "numbers of units or channels, from 0, such as 0-15",
                   CLI_KEY_LIST, .key = "units"},
    [CLI_IMAGES] = {0, "images", NULL, "project the images that follow", CLI_FLAG,
                    .offset = MEMBER(images)},
    [CLI_INVERT] = {0, "invert", NULL, "swap light and dark first, for digits drawn dark on white",
                    CLI_FLAG, .offset = MEMBER(invert)},
    [CLI_CENTRE] = {0, "centre", NULL,
                    "prepare handwriting as MNIST was: ground away, cropped, centred", CLI_FLAG,
                    .offset = MEMBER(centre)},
    [CLI_ARCH] = {0, "arch", "FILE", "architecture of a model file that holds weights alone",
                  CLI_TEXT, .offset = MEMBER(arch)},
    [CLI_KEY_OF] = {0, "key", "NAME", "which of a checkpoint's sets of parameters is meant",
                    CLI_TEXT, .offset = MEMBER(key)},
    [CLI_INPUT] = {0, "input", "HxWxC",
                   "its images, as 28x28x1, where the model's file does not say", CLI_TEXT,
                   .offset = MEMBER(input)},
    [CLI_BACKEND] = {0, "backend", "NAME",
                     "what Keras ran on, where the file does not say: torch, theano", CLI_TEXT,
                     .offset = MEMBER(backend)},
    [CLI_INVERTED] = {0, "invert", NULL,
                      "the net was trained on pixels with light and dark swapped", CLI_FLAG,
                      .offset = MEMBER(inverted)},
    [CLI_SCALE] = {0, "scale", "S", "pixels from 0 to 255 were divided by S for the net (255)",
                   CLI_TEXT, .offset = MEMBER(scale)},
    [CLI_MEAN] = {0, "mean", "M", "then M was subtracted, a number or one per channel: 0.5,0.4,0.4",
                  CLI_TEXT, .offset = MEMBER(mean)},
    [CLI_STD] = {0, "std", "D", "then they were divided by D, likewise", CLI_TEXT,
                 .offset = MEMBER(std)},
    [CLI_CHANNELS_FIRST] = {0, "channels-first", NULL,
                            "the model takes channels, height, width, and does not say so",
                            CLI_FLAG, .offset = MEMBER(channels_first)},
    [CLI_CLASS_NAMES] = {0, "class-names", "FILE", "names of the classes, one per line", CLI_TEXT,
                         .offset = MEMBER(class_names)},
    [CLI_SKIP_BROKEN] = {0, "skip-broken", NULL, "leave out files that cannot be read", CLI_FLAG,
                         .offset = MEMBER(skip_broken)},
    [CLI_JSON] = {0, "json", NULL, "print JSON", CLI_FLAG, .offset = MEMBER(json)},
    [CLI_HELP] = {'h', "help", NULL, "print this help", CLI_FLAG, .offset = MEMBER(help)},
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
static const inv_choice *choices_of(const cli_command *command, const cli_option *o)
{
    char path[INV_TEXT_MAX] = "";
    wanted w = {path, o->choices};
    if (o->key && command->group)
        snprintf(path, sizeof path, "%s.%s", command->group, o->key);
    if (*path)
        inv_experiment_visit(find_choices, &w);
    return w.choices;
}

/* The i-th option, with all that the table of shared ones says of it. */
static bool option_at(const cli_command *command, size_t i, cli_option *out)
{
    const cli_option *o = &command->options[i];
    *out = o->shared ? shared_options[o->shared] : *o;
    out->shared = o->shared;
    return out->name != NULL;
}

bool cli_option_at(const cli_command *command, size_t i, cli_option *out)
{
    if (!option_at(command, i, out))
        return false;
    out->choices = choices_of(command, out);
    return true;
}

static void print_option(const cli_option *o, FILE *out)
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
    cli_option o;
    for (size_t i = 0; cli_option_at(command, i, &o); i++)
        print_option(&o, out);
}

/* ---- values ---- */

/* Numbers end at 2^53, as in an experiment file: programs that know only doubles, R among them,
 * round beyond without a word. */
static inv_status read_number(const cli_option *o, const char *text, uint64_t *out)
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

static inv_status add_key(cli_options *options, const cli_command *command, const cli_option *o,
                          const char *value)
{
    char *text = NULL;
    const char *quote = o->kind == CLI_KEY || o->kind == CLI_KIND ? "\"" : "";
    if (strpbrk(value, "\"\\\n;"))
        return INV_ERROR(INV_EINVAL, "--%s: '%s' is not a name", o->name, value);
    if (asprintf(&text, "%s.%s=%s%s%s", command->group, o->key, quote, value, quote) < 0)
        text = NULL;
    return add_set(options, text);
}

/* Ahead of the other settings, which are on top of it. */
static inv_status add_preset(cli_options *options, const cli_command *command, const cli_option *o,
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
static inv_status add_list(cli_options *options, const cli_command *command, const cli_option *o,
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

/* Where the value of the option goes. */
static void *member_of(const cli_option *o, cli_options *options)
{
    return (char *)(o->shared ? (void *)options : options->own) + o->offset;
}

static inv_status take_number(const cli_option *o, const char *value, cli_options *options)
{
    inv_status status = read_number(o, value, member_of(o, options));
    options->has_seed = options->has_seed || o->shared == CLI_SEED;
    if (status == INV_OK && options->threads > THREADS_MAX)
        return INV_ERROR(INV_EINVAL, "--threads: %s is more than %d", value, THREADS_MAX);
    if (status == INV_OK && options->stop_code > EXIT_CODE_MAX)
        return INV_ERROR(INV_EINVAL, "--stop-code: %s is more than %d", value, EXIT_CODE_MAX);
    if (status == INV_OK && o->shared == CLI_STOP_CODE && options->stop_code == 0)
        return INV_ERROR(INV_EINVAL, "--stop-code: 0 would say that all is done; give 1 to %d",
                         EXIT_CODE_MAX);
    return status;
}

static inv_status take(const cli_command *command, const cli_option *o, const char *given,
                       cli_options *options)
{
    const char *value = given ? given : ""; /* a flag has none */
    uint64_t number = 0;
    inv_status status = INV_OK;
    switch (o->kind) {
    case CLI_FLAG:
        *(bool *)member_of(o, options) = true;
        return INV_OK;
    case CLI_TEXT:
        *(const char **)member_of(o, options) = value;
        return INV_OK;
    case CLI_NUMBER:
        return take_number(o, value, options);
    case CLI_PAIR:
        return add_set(options, strdup(value));
    case CLI_PRESET:
        return add_preset(options, command, o, value);
    case CLI_KEY:
        options->named = options->named || o->shared == CLI_NAME;
        return add_key(options, command, o, value);
    case CLI_KIND:
        options->kind = value;
        return add_key(options, command, o, value);
    case CLI_KEY_NUMBER:
        status = read_number(o, value, &number);
        return status == INV_OK ? add_key(options, command, o, value) : status;
    case CLI_KEY_LIST:
        return add_list(options, command, o, value);
    case CLI_CLASS_LIST:
        options->classes = value;
        if (value[0] == ',' || (*value && value[strlen(value) - 1] == ',') || strstr(value, ",,"))
            return INV_ERROR(INV_EINVAL, "--%s: '%s' is not a list like 0,3,5-9", o->name, value);
        return INV_OK;
    }
    return INV_OK;
}

/* ---- words ---- */

#define OPTIONS_MAX 64 /* of one command: what is beyond is not suggested */

static inv_status unknown(const cli_command *command, const char *word)
{
    const char *names[OPTIONS_MAX];
    size_t count = 0;
    char name[INV_NAME_MAX];
    cli_option o;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    while (count < OPTIONS_MAX && option_at(command, count, &o))
        names[count++] = o.name;
    const char *near = inv_nearest(name + strspn(name, "-"), names, count);
    return INV_ERROR(INV_EINVAL, "%s: unknown option; %s%s%s", name,
                     near ? "did you mean --" : "see invproj ", near ? near : command->name,
                     near ? "?" : " --help");
}

/* The option of the command that `word` names; false: none. *value is what "=" or the letter's word
 * already brings. */
static bool find_option(const cli_command *command, const char *word, cli_option *o,
                        const char **value)
{
    *value = NULL;
    for (size_t i = 0; option_at(command, i, o); i++) {
        const size_t length = strlen(o->name);
        if (word[1] == '-' && strncmp(word + 2, o->name, length) == 0 &&
            (word[2 + length] == 0 || word[2 + length] == '=')) {
            *value = word[2 + length] ? word + 3 + length : NULL;
            return true;
        }
        if (o->letter && word[1] == o->letter && (o->operand || word[2] == 0)) {
            *value = word[2] ? word + 2 : NULL;
            return true;
        }
    }
    return false;
}

static inv_status check_operands(const cli_command *command, const cli_options *options)
{
    if (options->help || (options->operand_count >= command->minimum &&
                          (options->operand_count <= command->maximum || options->images)))
        return INV_OK;
    return INV_ERROR(INV_EINVAL, "%s: usage: invproj %s %s", command->name, command->name,
                     command->operands);
}

/* What the word at argv[*i] says, with the word after it where that is its value. */
static inv_status read_option(const cli_command *command, int argc, char **argv, int *i,
                              cli_options *options)
{
    const char *value = NULL;
    cli_option o;
    if (!find_option(command, argv[*i], &o, &value))
        return unknown(command, argv[*i]);
    if (!o.operand && value)
        return INV_ERROR(INV_EINVAL, "--%s: takes no value", o.name);
    if (o.operand && !value)
        value = *i + 1 < argc ? argv[++*i] : NULL;
    if (o.operand && (!value || !*value))
        return INV_ERROR(INV_EINVAL, "--%s: needs a value, %s", o.name, o.operand);
    return take(command, &o, value, options);
}

inv_status cli_parse(const cli_command *command, int argc, char **argv, cli_options *options)
{
    bool words_only = false;
    *options = (cli_options){.operands = argv, .group = command->group};
    inv_status status = inv_calloc(1, command->own ? command->own : 1, "options", &options->own);
    for (int i = 0; status == INV_OK && i < argc; i++) {
        char *word = argv[i];
        if (words_only || word[0] != '-' || word[1] == 0)
            argv[options->operand_count++] = word; /* never ahead of i */
        else if (strcmp(word, "--") == 0)
            words_only = true;
        else
            status = read_option(command, argc, argv, &i, options);
    }
    if (status != INV_OK)
        return status;
    if (options->resume && options->force)
        return INV_ERROR(INV_EINVAL,
                         "--resume continues the run, --force overwrites it: give one of the two");
    return check_operands(command, options);
}

void cli_options_free(cli_options *options)
{
    for (size_t i = 0; i < options->set_count; i++)
        free((char *)options->sets[i]);
    free(options->own);
}
