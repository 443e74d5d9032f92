/* The program's command line: what it refuses, and what its help and its manual page tell.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "cli_short.h"
#include "kernels/kernels.h"
#include "program.h"
#include "suites.h"
#include "support.h"

#define CFG        "r2rt.cfg" /* a copy, in the folder the program is run in */
#define LEN(array) (sizeof(array) / sizeof *(array))

/* What there must be, whatever there is besides: each command and its options. */
static const struct command {
    const char *name;
    const char *options[20];
} commands[] = {
    {"run", {"out", "data", "seed", "threads", "set", "resume", "force", "quiet", "help"}},
    {"train", {"out", "data", "seed", "threads", "set", "resume", "force", "quiet", "help"}},
    {"invert", {"at", "kind", "name", "steps", "data", "threads", "set", "quiet", "help"}},
    {"project",
     {"count", "images", "invert", "inverse", "name", "data", "threads", "set", "quiet", "help"}},
    {"generate",
     {"at", "classes", "count", "preset", "objective", "targets", "steps", "judge", "frames",
      "inverse", "name", "data", "threads", "set", "quiet", "help"}},
    {"features",
     {"at", "layer", "units", "steps", "frames", "inverse", "name", "threads", "set", "quiet",
      "help"}},
    {"exemplars", {"objective", "classes", "layer", "units", "count", "name", "data", "help"}},
    {"predict", {"top", "labels", "invert", "json", "threads", "help"}},
    {"pack", {"out", "size", "grey", "test", "seed", "help"}},
    {"info", {"json", "help"}},
    {"help", {"man", "completion", "help"}},
};

/* ---- what is refused ---- */

static const struct refused {
    const char *words, *says[4];
} refused[] = {
    {"", {"no command", "--help"}},
    {"rnu " CFG, {"rnu: unknown command", "did you mean 'run'?"}},
    {"fetaures", {"did you mean 'features'?"}},
    {"zzzzzzz", {"zzzzzzz: unknown command", "--help"}},
    {"--verison", {"--verison"}},
    {"run", {"run: usage: invproj run EXPERIMENT.cfg -o DIR"}},
    {"run " CFG, {"-o DIR"}},
    {"train " CFG, {"-o RUN.h5"}},
    {"run " CFG " " CFG " -o x", {"usage"}},
    {"info", {"usage: invproj info RUN.h5"}},
    {"info a b", {"usage"}},
    {"generate", {"usage: invproj generate RUN.h5"}},
    {"project a.h5 b.png", {"usage", "--images"}},
    {"help run train", {"usage"}},
    {"help rnu", {"help: there is no command and no topic 'rnu'", "did you mean 'run'?"}},
    {"help laers", {"did you mean 'layers'?"}},
    {"help adagard", {"did you mean 'adagrad'?"}},
    {"help training.optimser", {"did you mean 'training.optimiser'?"}},
    {"help zzzzzzzzz", {"no topic 'zzzzzzzzz'", "see invproj --help"}},
    {"run " CFG " --ouut x", {"--ouut: unknown option", "did you mean --out?"}},
    {"run " CFG " --threds=1 -o x", {"--threds: unknown option", "did you mean --threads?"}},
    {"run " CFG " -o x --zzzzzzzzz", {"--zzzzzzzzz: unknown option", "invproj run --help"}},
    {"run " CFG " -o x -Z", {"-Z: unknown option"}},
    {"info a --classes 1", {"--classes: unknown option"}}, /* known, but elsewhere */
    {"run " CFG " -o", {"--out: needs a value, PATH"}},
    {"run " CFG " -o x --seed", {"--seed: needs a value, N"}},
    {"run " CFG " -o x --data=", {"--data: needs a value, DIR"}},
    {"run " CFG " -o x --quiet=yes", {"--quiet: takes no value"}},
    {"run " CFG " -o x --seed -3", {"--seed", "'-3'", "whole number"}},
    {"run " CFG " -o x --seed 1.5", {"--seed", "'1.5'", "whole number"}},
    {"run " CFG " -o x --seed ten", {"--seed", "'ten'", "whole number"}},
    {"run " CFG " -o x --seed 99999999999999999999", {"--seed", "99999999999999999999"}},
    {"run " CFG " -o x --seed 9007199254740993",
     {"--seed", "9007199254740993 is more than 9007199254740992 (2^53)"}},
    {"run " CFG " -o x --set seed=9007199254740993",
     {"seed: 9007199254740993 is not from 0 to 9007199254740992"}},
    {"pack . -o x --seed 18446744073709551615", {"--seed", "18446744073709551615 is more than"}},
    {"run " CFG " -o x --checkpoint 2.7", {"--checkpoint", "'2.7'", "steps, as in 500"}},
    {"run " CFG " -o x --checkpoint nan", {"--checkpoint", "'nan'"}},
    {"run " CFG " -o x --checkpoint 3m", {"--checkpoint", "'3m'"}},
    {"generate a.h5 --classes 0,", {"--classes", "'0,'", "not a list"}},
    {"generate a.h5 --classes ,1", {"--classes", "',1'", "not a list"}},
    {"run " CFG " -o x --stop-code 256", {"--stop-code: 256 is more than 255"}},
    {"run " CFG " -o x --threads two", {"--threads", "'two'", "whole number"}},
    {"run " CFG " -o x --threads 1000000", {"--threads", "1000000"}},
    {"run " CFG " -o x --threads 99999999999999", {"--threads", "99999999999999"}},
    {"run " CFG " -o x --set training.steps", {"--set training.steps", "PATH=VALUE"}},
    {"run " CFG " -o x --set =5", {"--set =5", "PATH=VALUE"}},
    {"run " CFG " -o x --set training.steps.x=5", {"--set training.steps.x=5", "no group"}},
    {"run " CFG " -o x --set network.layers.7.units=5", {"network.layers.7", "no group"}},
    {"run " CFG " -o x --set training.stpes=5", {"training.stpes", "did you mean 'steps'?"}},
    {"run " CFG " -o x --set training.steps=", {"training.steps", "whole number"}},
    {"run " CFG " -o x --set trainig.steps=5", {"trainig", "did you mean 'training'?"}},
};

