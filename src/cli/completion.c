/* Completions for bash, zsh and fish, from the tables of commands, options and keys.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "invproj/experiment.h"
#include "invproj/help.h"
#include "invproj/version.h"

/* ---- what may stand in a place ---- */

typedef enum what { NOTHING, WORDS, KEYS, TOPICS, FOLDERS, FILES } what;

typedef struct value {
    what what;
    char name[64];   /* as help has it: "RUN.h5" */
    char ending[16]; /* of FILES: ".h5"; "": any */
    const inv_choice *choices;
} value;

/* From its name in help, which may go on after it: "RUN.h5", "DIR", "COMMAND | TOPIC". */
static value value_of(const char *name, const inv_choice *choices)
{
    value v = {choices ? WORDS : NOTHING, "", "", choices};
    snprintf(v.name, sizeof v.name, "%.*s", (int)strcspn(name, " ]"), name);
    char *several = strstr(v.name, "...");
    if (several)
        *several = 0;
    const char *dot = strchr(v.name, '.');
    if (choices)
        return v;
    if (strcmp(v.name, "PATH=VALUE") == 0)
        v.what = KEYS;
    else if (strcmp(v.name, "COMMAND") == 0)
        v.what = TOPICS;
    else if (strcmp(v.name, "DIR") == 0 || strcmp(v.name, "FOLDER") == 0)
        v.what = FOLDERS;
    else if (dot || strcmp(v.name, "PATH") == 0 || strcmp(v.name, "IDX") == 0)
        v.what = FILES;
    if (dot)
        snprintf(v.ending, sizeof v.ending, "%s", dot);
    return v;
}

/* Of -o, the usage says more: a folder for some commands, a file for others. */
static value option_value(const cli_command *command, const cli_option *o)
{
    const char *shown = o->letter == 'o' ? strstr(command->operands, "-o ") : NULL;
    return value_of(shown ? shown + 3 : o->operand, o->choices);
}

static value first_operand(const cli_command *command)
{
    return value_of(command->operands + strspn(command->operands, "["), NULL);
}

/* Those after it are images, "IMAGE...", or more of the same, "RUN.h5...". */
static value other_operands(const cli_command *command)
{
    const char *image = strstr(command->operands, "IMAGE...");
    if (!image && strstr(command->operands, "..."))
        return first_operand(command);
    return (value){image ? FILES : NOTHING, "IMAGE", "", NULL};
}

/* ---- keys that --set may change ---- */

typedef struct keys {
    void (*tell)(const char *path, const inv_field *field, FILE *out);
    FILE *out;
} keys;

static void tell_key(const keys *k, const char *path, const inv_field *field)
{
    const bool single = field->type != INV_FIELD_GROUP && field->type != INV_FIELD_LIST &&
                        field->type != INV_FIELD_OTHER;
    if (single && !strstr(path, ".N")) /* "N" is to be a number */
        k->tell(path, field, k->out);
}

static bool has_key(const inv_field *fields, const char *key)
{
    for (; fields && fields->key; fields++)
        if (strcmp(fields->key, key) == 0)
            return true;
    return false;
}

/* Those that other types of the group have than the one that it has by default. */
static void tell_keys_of_types(const keys *k, const inv_key *key)
{
    const inv_field *group = key->field;
    const inv_field *usual = group->group((const char *)key->holder + group->offset);
    for (const inv_choice *c = group->choices; c->name; c++)
        for (const inv_field *f = group->group(c->name); f && f->key; f++) {
            char path[INV_TEXT_MAX];
            snprintf(path, sizeof path, "%s.%s", key->path, f->key);
            if (!has_key(usual, f->key))
                tell_key(k, path, f);
        }
}

static void meet_key(const inv_key *key, void *context)
{
    tell_key(context, key->path, key->field);
    if (key->field->type == INV_FIELD_GROUP && key->field->start)
        tell_keys_of_types(context, key);
}

/* Some come more than once. */
static void each_key(FILE *out, void (*tell)(const char *path, const inv_field *field, FILE *out))
{
    keys k = {tell, out};
    inv_experiment_visit(meet_key, &k);
}

/* What the paths begin with that --set takes: "generate.", or nothing where it takes all. */
static void print_prefix(const cli_command *command, FILE *out)
{
    if (command->group)
        fprintf(out, "%s.", command->group);
}

/* ---- texts ---- */

