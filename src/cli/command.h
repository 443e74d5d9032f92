/* command.h - commands and their options.
 *
 * A command is a file cmd_NAME.c that defines `const cli_command cli_command_NAME`, and its row in
 * main.c; help, the manual page and completions follow. Its options stand in its own table, those
 * that several commands have in one that they share (options.c):
 *
 *     typedef struct own { const char *size; } own;
 *     static const cli_option options[] = {
 *         {.shared = CLI_OUT},
 *         {0, "size", "HxW", "fit every image into H x W pixels", CLI_TEXT,
 *          .offset = offsetof(own, size)},
 *         {.shared = CLI_HELP},
 *         {0}};
 *
 * and what was given is in `options->out` and `((const own *)options->own)->size`.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CLI_COMMAND_H
#define INVPROJ_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "invproj/config.h"
#include "invproj/status.h"

/* ---- options ---- */

typedef enum cli_option_kind {
    CLI_FLAG,   /* a bool */
    CLI_TEXT,   /* a string, kept as it is */
    CLI_NUMBER, /* a whole number, a uint64_t */
    CLI_PAIR,   /* PATH=VALUE, for the experiment */
    CLI_PRESET, /* the whole group becomes a preset, whatever else is set */
    CLI_KEY,    /* text for a key of the command's group */
    CLI_KIND,   /* the same, of the key "kind": where it is another, the group's other keys go */
    CLI_KEY_NUMBER,
    CLI_KEY_LIST,  /* 1,2,5-9 */
    CLI_CLASS_LIST /* the same, or names that only the run file knows */
} cli_option_kind;

/* Options that several commands have, or that a stage reads, which more than one command runs. */
typedef enum cli_shared {
    CLI_OWN, /* none of them */
    CLI_OUT,
    CLI_RESULTS,
    CLI_DATA,
    CLI_SEED,
    CLI_THREADS,
    CLI_SET,
    CLI_CHECKPOINT,
    CLI_STOP_CODE,
    CLI_RESUME,
    CLI_FORCE,
    CLI_QUIET,
    CLI_NAME,
    CLI_AT,
    CLI_INVERSE,
    CLI_CLASSES,
    CLI_LAYER,
    CLI_UNITS,
    CLI_STEPS,
    CLI_COUNT,
    CLI_JUDGE,
    CLI_FRAMES,
    CLI_WITH,
    CLI_WALK,
    CLI_SINGLE,
    CLI_IMAGES,
    CLI_INVERT,
    CLI_CENTRE,
    CLI_SKIP_BROKEN,
    CLI_ARCH,
    CLI_KEY_OF,
    CLI_INPUT,
    CLI_INVERTED,
    CLI_BACKEND,
    CLI_SCALE,
    CLI_MEAN,
    CLI_STD,
    CLI_CHANNELS_FIRST,
    CLI_CLASS_NAMES,
    CLI_JSON,
    CLI_HELP
} cli_shared;

typedef struct cli_option {
    char letter; /* 0: none */
    const char *name;
    const char *operand; /* NULL: it has no value */
    const char *help;
    cli_option_kind kind;
    size_t offset;   /* of FLAG, TEXT and NUMBER: in the command's own struct, or cli_options */
    const char *key; /* of the group, for PRESET and the KEYs */
    const inv_choice *choices; /* what the value may be; NULL: no list says, or that of the key */
    cli_shared shared;         /* all else is as the table of shared options has it */
} cli_option;

/* Tables of options end with {0}. These are what most commands have. */
/* clang-format off */
#define CLI_RUN_FILE_OPTIONS                                                                       \
    {.shared = CLI_RESULTS}, {.shared = CLI_DATA}, {.shared = CLI_ARCH}, {.shared = CLI_KEY_OF}, {.shared = CLI_INPUT}, {.shared = CLI_THREADS}, {.shared = CLI_SET},      \
    {.shared = CLI_QUIET}, {.shared = CLI_HELP}
#define CLI_EXPERIMENT_OPTIONS                                                                     \
    {.shared = CLI_DATA}, {.shared = CLI_SEED}, {.shared = CLI_THREADS}, {.shared = CLI_SET},      \
    {.shared = CLI_CHECKPOINT}, {.shared = CLI_STOP_CODE}, {.shared = CLI_RESUME},                 \
    {.shared = CLI_FORCE}, {.shared = CLI_QUIET}, {.shared = CLI_HELP}
/* clang-format on */

#define CLI_SETS_MAX 64

/* What was given: of shared options here, of the command's own in the struct that `own` is. */
typedef struct cli_options {
    const char *out, *data;
    const char *checkpoint; /* "500" steps or "30s" */
    uint64_t threads;       /* 0: as many as there are processors */
    uint64_t stop_code;     /* to exit with when a signal stops it; 0: 128 + the signal */
    bool has_seed;
    uint64_t seed;
    const char *sets[CLI_SETS_MAX]; /* PATH=VALUE, in the order given; owned */
    size_t set_count;
    const char *group;   /* of the experiment that the command's options set */
    const char *kind;    /* of --kind, beside its setting */
    const char *classes; /* of --classes, still as text: names are the run file's to tell */
    bool named;          /* --name is given */
    const char *judge, *frames;
    const char *with; /* the run file whose generator draws */
    bool walk;
    bool resume, force, quiet, json, help;
    bool single;      /* one PNG file per image, instead of a sheet */
    bool images;      /* the operands after the first are images */
    bool invert;      /* dark on white becomes light on black */
    bool skip_broken; /* files that cannot be read are left out */
    bool centre;      /* images are prepared as handwriting is (inv_centre_image) */
    /* of a model of another program: */
    const char *arch, *backend, *key, *input, *scale, *mean, *std, *class_names;
    bool channels_first, inverted;
    void *own;       /* owned */
    char **operands; /* in argv */
    size_t operand_count;
} cli_options;

/* ---- commands ---- */

typedef struct cli_command {
    const char *name, *operands, *summary;
    const char *notes;       /* what help says below the options; may be NULL */
    const char *group;       /* of the experiment that its KEY options set; may be NULL */
    size_t minimum, maximum; /* operands */
    const cli_option *options;
    size_t own; /* bytes of the struct that its own options are read into */
    inv_status (*run)(const cli_options *options);
} cli_command;

extern const cli_command *const cli_commands[]; /* in the order of help; ends with NULL */

/* The command of that name, or NULL. */
const cli_command *cli_command_find(const char *name);

/* Reads what follows the command's name. INV_EINVAL with what is allowed. */
INV_MUST_CHECK inv_status cli_parse(const cli_command *command, int argc, char **argv,
                                    cli_options *options);
void cli_options_free(cli_options *options);

/* The command's i-th option, as help and completions tell of it; false beyond the last. */
bool cli_option_at(const cli_command *command, size_t i, cli_option *out);

/* One line or more for each option of the command. */
void cli_print_options(const cli_command *command, FILE *out);
/* What --help says. */
void cli_print_command(const cli_command *command);

/* Prints what makes one of cli_shells complete command lines. INV_EINVAL for another. */
extern const inv_choice cli_shells[];
INV_MUST_CHECK inv_status cli_completion(const char *shell, FILE *out);

#endif