static char *here;

static void open_place(void)
{
    here = support_folder();
    short_copy("experiments/r2rt.cfg", support_at(here, CFG));
}

static void close_place(void)
{
    support_remove(here);
}

START_TEST(a_wrong_command_line_is_refused)
{
    const struct refused *wrong = &refused[_i];
    const program_how how = {.folder = here};
    char *before = program_snapshot(here);
    program *p = program_run_words(&how, wrong->words);
    program_must_fail(p, 2, wrong->says);
    program_free(p);
    char *after = program_snapshot(here);
    program_must_equal(before, after);
    free(before);
    free(after);
}
END_TEST

START_TEST(kernels_that_are_none_are_refused)
{
    const program_how plain = {.environment = "INVPROJ_KERNELS=plain"},
                      none = {.environment = "INVPROJ_KERNELS=sse9"};
    program_must_work(program_run_words(&plain, "--version"));
    program *p = program_run_words(&none, "--version");
    ck_assert_fails(p, 2, "INVPROJ_KERNELS", "'sse9'", "AVX2");
    program_free(p);
}
END_TEST

/* Those of a processor with tiles, where this one has none. */
START_TEST(amx_is_refused_without_tiles)
{
    const program_how amx = {.environment = "INVPROJ_KERNELS=AMX"};
    const inv_kernels *sets[INV_KERNELS_MOST] = {NULL};
    const size_t count = inv_kernels_all(sets);
    program *p = program_run_words(&amx, "--version");
    if (strcmp(sets[count - 1]->name, "AMX") == 0) {
        program_must_work(p);
        return;
    }
    ck_assert_fails(p, 2, "INVPROJ_KERNELS", "'AMX'", "AVX-512");
    program_free(p);
}
END_TEST

START_TEST(too_many_settings_are_refused)
{
    const program_how how = {.folder = here};
    char words[65 * 13 + 64] = "run " CFG " -o x";
    for (int i = 0; i < 65; i++)
        strcat(words, " --set seed=1");
    program *p = program_run_words(&how, words);
    ck_assert_fails(p, 2, "--set", "64");
    program_free(p);
}
END_TEST