/* Each shell has an apostrophe in a quoted text in its own way. */
static void print_quoted(const char *text, const char *apostrophe, const char *also, FILE *out)
{
    for (; *text; text++) {
        if (*text == '\'') {
            fputs(apostrophe, out);
            continue;
        }
        if (strchr(also, *text))
            fputc('\\', out);
        fputc(*text, out);
    }
}

static void print_choices(const inv_choice *choices, FILE *out)
{
    for (const inv_choice *c = choices; c->name; c++)
        fprintf(out, "%s%s", c == choices ? "" : " ", c->name);
}

static void print_head(const char *first, const char *shell, FILE *out)
{
    fprintf(out,
            "%s# Completions of invproj %s for %s, made by `invproj help --completion %s`.\n\n",
            first, INV_VERSION, shell, shell);
}

/* What `help` may be asked about: commands, "experiment", and the words of the experiment. */
static void each_topic(inv_word_teller *tell, FILE *out)
{
    tell(INV_WORD_TOPIC, "experiment", "every key of an experiment file", out);
    for (size_t i = 0; cli_commands[i]; i++)
        tell(INV_WORD_TOPIC, cli_commands[i]->name, cli_commands[i]->summary, out);
    inv_experiment_words(tell, out);
}

/* ---- bash ---- */

static void bash_topic(inv_word_kind kind, const char *word, const char *help, void *context)
{
    (void)kind, (void)help;
    fprintf(context, " %s", word);
}

static void bash_value(const cli_command *command, const value *v, FILE *out)
{
    switch (v->what) {
    case WORDS:
        fputs("_invproj_words '", out);
        print_choices(v->choices, out);
        fputs("'", out);
        break;
    case TOPICS:
        fputs("_invproj_words '", out);
        each_topic(bash_topic, out);
        fputs("'", out);
        break;
    case KEYS:
        fputs("_invproj_keys '", out);
        print_prefix(command, out);
        fputs("'", out);
        break;
    case FOLDERS:
        fputs("_invproj_folders", out);
        break;
    case FILES:
        fprintf(out, "_invproj_files '%s'", v->ending);
        break;
    case NOTHING:
        fputs(":", out);
        break;
    }
    fputs(" ;;\n", out);
}

static const char *const bash_start =
    "_invproj_words()\n"
    "{\n"
    "    local IFS=$' \\t\\n'\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\")\n"
    "}\n"
    "\n"
    "_invproj_folders()\n"
    "{\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    mapfile -t COMPREPLY < <(compgen -d -- \"$cur\")\n"
    "}\n"
    "\n"
    "# Those that end so, and the folders where there may be more.\n"
    "_invproj_files()\n"
    "{\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    mapfile -t COMPREPLY < <(compgen -f -X \"!*$1\" -- \"$cur\"; [[ ! $1 ]] || compgen -d -- "
    "\"$cur\")\n"
    "}\n"
    "\n";

/* "=" is a word of its own, and so is what stands on each side of it. */
static const char *const bash_walk_start =
    "    # which option the word is the value of, and how many operands stand before it\n"
    "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
    "        case ${COMP_WORDS[i]} in\n"
    "            ";
static const char *const bash_walk_end =
    "--)\n"
    "                option=${COMP_WORDS[i]} key='' value=$((i + 1))\n"
    "                [[ ${COMP_WORDS[value]} != = ]] || ((value == COMP_CWORD)) || ((value++))\n"
    "                if [[ $option == --set && ${COMP_WORDS[value + 1]} == = ]]; then\n"
    "                    key=${COMP_WORDS[value]}\n"
    "                    ((value += value + 1 == COMP_CWORD ? 1 : 2))\n"
    "                fi\n"
    "                ((value < COMP_CWORD)) || break\n"
    "                i=$value option='' ;;\n"
    "            -*) ;;\n"
    "            *) ((operands++)) ;;\n"
    "        esac\n"
    "    done\n"
    "    [[ $cur != = ]] || cur=''\n";

static void bash_option_names(const cli_command *command, FILE *out)
{
    cli_option o;
    for (size_t i = 0; cli_option_at(command, i, &o); i++) {
        if (o.letter)
            fprintf(out, " -%c", o.letter);
        fprintf(out, " --%s", o.name);
    }
}

/* " | --data | ...": the options of all commands that have a value, each once. */
static void bash_with_value(FILE *out)
{
    char seen[2048] = "";
    cli_option o;
    for (size_t c = 0; cli_commands[c]; c++)
        for (size_t i = 0; cli_option_at(cli_commands[c], i, &o); i++) {
            char word[64];
            snprintf(word, sizeof word, "|--%s|", o.name);
            if (!o.operand || strstr(seen, word) || strlen(seen) + strlen(word) >= sizeof seen)
                continue;
            strcat(seen, word);
            if (o.letter)
                fprintf(out, "-%c | ", o.letter);
            fprintf(out, "--%s | ", o.name);
        }
}

