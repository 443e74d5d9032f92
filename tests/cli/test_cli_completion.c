/* Completions, in the shells themselves: what a line that is typed, and a tab, give.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "program.h"
#include "suites.h"
#include "support.h"

#define LEN(array) (sizeof(array) / sizeof *(array))

static char *place;

static void put(const char *name, const char *text)
{
    support_write(support_at(place, name), text, strlen(text));
}

/* Files of every kind, blanks in some, and what the program makes for the shell. */
static void open_place(void)
{
    static const char *const files[] = {"run.h5", "my run.h5", "net.cfg", "image.png", "notes.txt"};
    static const char *const shells[][2] = {
        {"bash", "invproj.bash"}, {"zsh", "zsh/_invproj"}, {"fish", "invproj.fish"}};
    place = support_folder();
    for (size_t i = 0; i < LEN(files); i++)
        put(files[i], "");
    ck_assert_int_eq(mkdir(support_at(place, "folder"), 0755), 0);
    ck_assert_int_eq(mkdir(support_at(place, "zsh"), 0755), 0);
    for (size_t i = 0; i < LEN(shells); i++) {
        program *p = program_run(NULL, "help --completion %s", shells[i][0]);
        ck_assert_program(p, 0);
        ck_assert_str_eq(p->err, "");
        put(shells[i][1], p->out);
        program_free(p);
    }
}

static void close_place(void)
{
    support_remove(place);
}

/* Whether there is such a shell, and it takes the script; says so where there is none. */
static bool has_shell(const char *shell, const char *script)
{
    const program_how how = {.path = shell, .folder = place};
    program *p = program_run(&how, "-n %s", script);
    const bool there = p->code != 127;
    if (there) {
        ck_assert_program(p, 0);
        ck_assert_str_eq(p->err, "");
    } else {
        printf("cli_completion: skipped: %s, which is not installed\n", shell);
    }
    program_free(p);
    return there;
}

/* What a line is completed to. `bash` has it as words apart at '|', since bash takes lines apart at
 * blanks and "=". */
typedef struct line {
    const char *typed, *bash;
    const char *has[4]; /* whole words that it may become */
    const char *hasnt;  /* part of any; NULL: anything else may be there too */
} line;

static const line lines[] = {
    {"invproj gene", "gene", {"generate"}, "train"},
    {"invproj ", "", {"run", "exemplars", "info", "help"}, "notes"},
    {"invproj run ", "run|", {"net.cfg"}, NULL},
    {"invproj info ", "info|", {"run.h5", "my run.h5"}, NULL},
    {"invproj run net.cfg -o ", "run|net.cfg|-o|", {"folder"}, "notes"},
    {"invproj train net.cfg -o r", "train|net.cfg|-o|r", {"run.h5"}, "notes"},
    {"invproj predict run.h5 im", "predict|run.h5|im", {"image.png"}, "notes"},
    {"invproj generate run.h5 --pre", "generate|run.h5|--pre", {"--preset"}, "--steps"},
    {"invproj generate run.h5 --preset ",
     "generate|run.h5|--preset|",
     {"plain", "recommended"},
     "notes"},
    {"invproj generate run.h5 --preset=rec",
     "generate|run.h5|--preset|=|rec",
     {"recommended"},
     "plain"},
    {"invproj invert run.h5 --kind ",
     "invert|run.h5|--kind|",
     {"r2rt", "pinv", "decoder"},
     "notes"},
    {"invproj exemplars run.h5 --objective ma",
     "exemplars|run.h5|--objective|ma",
     {"margin"},
     "logit"},
    {"invproj help optim", "help|optim", {"optimisers"}, "adam"},
    {"invproj help adamw", "help|adamw", {"adamw"}, NULL},
    {"invproj help generate.she", "help|generate.she", {"generate.sheet"}, NULL},
    {"invproj help --completion z", "help|--completion|z", {"zsh"}, "fish"},
    {"invproj run net.cfg --set training.loss=cr",
     "run|net.cfg|--set|training.loss|=|cr",
     {"cross_entropy"},
     "l1"},
    {"invproj run net.cfg --set=training.loss=cr",
     "run|net.cfg|--set|=|training.loss|=|cr",
     {"cross_entropy"},
     "l1"},
    {"invproj run net.cfg --set training.optimiser.nes",
     "run|net.cfg|--set|training.optimiser.nes",
     {"training.optimiser.nesterov"},
     "rate"},
    {"invproj generate run.h5 --set generate.sheet.zo",
     "generate|run.h5|--set|generate.sheet.zo",
     {"generate.sheet.zoom"},
     "columns"},
    /* what stands after a value is no value */
    {"invproj run net.cfg --seed 5 --fo", "run|net.cfg|--seed|5|--fo", {"--force"}, "--data"},
    {"invproj run net.cfg --set seed=5 --fo",
     "run|net.cfg|--set|seed|=|5|--fo",
     {"--force"},
     "--data"},
};