/* What is typed may hold anything; the message stays one line. */
START_TEST(a_message_is_one_line_whatever_is_in_it)
{
    static const char *const odd[] = {"a\nb", "\033[31mred", "\r", "%n%s"};
    const program_how how = {.folder = here};
    program *p = program_run(&how, "%s", odd[_i]);
    ck_assert_fails(p, 2, "unknown command");
    program_free(p);
    p = program_run(&how, "run %s -o x", odd[_i]);
    ck_assert_fails(p, 1, "No such file");
    ck_assert_ptr_null(strchr(p->err, '\033'));
    program_free(p);
}
END_TEST

START_TEST(a_long_word_does_no_harm)
{
    const program_how how = {.folder = here};
    char word[3000];
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = 0;
    program *p = program_run(&how, "%s", word);
    ck_assert_fails(p, 2, "xxxx");
    program_free(p);
    p = program_run(&how, "run --%s", word);
    ck_assert_fails(p, 2, "unknown option");
    program_free(p);
    p = program_run(&how, "run " CFG " -o %s", word + sizeof word - 301);
    ck_assert_fails(p, 1, "File name too long");
    program_free(p);
}
END_TEST

/* ---- help ---- */

static program *run_well(const char *words)
{
    program *p = program_run_words(NULL, words);
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->err, "");
    return p;
}

/* A line of 80 would leave an empty one in some terminals. */
static void must_fit(const char *words, const char *help)
{
    for (const char *line = help; *line; line += strcspn(line, "\n") + 1)
        ck_assert_msg(strcspn(line, "\n") < 80, "%s: %.*s", words, (int)strcspn(line, "\n"), line);
}

START_TEST(help_lists_the_commands)
{
    static const char *const ways[] = {"--help", "-h", "help"};
    program *p = run_well(ways[_i]);
    must_fit(ways[_i], p->out);
    for (size_t i = 0; i < LEN(commands); i++) {
        char line[64];
        snprintf(line, sizeof line, "\n  %-9s ", commands[i].name);
        ck_assert_msg(strstr(p->out, line) != NULL, "no %s in\n%s", commands[i].name, p->out);
    }
    ck_assert_ptr_nonnull(strstr(p->out, "\n  128 + N       "));
    ck_assert_ptr_nonnull(strstr(p->out, " layers, "));
    ck_assert_ptr_nonnull(strstr(p->out, " optimisers, "));
    program_free(p);
}
END_TEST

START_TEST(help_says_where_numbers_of_units_begin)
{
    program *p = run_well("features --help");
    ck_assert_ptr_nonnull(strstr(p->out, "numbers of units or channels, from 0,"));
    program_free(p);
}
END_TEST

/* Whether the option stands at the start of a line, after its letter if it has one. */
static bool has_option(const char *help, const char *name)
{
    char option[64];
    snprintf(option, sizeof option, "--%s", name);
    for (const char *line = help; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *at = line + strspn(line, " ");
        at += *at == '-' && at[1] != '-' ? 4 : 0;
        if (strncmp(at, option, strlen(option)) == 0 && strchr(" \n", at[strlen(option)]))
            return true;
        if (!*line)
            break;
    }
    return false;
}

START_TEST(help_lists_the_options_of_a_command)
{
    const struct command *command = &commands[_i];
    const char *end = "print this help\n"; /* of the options */
    char words[64];
    snprintf(words, sizeof words, "%s --help", command->name);
    program *p = run_well(words);
    must_fit(words, p->out);
    for (size_t i = 0; command->options[i]; i++)
        ck_assert_msg(has_option(p->out, command->options[i]), "%s: no --%s in\n%s", words,
                      command->options[i], p->out);
    ck_assert(!has_option(p->out, "hel"));
    snprintf(words, sizeof words, "help %s", command->name);
    program *other = run_well(words);
    must_fit(words, other->out);
    const size_t same = (size_t)(strstr(p->out, end) - p->out) + strlen(end);
    ck_assert_msg(strncmp(p->out, other->out, same) == 0, "%s\n%s", p->out, other->out);
    program_free(other);
    program_free(p);
}
END_TEST

