/* help: the command table in words, and as a manual page. SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <string.h>

#include "cli.h"
#include "invproj/experiment.h"
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
    "Images of any size, grey or coloured, are fitted to the net's: in the middle, with their\n"   \
    "proportions kept and black beside them; averaged where they get smaller, interpolated\n"      \
    "where larger; colours become grey (0.299 red + 0.587 green + 0.114 blue) where the net has\n" \
    "one channel. What is transparent is black, or with --invert white before the inversion.\n"    \
    "A PNG's white is the white of the images trained on.\n"

/* What one line in the table of commands cannot say. */
static const char *const notes[][2] = {
    {"predict", FITTING},
    {"project", FITTING},
    {"pack",
     "FOLDER/CLASS/*.png, or FOLDER/train/CLASS/*.png and FOLDER/test/CLASS/*.png. Classes are\n"
     "numbered in the order of their names, which are kept (DIR/classes.txt). All images must be "
     "of\n"
     "one size, or are fitted with --size: in the middle, with their proportions kept and black\n"
     "beside them. What is transparent is black. The order of images is random, by the seed.\n"},
};

static const char *notes_of(const cli_command *command)
{
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
        if (strcmp(notes[i][0], command->name) == 0)
            return notes[i][1];
    return NULL;
}

#define EXIT_CODE_COUNT (sizeof exit_codes / sizeof *exit_codes)

static void print_overview(void)
{
    printf("invproj %s: %s.\n\nusage: invproj COMMAND [options]\n\n", INV_VERSION, purpose);
    for (size_t i = 0; i < cli_command_count; i++)
        printf("  %-9s %s\n", cli_commands[i].name, cli_commands[i].summary);
    printf(
        "\ninvproj COMMAND --help tells a command's options, invproj help experiment every key of "
        "an experiment file.\n\nexit codes:\n");
    for (size_t i = 0; i < EXIT_CODE_COUNT; i++)
        printf("  %-13s %s\n", exit_codes[i][0], exit_codes[i][1]);
}

static void print_command(const cli_command *command)
{
    printf("usage: invproj %s %s [options]\n\n%s\n\n", command->name, command->operands,
           command->summary);
    cli_print_options(command, stdout);
    if (notes_of(command))
        printf("\n%s", notes_of(command));
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

inv_status cli_help(const cli_options *options)
{
    const char *word = options->operand_count ? options->operands[0] : NULL;
    if (options->man) {
        print_man();
        return INV_OK;
    }
    if (!word) {
        print_overview();
        return INV_OK;
    }
    if (strcmp(word, "experiment") == 0) {
        inv_experiment_help(stdout);
        return INV_OK;
    }
    for (size_t i = 0; i < cli_command_count; i++)
        if (strcmp(cli_commands[i].name, word) == 0) {
            print_command(&cli_commands[i]);
            return INV_OK;
        }
    return INV_ERROR(INV_EINVAL, "help: there is no command '%s'; see invproj --help", word);
}
