/* help: the command table in words, and as a manual page. SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "invproj/experiment.h"
#include "invproj/help.h"
#include "invproj/version.h"

static const char *const purpose =
    "trains small image classifiers and runs them backwards, to show what they have learned";

static const char *const exit_codes[][2] = {
    {"0", "done; also where the reader of the output ended first, as `head` does"},
    {"1", "the work failed: a file is damaged, the disk is full, numbers are no longer finite"},
    {"2", "usage, or an experiment file that is wrong"},
    {"129, 130, 143", "stopped by SIGHUP, SIGINT or SIGTERM, after a checkpoint"},
};

#define FITTING                                                                                    \
    "Images of any size, grey or coloured, are fitted to the net's: in the middle, with their "    \
    "proportions kept and black beside them; averaged where they get smaller, interpolated "       \
    "where larger; colours become grey (0.299 red + 0.587 green + 0.114 blue) where the net has "  \
    "one channel. What is transparent is black, or with --invert white before the inversion. "     \
    "A PNG's white is the white of the images trained on."

/* What one line in the table of commands cannot say. */
static const char *const notes[][2] = {
    {"predict", FITTING},
    {"project", FITTING},
    {"pack",
     "FOLDER/CLASS/*.png, or FOLDER/train/CLASS/*.png and FOLDER/test/CLASS/*.png. Classes are "
     "numbered in the order of their names, which are kept (DIR/classes.txt). All images must be "
     "of one size, or are fitted with --size: in the middle, with their proportions kept and black "
     "beside them. What is transparent is black. The order of images is random, by the seed."},
};

static const char *notes_of(const cli_command *command)
{
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
        if (strcmp(notes[i][0], command->name) == 0)
            return notes[i][1];
    return NULL;
}

#define EXIT_CODE_COUNT (sizeof exit_codes / sizeof *exit_codes)

static void print_wrapped(const char *text)
{
    inv_wrap(text, 0, 0, stdout);
    putchar('\n');
}

static void name_topic(inv_word_kind kind, const char *word, const char *help, void *context)
{
    (void)help;
    if (kind == INV_WORD_TOPIC)
        fprintf(context, "%s, ", word);
}

/* "experiment, layers, ...": what the tables have. */
static void print_topics(void)
{
    char text[2048] = "";
    FILE *memory = fmemopen(text, sizeof text, "w");
    if (!memory)
        return;
    fputs("invproj help TOPIC explains one of experiment (every key of an experiment file), ",
          memory);
    inv_experiment_words(name_topic, memory);
    fputs("or one of those, as dense or adam, or a group of keys, as training or generate.sheet.",
          memory);
    fclose(memory);
    print_wrapped(text);
}

static void print_overview(void)
{
    char title[256];
    snprintf(title, sizeof title, "invproj %s: %s.", INV_VERSION, purpose);
    print_wrapped(title);
    printf("\nusage: invproj COMMAND [options]\n\n");
    for (size_t i = 0; i < cli_command_count; i++)
        printf("  %-9s %s\n", cli_commands[i].name, cli_commands[i].summary);
    printf("\ninvproj COMMAND --help explains a command and its options.\n");
    print_topics();
    printf("\nexit codes:\n");
    for (size_t i = 0; i < EXIT_CODE_COUNT; i++) {
        inv_wrap(exit_codes[i][1], 16, (size_t)printf("  %s", exit_codes[i][0]), stdout);
        putchar('\n');
    }
}

void cli_print_command(const cli_command *command)
{
    printf("usage: invproj %s %s [options]\n\n%s\n\n", command->name, command->operands,
           command->summary);
    cli_print_options(command, stdout);
    if (notes_of(command)) {
        putchar('\n');
        print_wrapped(notes_of(command));
    }
}

/* roff: a line must not start with a dot, and a hyphen in an option is a minus. */
static void print_roff(const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '-' || *c == '\\')
            putchar('\\');
        if ((*c == '.' || *c == '\'') && (c == text || c[-1] == '\n'))
            fputs("\\&", stdout);
        putchar(*c);
    }
}

static void print_man_command(const cli_command *command)
{
    char text[8192] = "";
    FILE *memory = fmemopen(text, sizeof text, "w");
    fputs(".SS \"", stdout);
    print_roff(command->name);
    putchar(' ');
    print_roff(command->operands);
    printf("\"\n");
    print_roff(command->summary);
    if (notes_of(command)) {
        printf("\n.PP\n");
        print_roff(notes_of(command));
    }
    printf("\n.nf\n");
    if (memory) {
        cli_print_options(command, memory);
        fclose(memory);
    }
    print_roff(text);
    printf(".fi\n");
}

static void print_man(void)
{
    printf(".TH INVPROJ 1 \"\" \"invproj %s\" \"User Commands\"\n.SH NAME\ninvproj \\- ",
           INV_VERSION);
    print_roff(purpose);
    printf(
        "\n.SH SYNOPSIS\n.B invproj\nCOMMAND [options]\n.SH DESCRIPTION\n"
        "Results go to standard output, progress and diagnostics to standard error. Every error is "
        "one line, \"invproj: WHAT: WHY\".\n.SH COMMANDS\n");
    for (size_t i = 0; i < cli_command_count; i++)
        print_man_command(&cli_commands[i]);
    printf(".SH EXIT STATUS\n");
    for (size_t i = 0; i < EXIT_CODE_COUNT; i++)
        printf(".TP\n%s\n%s\n", exit_codes[i][0], exit_codes[i][1]);
    printf(".SH EXPERIMENT FILES\nlibconfig text; \"invproj help experiment\" lists every key.\n");
}

/* ---- one word ---- */

#define WORDS_MAX 512

typedef struct words {
    size_t count;
    char *list[WORDS_MAX];
} words;

static void add_word(words *w, const char *word)
{
    char *copy = w->count < WORDS_MAX ? strdup(word) : NULL;
    if (copy)
        w->list[w->count++] = copy;
}

static void take_word(inv_word_kind kind, const char *word, const char *help, void *context)
{
    (void)kind, (void)help;
    add_word(context, word);
}

static inv_status unknown_topic(const char *word)
{
    words w = {0};
    add_word(&w, "experiment");
    for (size_t i = 0; i < cli_command_count; i++)
        add_word(&w, cli_commands[i].name);
    inv_experiment_words(take_word, &w);
    const char *near = inv_nearest(word, (const char *const *)w.list, w.count);
    inv_status status = INV_ERROR(INV_EINVAL, "help: there is no command and no topic '%s'; %s%s%s",
                                  word, near ? "did you mean '" : "see ",
                                  near ? near : "invproj --help", near ? "'?" : "");
    for (size_t i = 0; i < w.count; i++)
        free(w.list[i]);
    return status;
}

/* A command's own help, then the keys that it goes by. */
static bool explain_command(const char *word)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        const cli_command *command = &cli_commands[i];
        if (strcmp(command->name, word) != 0)
            continue;
        cli_print_command(command);
        if (command->group) {
            printf("\nIts keys in an experiment file, which --set changes:\n\n");
            (void)inv_experiment_help_on(command->group, stdout);
        }
        return true;
    }
    return false;
}

inv_status cli_help(const cli_options *options)
{
    const char *word = options->operand_count ? options->operands[0] : NULL;
    if (options->completion)
        return cli_completion(options->completion, stdout);
    if (options->man)
        print_man();
    else if (!word)
        print_overview();
    else if (strcmp(word, "experiment") == 0)
        inv_experiment_help(stdout);
    else if (!explain_command(word) && !inv_experiment_help_on(word, stdout))
        return unknown_topic(word);
    return INV_OK;
}