static void bash_key(const char *path, const inv_field *field, FILE *out)
{
    (void)field;
    fprintf(out, " %s=", path);
}

static void bash_key_choices(const char *path, const inv_field *field, FILE *out)
{
    if (field->type == INV_FIELD_BOOL)
        fprintf(out, "            %s) _invproj_words 'false true' ;;\n", path);
    if (!field->choices)
        return;
    fprintf(out, "            %s) _invproj_words '", path);
    print_choices(field->choices, out);
    fputs("' ;;\n", out);
}

/* Those of the command's group; of one that has its value beside it, what that may be. */
static void bash_keys(FILE *out)
{
    fputs("_invproj_keys()\n{\n    local IFS=$' \\t\\n' word words=''\n"
          "    if [[ $key ]]; then\n        case $key in\n",
          out);
    each_key(out, bash_key_choices);
    fputs("        esac\n        return\n    fi\n"
          "    compopt -o nospace 2>/dev/null\n    for word in",
          out);
    each_key(out, bash_key);
    fputs("; do\n        [[ $word != \"$1\"* ]] || words+=\" $word\"\n    done\n"
          "    _invproj_words \"$words\"\n}\n\n",
          out);
}

static void bash_command_values(const cli_command *command, FILE *out)
{
    cli_option o;
    for (size_t i = 0; cli_option_at(command, i, &o); i++) {
        if (!o.operand)
            continue;
        const value v = option_value(command, &o);
        if (v.what == NOTHING)
            continue;
        if (o.letter)
            fprintf(out, "            %s:-%c | ", command->name, o.letter);
        else
            fputs("            ", out);
        fprintf(out, "%s:--%s) ", command->name, o.name);
        bash_value(command, &v, out);
    }
}

static void bash_command_operands(const cli_command *command, FILE *out)
{
    const value first = first_operand(command), others = other_operands(command);
    fprintf(out, "        %s:0) ", command->name);
    bash_value(command, &first, out);
    if (others.what != NOTHING) {
        fprintf(out, "        %s:*) ", command->name);
        bash_value(command, &others, out);
    }
}

static void bash_body(FILE *out)
{
    fputs("_invproj()\n{\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}\n"
          "    local option='' key='' value operands=0 i\n"
          "    COMPREPLY=()\n    if ((COMP_CWORD == 1)); then\n        _invproj_words '",
          out);
    for (size_t i = 0; cli_commands[i]; i++)
        fprintf(out, "%s ", cli_commands[i]->name);
    fputs("--help --version'\n        return\n    fi\n", out);
    fputs(bash_walk_start, out);
    bash_with_value(out);
    fputs(bash_walk_end, out);
    fputs("    if [[ $option ]]; then\n        case $command:$option in\n", out);
    for (size_t i = 0; cli_commands[i]; i++)
        bash_command_values(cli_commands[i], out);
    fputs("        esac\n        return\n    fi\n"
          "    if [[ $cur == -* ]]; then\n        case $command in\n",
          out);
    for (size_t i = 0; cli_commands[i]; i++) {
        fprintf(out, "            %s) _invproj_words '", cli_commands[i]->name);
        bash_option_names(cli_commands[i], out);
        fputs("' ;;\n", out);
    }
    fputs("        esac\n        return\n    fi\n    case $command:$operands in\n", out);
    for (size_t i = 0; cli_commands[i]; i++)
        bash_command_operands(cli_commands[i], out);
    fputs("    esac\n}\n\ncomplete -F _invproj invproj\n", out);
}

static void print_bash(FILE *out)
{
    print_head("", "bash", out);
    fputs(bash_start, out);
    bash_keys(out);
    bash_body(out);
}

/* ---- zsh ---- */

#define ZSH_APOSTROPHE "'\\''"

static void zsh_topic(inv_word_kind kind, const char *word, const char *help, void *context)
{
    (void)kind;
    fprintf(context, "        '%s:", word);
    print_quoted(help, ZSH_APOSTROPHE, ":\\", context);
    fputs("'\n", context);
}

static void zsh_topics(FILE *out)
{
    fputs("_invproj_topics()\n{\n    local -a topics\n    topics=(\n", out);
    each_topic(zsh_topic, out);
    fputs("    )\n    _describe -t topics topic topics\n}\n\n", out);
}