/* The words that an option may be are those of the key that it sets. */
START_TEST(help_lists_what_an_option_may_be)
{
    program *p = run_well("generate --help");
    ck_assert_ptr_nonnull(
        strstr(p->out, "settings:\n                           plain, recommended"));
    ck_assert_ptr_nonnull(strstr(p->out, "objective to optimise: l1, probability,"));
    program_free(p);
    p = run_well("invert --help");
    ck_assert_ptr_nonnull(strstr(p->out, "how the inverse is found: r2rt, pinv,"));
    program_free(p);
}
END_TEST

static const struct topic {
    const char *words, *says[4];
} topics[] = {
    {"help experiment",
     {"  training.schedule.every     number, 1e-9 to 1e9 (default 10.0)\n", "\nconv2d: ",
      "\nadamw: ", "  features.scale              number, -1e30 to 1e30 (default 100000000.0)\n"}},
    {"help layers", {"\nconv2d: ", "\nbatch_norm: ", "  momentum "}},
    {"help conv2d", {"conv2d (layers): ", "  filters "}},
    {"help activations", {"  relu ", "  softmax "}},
    {"help relu", {"relu (activations): "}},
    {"help optimisers", {"\nadam: ", "\nsgd: ", "  beta1 "}},
    {"help adam", {"adam (optimisers): ", "  beta2 "}},
    {"help schedules", {"  cosine ", "  step "}},
    {"help losses", {"  cross_entropy ", "  l2 "}},
    {"help objectives", {"  margin ", "  total_variation "}},
    {"help parametrisations", {"  whitened ", "  mask "}},
    {"help inverses", {"  r2rt ", "  decoder "}},
    {"help training", {"training: ", "  training.stop.by "}},
    {"help training.optimiser", {"  training.optimiser.rate ", "\nrmsprop: "}},
    {"help network.layers", {"  network.layers.N.activation ", "\nlocal: "}},
    {"help generate",
     {"usage: invproj generate RUN.h5", "RUN.h5 may be a model of another program: Keras",
      "  generate.until "}},
    {"help generate.sheet", {"  generate.sheet.columns "}},
    {"help training.steps", {"  training.steps              whole number, 1 to 1e9"}},
};

START_TEST(help_explains_topics)
{
    program *p = run_well(topics[_i].words);
    must_fit(topics[_i].words, p->out);
    for (size_t i = 0; i < LEN(topics->says) && topics[_i].says[i]; i++)
        ck_assert_msg(strstr(p->out, topics[_i].says[i]) != NULL, "%s: no '%s' in\n%s",
                      topics[_i].words, topics[_i].says[i], p->out);
    program_free(p);
}
END_TEST

START_TEST(version)
{
    program *p = run_well("--version");
    ck_assert_msg(strncmp(p->out, "invproj ", 8) == 0, "%s", p->out);
    ck_assert_uint_eq(program_lines(p->out), 1);
    ck_assert(strspn(p->out + 8, "0123456789.") > 4);
    program_free(p);
}
END_TEST

/* ---- the manual page ---- */

/* Without roff's "\-" and "\&", which it must be rid of before words are looked for. */
static char *plain(const char *roff)
{
    char *text = strdup(roff), *to = text;
    for (const char *c = roff; *c; c++) {
        if (c[0] == '\\' && c[1] == '&')
            c++;
        else if (c[0] != '\\')
            *to++ = *c;
    }
    *to = 0;
    return text;
}

/* What stands from this line to the next heading; NULL where it is not there. */
static char *section_of(const char *page, const char *heading)
{
    const char *at = strstr(page, heading), *end = at ? strstr(at + 1, "\n.S") : NULL;
    return !at ? NULL : end ? strndup(at, (size_t)(end - at)) : strdup(at);
}