/* Whether `word` stands in the text between ends of lines, blanks or what ends completions. */
static bool has_word(const char *text, const char *word)
{
    const size_t length = strlen(word);
    for (const char *at = text; (at = strstr(at, word)); at++)
        if ((at == text || strchr(" =\n\r", at[-1])) && strchr(" \t\n\r/>=", at[length]))
            return true;
    return false;
}

static void check(const char *shell, const line *l, const char *given)
{
    for (size_t i = 0; i < LEN(l->has) && l->has[i]; i++)
        ck_assert_msg(has_word(given, l->has[i]), "%s: \"%s\" does not become \"%s\" but:\n%s",
                      shell, l->typed, l->has[i], given);
    ck_assert_msg(!l->hasnt || !strstr(given, l->hasnt), "%s: \"%s\" may become \"%s\":\n%s", shell,
                  l->typed, l->hasnt, given);
}

/* The lines, for a script to read: as they are typed, or as bash has them. */
static void put_lines(bool for_bash)
{
    FILE *file = fopen(support_at(place, "lines"), "w");
    ck_assert_ptr_nonnull(file);
    for (size_t i = 0; i < LEN(lines); i++)
        fprintf(file, "%s\n", for_bash ? lines[i].bash : lines[i].typed);
    ck_assert_int_eq(fclose(file), 0);
}

/* What a script gave for each line, with a line "=====" after it. */
static void check_all(const char *shell, char *given)
{
    for (size_t i = 0; i < LEN(lines); i++) {
        char *end = strstr(given, "=====\n");
        ck_assert_msg(end != NULL, "%s: ended before \"%s\"", shell, lines[i].typed);
        *end = 0;
        check(shell, &lines[i], given);
        given = end + strlen("=====\n");
    }
}

/* ---- bash ---- */

START_TEST(bash_completes)
{
    static const char script[] = "source invproj.bash\n"
                                 "[[ $(complete -p invproj) == *_invproj* ]] || exit 1\n"
                                 "while IFS= read -r line; do\n"
                                 "    IFS='|' read -ra words <<<\"$line\"\n"
                                 "    COMP_WORDS=(invproj \"${words[@]}\")\n"
                                 "    [[ $line != *'|' && $line ]] || COMP_WORDS+=('')\n"
                                 "    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
                                 "    _invproj\n"
                                 "    printf '%s\\n' \"${COMPREPLY[@]}\" =====\n"
                                 "done <lines\n";
    const program_how bash = {.path = "bash", .folder = place};
    if (!has_shell("bash", "invproj.bash"))
        return;
    put("try.bash", script);
    put_lines(true);
    program *p = program_run_words(&bash, "--norc try.bash");
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->err, "");
    check_all("bash", p->out);
    program_free(p);
}
END_TEST

/* ---- zsh ---- */