static void zsh_key(const char *path, const inv_field *field, FILE *out)
{
    (void)field;
    fprintf(out, " %s", path);
}

static void zsh_key_choices(const char *path, const inv_field *field, FILE *out)
{
    if (field->type != INV_FIELD_BOOL && !field->choices)
        return;
    fprintf(out, "            *%s=) compadd ", path);
    if (field->choices)
        print_choices(field->choices, out);
    else
        fputs("false true", out);
    fputs(" ;;\n", out);
}

static void zsh_keys(FILE *out)
{
    fputs("_invproj_keys()\n{\n    local -a keys\n    if compset -P '*='; then\n"
          "        case $IPREFIX in\n",
          out);
    each_key(out, zsh_key_choices);
    fputs("        esac\n        return\n    fi\n    keys=(", out);
    each_key(out, zsh_key);
    fputs(")\n    keys=(${(M)keys:#$1*})\n    compadd -S = -a keys\n}\n\n", out);
}

/* ":NAME:ACTION" */
static void zsh_value(const cli_command *command, const value *v, FILE *out)
{
    fprintf(out, ":%s:", v->name);
    switch (v->what) {
    case WORDS:
        fputc('(', out);
        print_choices(v->choices, out);
        fputc(')', out);
        break;
    case TOPICS:
        fputs("_invproj_topics", out);
        break;
    case KEYS:
        fputs(" _invproj_keys ", out); /* the blank keeps _arguments from adding words */
        print_prefix(command, out);
        break;
    case FOLDERS:
        fputs("_files -/", out);
        break;
    case FILES:
        if (*v->ending)
            fprintf(out, "_files -g \"*%s\"", v->ending);
        else
            fputs("_files", out);
        break;
    case NOTHING:
        break;
    }
}

static void zsh_option(const cli_command *command, const cli_option *o, FILE *out)
{
    const char *equals = o->operand ? "=" : "", *plus = o->operand ? "+" : "";
    const bool again = o->operand && option_value(command, o).what == KEYS;
    fputs("                ", out);
    if (o->letter)
        fprintf(out, "'(-%c --%s)'{-%c%s,--%s%s}'[", o->letter, o->name, o->letter, plus, o->name,
                equals);
    else
        fprintf(out, "'%s--%s%s[", again ? "*" : "", o->name, equals);
    print_quoted(o->help, ZSH_APOSTROPHE, "[]:\\", out);
    fputc(']', out);
    if (o->operand) {
        const value v = option_value(command, o);
        zsh_value(command, &v, out);
    }
    fputs("' \\\n", out);
}

static void zsh_command(const cli_command *command, FILE *out)
{
    const value first = first_operand(command), others = other_operands(command);
    cli_option o;
    fprintf(out, "        %s)\n            _arguments -S \\\n", command->name);
    for (size_t i = 0; cli_option_at(command, i, &o); i++)
        zsh_option(command, &o, out);
    fputs("                '1", out);
    zsh_value(command, &first, out);
    if (others.what != NOTHING) {
        fputs("' \\\n                '*", out);
        zsh_value(command, &others, out);
    }
    fputs("' ;;\n", out);
}

static void print_zsh(FILE *out)
{
    print_head("#compdef invproj\n", "zsh", out);
    zsh_topics(out);
    zsh_keys(out);
    fputs("_invproj()\n{\n    local -a commands\n    commands=(\n", out);
    for (size_t i = 0; cli_commands[i]; i++)
        zsh_topic(INV_WORD_TOPIC, cli_commands[i]->name, cli_commands[i]->summary, out);
    fputs("    )\n    if ((CURRENT == 2)); then\n"
          "        if [[ $PREFIX == -* ]]; then\n            compadd -- --help --version\n"
          "        else\n            _describe -t commands command commands\n        fi\n"
          "        return\n    fi\n"
          "    shift words\n    ((CURRENT--))\n    case $words[1] in\n",
          out);
    for (size_t i = 0; cli_commands[i]; i++)
        zsh_command(cli_commands[i], out);
    fputs("    esac\n}\n\n"
          "if [[ $funcstack[1] == _invproj ]]; then\n    _invproj \"$@\"\nelse\n"
          "    compdef _invproj invproj\nfi\n",
          out);
}

/* ---- fish ---- */

#define FISH_APOSTROPHE "\\'"

static void fish_help(const char *help, FILE *out)
{
    fputs(" -d '", out);
    print_quoted(help, FISH_APOSTROPHE, "\\", out);
    fputs("'\n", out);
}