/* Every command and every option that its help has. */
START_TEST(the_manual_page_has_all_that_help_has)
{
    program *man = run_well("help --man"), *p = NULL;
    char *page = plain(man->out), words[64];
    for (size_t i = 0; i < LEN(commands); i++) {
        snprintf(words, sizeof words, ".SS \"%s", commands[i].name);
        char *section = section_of(page, words);
        size_t found = 0;
        ck_assert_msg(section != NULL, "no section for %s in\n%s", commands[i].name, man->out);
        snprintf(words, sizeof words, "%s --help", commands[i].name);
        p = run_well(words);
        for (const char *option = strstr(strstr(p->out, "\n\n"), "--"); option;
             option = strstr(option + 2, "--")) {
            const char *end = strchr(option, '\n');
            char line[256];
            snprintf(line, sizeof line, "%.*s", (int)(end - option), option);
            ck_assert_msg(strstr(section, line) != NULL, "%s: not in the page: %s",
                          commands[i].name, line);
            found++;
        }
        ck_assert_msg(found > 0, "%s has no option in its help", commands[i].name);
        free(section);
        program_free(p);
    }
    ck_assert_ptr_nonnull(strstr(page, ".SH EXIT STATUS"));
    free(page);
    program_free(man);
}
END_TEST

START_TEST(groff_finds_no_fault_with_the_manual_page)
{
    const program_how groff = {.path = "groff"};
    program *man = run_well("help --man");
    support_write(support_at(here, "page.1"), man->out, strlen(man->out));
    program *p = program_run(&groff, "-man -ww -Tutf8 %s/page.1", here);
    if (p->code == 127) {
        support_skipped("cli_usage", "the manual page through groff, which is not installed");
    } else {
        ck_assert_program(p, 0);
        ck_assert_str_eq(p->err, "");
        ck_assert_ptr_nonnull(strstr(p->out, "folder (run, pack) or file to write"));
    }
    unlink(support_at(here, "page.1"));
    program_free(p);
    program_free(man);
}
END_TEST

/* ---- results that cannot be written are none ---- */

START_TEST(a_full_stdout_is_an_error)
{
    static const char *const words[] = {"--help", "--version", "help --man", "help experiment",
                                        "run --help"};
    const program_how how = {.out = "/dev/full"};
    program *p = program_run_words(&how, words[_i]);
    ck_assert_fails(p, 1, "standard output", "No space left");
    program_free(p);
}
END_TEST

START_TEST(a_full_stdout_is_an_error_of_run_and_info_too)
{
    const program_how how = {.out = "/dev/full"};
    char *folder = support_folder();
    short_data(support_at(folder, "data"));
    program *p = program_run(&how, "run " SHORT " -q --data %s/data -o %s/o", folder, folder);
    ck_assert_fails(p, 1, "standard output");
    program_free(p);
    p = program_run(NULL, "info %s/o/run.h5", folder); /* the run itself is whole */
    ck_assert_program(p, 0);
    program_free(p);
    p = program_run(&how, "info %s/o/run.h5 --json", folder);
    ck_assert_fails(p, 1, "standard output");
    program_free(p);
    support_remove(folder);
}
END_TEST

Suite *cli_usage_suite(void)
{
    Suite *suite = suite_create("cli_usage");
    TCase *tests = tcase_create("usage");
    tcase_set_timeout(tests, 60);
    tcase_add_unchecked_fixture(tests, open_place, close_place);
    tcase_add_loop_test(tests, a_wrong_command_line_is_refused, 0, LEN(refused));
    tcase_add_test(tests, kernels_that_are_none_are_refused);
    tcase_add_test(tests, amx_is_refused_without_tiles);
    tcase_add_test(tests, too_many_settings_are_refused);
    tcase_add_loop_test(tests, a_message_is_one_line_whatever_is_in_it, 0, 4);
    tcase_add_test(tests, a_long_word_does_no_harm);
    tcase_add_loop_test(tests, help_lists_the_commands, 0, 3);
    tcase_add_test(tests, help_says_where_numbers_of_units_begin);
    tcase_add_loop_test(tests, help_lists_the_options_of_a_command, 0, LEN(commands));
    tcase_add_test(tests, help_lists_what_an_option_may_be);
    tcase_add_loop_test(tests, help_explains_topics, 0, LEN(topics));
    tcase_add_test(tests, version);
    tcase_add_test(tests, the_manual_page_has_all_that_help_has);
    tcase_add_test(tests, groff_finds_no_fault_with_the_manual_page);
    tcase_add_loop_test(tests, a_full_stdout_is_an_error, 0, 5);
    tcase_add_test(tests, a_full_stdout_is_an_error_of_run_and_info_too);
    suite_add_tcase(suite, tests);
    return suite;
}