/* A shell in a pseudo terminal, in which each line and a tab are typed; then it shows the line. */
static const char zsh_script[] = "zmodload zsh/zpty || exit 77\n"
                                 "await() {\n"
                                 "    local more i\n"
                                 "    text=\n"
                                 "    for ((i = 0; i < 2000; i++)); do\n"
                                 "        while zpty -r -t shell more; do text+=$more; done\n"
                                 "        [[ $text == *$~1* ]] && return\n"
                                 "        sleep 0.01\n"
                                 "    done\n"
                                 "}\n"
                                 "zpty shell zsh -f -i\n"
                                 "zpty -w shell 'source ./setup.zsh'\n"
                                 "await '<start>*<ready>'\n"
                                 "while IFS= read -r line; do\n"
                                 "    zpty -w -n shell \"$line\"$'\\t\\x18\\x12'\n"
                                 "    await \"$line*LINE<*>\"\n"
                                 "    print -r -- \"${text#*$line}\"\n"
                                 "    print -r -- '====='\n"
                                 "done <lines\n"
                                 "zpty -d shell\n";
static const char zsh_setup[] = "PROMPT='<ready>'\n"
                                "unset zle_bracketed_paste\n"
                                "LISTMAX=1000\n"
                                "fpath=($PWD/zsh $fpath)\n"
                                "autoload -Uz compinit\n"
                                "compinit -u -D\n"
                                "bindkey '^I' complete-word\n"
                                "report() { print -r -- \"LINE<$BUFFER>\"; BUFFER=; }\n"
                                "zle -N report\n"
                                "bindkey '^X^R' report\n"
                                "print -r -- '<start>'\n";

/* Without the backslash before a blank that is part of a name. */
static void unquote(char *text)
{
    char *to = text;
    for (const char *c = text; *c; c++)
        if (c[0] != '\\' || c[1] != ' ')
            *to++ = *c;
    *to = 0;
}

START_TEST(zsh_completes)
{
    const program_how zsh = {
        .path = "zsh", .folder = place, .environment = "TERM=dumb", .seconds = 120};
    if (!has_shell("zsh", "zsh/_invproj"))
        return;
    put("try.zsh", zsh_script);
    put("setup.zsh", zsh_setup);
    put_lines(false);
    program *p = program_run_words(&zsh, "-f try.zsh");
    if (p->code == 77) {
        printf("cli_completion: skipped: zsh, which is installed without its module zsh/zpty\n");
    } else {
        ck_assert_program(p, 0);
        unquote(p->out);
        check_all("zsh", p->out);
    }
    program_free(p);
}
END_TEST

/* ---- fish ---- */

START_TEST(fish_completes)
{
    static const char script[] = "source invproj.fish\n"
                                 "while read -l line\n"
                                 "    complete -C $line\n"
                                 "    echo =====\n"
                                 "end <lines\n";
    static char home[512];
    snprintf(home, sizeof home, "HOME=%s", place);
    const program_how fish = {.path = "fish", .folder = place, .environment = home};
    if (!has_shell("fish", "invproj.fish"))
        return;
    put("try.fish", script);
    put_lines(false);
    program *p = program_run_words(&fish, "try.fish");
    ck_assert_program(p, 0);
    ck_assert_str_eq(p->err, "");
    check_all("fish", p->out);
    program_free(p);
}
END_TEST

/* ---- the program ---- */

START_TEST(other_shells_are_refused)
{
    program *p = program_run_words(NULL, "help --completion tcsh");
    ck_assert_fails(p, 2, "--completion", "'tcsh'", "bash, zsh, fish");
    program_free(p);
}
END_TEST

Suite *cli_completion_suite(void)
{
    Suite *suite = suite_create("cli_completion");
    TCase *tests = tcase_create("completion");
    tcase_set_timeout(tests, 150);
    tcase_add_unchecked_fixture(tests, open_place, close_place);
    tcase_add_test(tests, bash_completes);
    tcase_add_test(tests, zsh_completes);
    tcase_add_test(tests, fish_completes);
    tcase_add_test(tests, other_shells_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