/* What the function of that name prints: words and what they mean. */
static void fish_word(inv_word_kind kind, const char *word, const char *help, void *context)
{
    (void)kind;
    fprintf(context, "    echo '%s\t", word);
    print_quoted(help, FISH_APOSTROPHE, "\\", context);
    fputs("'\n", context);
}

static void fish_key(const char *path, const inv_field *field, FILE *out)
{
    const inv_choice booleans[] = {{"false", NULL}, {"true", NULL}, {0}};
    const inv_choice *choices = field->type == INV_FIELD_BOOL ? booleans : field->choices;
    char word[2 * INV_TEXT_MAX];
    snprintf(word, sizeof word, "%s=", path);
    if (!choices)
        fish_word(INV_WORD_GROUP, word, field->help, out);
    for (; choices && choices->name; choices++) {
        snprintf(word, sizeof word, "%s=%s", path, choices->name);
        fish_word(INV_WORD_GROUP, word, choices->help ? choices->help : field->help, out);
    }
}

static void fish_functions(FILE *out)
{
    fputs("function __invproj_command\n"
          "    set -l words (commandline -opc)\n"
          "    test (count $words) -gt 1; and test $words[2] = $argv[1]\n"
          "end\n\n"
          "function __invproj_first\n    test (count (commandline -opc)) -eq 1\nend\n\n"
          "function __invproj_topics\n",
          out);
    each_topic(fish_word, out);
    fputs("end\n\n", out);
    fputs("# The keys that begin so.\nfunction __invproj_keys\n    begin\n", out);
    each_key(out, fish_key);
    fputs("    end | string match -- \"$argv[1]*\"\nend\n\n", out);
}

/* " -a '...'": what may stand there; -x: and nothing else. */
static void fish_value(const cli_command *command, const value *v, FILE *out)
{
    switch (v->what) {
    case WORDS:
        fputs(" -a '", out);
        print_choices(v->choices, out);
        fputs("'", out);
        break;
    case TOPICS:
        fputs(" -a '(__invproj_topics)'", out);
        break;
    case KEYS:
        fputs(" -a '(__invproj_keys ", out);
        print_prefix(command, out);
        fputs(")'", out);
        break;
    case FOLDERS:
        fputs(" -a '(__fish_complete_directories (commandline -ct))'", out);
        break;
    case FILES:
        fprintf(out, *v->ending ? " -k -a '(__fish_complete_suffix %s)'" : " -F", v->ending);
        break;
    case NOTHING:
        break;
    }
}

static void fish_command(const cli_command *command, FILE *out)
{
    const value operands[] = {first_operand(command), other_operands(command)};
    cli_option o;
    fprintf(out, "complete -c invproj -n __invproj_first -a %s", command->name);
    fish_help(command->summary, out);
    for (size_t i = 0; cli_option_at(command, i, &o); i++) {
        fprintf(out, "complete -c invproj -n '__invproj_command %s' -l %s", command->name, o.name);
        if (o.letter)
            fprintf(out, " -s %c", o.letter);
        if (o.operand) {
            const value v = option_value(command, &o);
            fputs(v.what == FILES && !*v.ending ? " -r" : " -x", out);
            fish_value(command, &v, out);
        }
        fish_help(o.help, out);
    }
    for (size_t i = 0; i < 2; i++) {
        if (operands[i].what == NOTHING)
            continue;
        fprintf(out, "complete -c invproj -n '__invproj_command %s'", command->name);
        fish_value(command, &operands[i], out);
        fputc('\n', out);
    }
}

static void print_fish(FILE *out)
{
    print_head("", "fish", out);
    fish_functions(out);
    fputs("complete -c invproj -f\n"
          "complete -c invproj -n __invproj_first -l help -d 'print help'\n"
          "complete -c invproj -n __invproj_first -l version -d 'print the version'\n",
          out);
    for (size_t i = 0; cli_commands[i]; i++)
        fish_command(cli_commands[i], out);
}

/* ---- shells ---- */

const inv_choice cli_shells[] = {{"bash", NULL}, {"zsh", NULL}, {"fish", NULL}, {0}};

inv_status cli_completion(const char *shell, FILE *out)
{
    void (*print)(FILE * out) = strcmp(shell, "bash") == 0   ? print_bash
                                : strcmp(shell, "zsh") == 0  ? print_zsh
                                : strcmp(shell, "fish") == 0 ? print_fish
                                                             : NULL;
    if (print) {
        print(out);
        return INV_OK;
    }
    return INV_ERROR(INV_EINVAL, "--completion: there is no '%s'; known: bash, zsh, fish", shell);
}
