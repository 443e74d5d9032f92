/* help: the command table in words, and as a manual page.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "invproj/experiment.h"
#include "invproj/help.h"
#include "invproj/version.h"

static const char *const purpose =
    "trains small image classifiers and runs them backwards, to show what they have learned";

static const char *const exit_codes[][2] = {
    {"0", "done, also when the reader of the output ends first, as `head` does"},
    {"1", "the work failed: a file is damaged, the disk is full, numbers are no longer finite"},
    {"2", "wrong usage, or a faulty experiment file"},
    {"128 + N", "stopped by signal N after a checkpoint: 130 by Ctrl-C"},
};

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
    fputs("invproj help TOPIC explains a topic: experiment (every key of an experiment file), ",
          memory);
    inv_experiment_words(name_topic, memory);
    fputs("one of their entries, such as dense or adam, or a group of keys, such as training or "
          "generate.sheet.",
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
    for (size_t i = 0; cli_commands[i]; i++)
        printf("  %-9s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
    printf("\ninvproj COMMAND --help explains a command and its options.\n");
    print_topics();
    printf("\nexit codes:\n");
    for (size_t i = 0; i < EXIT_CODE_COUNT; i++) {
        inv_wrap(exit_codes[i][1], 16, (size_t)printf("  %s", exit_codes[i][0]), stdout);
        putchar('\n');
    }
}

/* What may stand in place of a run file, of commands that take more. */
static const char *models_of(const cli_command *command)
{
    cli_option option;
    if (strncmp(command->operands, "RUN.h5", strlen("RUN.h5")) == 0)
        for (size_t i = 0; cli_option_at(command, i, &option); i++)
            if (strcmp(option.name, "arch") == 0)
                return "RUN.h5 may be a model of another program: Keras (.h5, .keras), PyTorch, "
                       "ONNX, safetensors, NumPy.";
    return NULL;
}

void cli_print_command(const cli_command *command)
{
    const char *models = models_of(command);
    printf("usage: invproj %s %s [options]\n\n%s\n\n", command->name, command->operands,
           command->summary);
    if (models) {
        print_wrapped(models);
        putchar('\n');
    }
    cli_print_options(command, stdout);
    if (command->notes) {
        putchar('\n');
        print_wrapped(command->notes);
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
    if (models_of(command)) {
        printf("\n.PP\n");
        print_roff(models_of(command));
    }
    if (command->notes) {
        printf("\n.PP\n");
        print_roff(command->notes);
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
    for (size_t i = 0; cli_commands[i]; i++)
        print_man_command(cli_commands[i]);
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
    for (size_t i = 0; cli_commands[i]; i++)
        add_word(&w, cli_commands[i]->name);
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
    const cli_command *command = cli_command_find(word);
    if (!command)
        return false;
    cli_print_command(command);
    if (command->group) {
        printf("\nIts keys in an experiment file, which --set changes:\n\n");
        (void)inv_experiment_help_on(command->group, stdout);
    }
    return true;
}

typedef struct own {
    bool man;
    const char *completion;
} own;

static const cli_option own_options[] = {
    {0, "man", NULL, "print a manual page", CLI_FLAG, .offset = offsetof(own, man)},
    {0, "completion", "SHELL", "print command completions for a shell", CLI_TEXT,
     .offset = offsetof(own, completion), .choices = cli_shells},
    {.shared = CLI_HELP},
    {0}};

static inv_status run(const cli_options *options)
{
    const own *given = options->own;
    const char *word = options->operand_count ? options->operands[0] : NULL;
    if (given->completion)
        return cli_completion(given->completion, stdout);
    if (given->man)
        print_man();
    else if (!word)
        print_overview();
    else if (strcmp(word, "experiment") == 0)
        inv_experiment_help(stdout);
    else if (!explain_command(word) && !inv_experiment_help_on(word, stdout))
        return unknown_topic(word);
    return INV_OK;
}

const cli_command cli_command_help = {
    .name = "help",
    .operands = "[COMMAND | TOPIC]",
    .summary = "explain a command, or a topic such as experiment",
    .maximum = 1,
    .options = own_options,
    .own = sizeof(own),
    .run = run,
};
