/* The architecture of a PyTorch net as text.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/torch_arch.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX    32
#define NO_ARGUMENT  "an argument that is no number, tuple, text, True, False or None"
#define PARAMETRIZED "Parametrized" /* before the type of a module whose weight is made of others */

/* ---- one line ---- */

/* Of print(model): a module that holds modules. */
typedef struct owner {
    inv_arch_block block;
    unsigned long index, copies; /* "(1-3): 3 x Sequential(" is 1, and 2 more */
    size_t count;                /* of modules in it so far, which number those without a name */
    inv_arch_module whole;       /* of a parametrised module: itself; else without a type */
    bool is_read;                /* its arguments, which stand in the line behind */
} owner;

/* What is printed and what a program has are read alike, so lines of both may be mixed. */
typedef struct reading {
    inv_arch *arch;
    size_t line;
    const char *at; /* in the line */
    owner owners[DEPTH_MAX];
    size_t depth, count; /* count: of modules that nothing holds */
} reading;

static inv_status wrong(const reading *r, const char *why)
{
    return INV_ERROR(INV_ECONFIG, "%s:%zu: %s", r->arch->file, r->line, why);
}

static void skip_blanks(reading *r)
{
    while (*r->at == ' ' || *r->at == '\t' || *r->at == '\r')
        r->at++;
}

static bool take(reading *r, const char *text)
{
    skip_blanks(r);
    const size_t length = strlen(text);
    if (strncmp(r->at, text, length) != 0)
        return false;
    r->at += length;
    return true;
}

static bool is_end(reading *r)
{
    skip_blanks(r);
    return !*r->at || *r->at == '#';
}

/* A word of letters, digits and what else `more` has. */
static bool take_word(reading *r, const char *more, char *out, size_t size)
{
    size_t n = 0;
    skip_blanks(r);
    while (isalnum((unsigned char)r->at[n]) || (r->at[n] && strchr(more, r->at[n])))
        n++;
    if (n == 0 || n >= size)
        return false;
    memcpy(out, r->at, n);
    out[n] = 0;
    r->at += n;
    return true;
}

/* ---- arguments ---- */

/* 400, or as programs write it 16 * 5 * 5. */
static bool take_number(reading *r, inv_arch_arg *arg)
{
    double product = 1.0;
    do {
        char *end = NULL;
        skip_blanks(r);
        product *= strtod(r->at, &end);
        if (end == r->at || arg->count == INV_ARCH_VALUES_MAX)
            return false;
        r->at = end;
    } while (take(r, "*"));
    arg->values[arg->count++] = product;
    return true;
}

static bool take_quoted(reading *r, inv_arch_arg *arg)
{
    const char quote = *r->at;
    const char *end = strchr(r->at + 1, quote);
    const size_t length = end ? (size_t)(end - r->at) - 1 : sizeof arg->text;
    if (length >= sizeof arg->text)
        return false;
    memcpy(arg->text, r->at + 1, length);
    arg->text[length] = 0;
    r->at = end + 1;
    return true;
}

/* (3, 5), [3, 5] */
static bool take_tuple(reading *r, const char *end, inv_arch_arg *arg)
{
    while (!take(r, end)) {
        if (take(r, "None") && arg->count < INV_ARCH_VALUES_MAX)
            arg->values[arg->count++] = NAN;
        else if (!take_number(r, arg))
            return false;
        if (!take(r, ",")) {
            skip_blanks(r);
            if (*r->at != *end)
                return false;
        }
    }
    return true;
}

static bool take_value(reading *r, inv_arch_arg *arg)
{
    skip_blanks(r);
    if (*r->at == '\'' || *r->at == '"')
        return take_quoted(r, arg);
    if (take(r, "torch.Size(["))
        return take_tuple(r, "]", arg) && take(r, ")");
    if (take(r, "(") || take(r, "["))
        return take_tuple(r, r->at[-1] == '(' ? ")" : "]", arg);
    if (isdigit((unsigned char)*r->at) || strchr("+-.", *r->at))
        return take_number(r, arg);
    if (!take_word(r, "_.", arg->text, sizeof arg->text))
        return false;
    const bool is_true = strcmp(arg->text, "True") == 0, is_false = strcmp(arg->text, "False") == 0;
    arg->is_none = strcmp(arg->text, "None") == 0;
    if (is_true || is_false) {
        arg->values[arg->count++] = is_true;
        arg->text[0] = 0;
    }
    return true;
}

/* A key is a word before "=". */
static void take_key(reading *r, inv_arch_arg *arg)
{
    const char *start = r->at;
    if (isdigit((unsigned char)*start) || !take_word(r, "_", arg->key, sizeof arg->key) ||
        !take(r, "=")) {
        arg->key[0] = 0;
        r->at = start;
    }
}

/* PyTorch before 0.4 printed "Linear (784 -> 100)". */
static bool take_comma(reading *r)
{
    return take(r, ",") || take(r, "->");
}

/* Up to ')', or to the end of a line that has none. */
static inv_status take_arguments(reading *r, bool is_closed, inv_arch_module *module)
{
    while (is_closed ? !take(r, ")") : !is_end(r)) {
        if (module->arg_count == INV_ARCH_ARGS_MAX)
            return wrong(r, "too many arguments");
        inv_arch_arg *arg = &module->args[module->arg_count++];
        skip_blanks(r);
        take_key(r, arg);
        if (!take_value(r, arg))
            return wrong(r, NO_ARGUMENT);
        if (!take_comma(r)) {
            skip_blanks(r);
            if (*r->at == '(')
                return wrong(r, NO_ARGUMENT);
            if (is_closed ? *r->at != ')' : !is_end(r))
                return wrong(r, is_end(r) ? "')' is missing"
                                          : "behind an argument stands neither ',' nor ')'");
        }
    }
    return INV_OK;
}

/* ---- modules ---- */

/* PyTorch before 0.4 called a pool's kernel_size size, and before 1.3 said "inplace" alone. */
static void modernise(const char *type, inv_arch_arg *arg)
{
    if (strcmp(arg->key, "size") == 0 && strstr(type, "Pool"))
        snprintf(arg->key, sizeof arg->key, "kernel_size");
    if (*arg->key || strcmp(arg->text, "inplace") != 0)
        return;
    *arg = (inv_arch_arg){.key = "inplace", .values = {1.0}, .count = 1};
}

/* "Sequential()" holds nothing, and does nothing. */
static inv_status add(reading *r, const inv_arch_module *module)
{
    inv_arch_module m = *module;
    m.line = r->line;
    if (strcmp(m.type, "Sequential") == 0 && m.arg_count == 0)
        snprintf(m.type, sizeof m.type, "Identity");
    for (size_t i = 0; i < m.arg_count; i++)
        modernise(m.type, &m.args[i]);
    return inv_arch_add(r->arch, &m);
}

/* "conv1" within "features" is "features.conv1". */
static bool set_name(const reading *r, const char *name, char out[INV_ARCH_NAME_MAX])
{
    const char *path = r->depth ? r->owners[r->depth - 1].block.path : "";
    const int n = snprintf(out, INV_ARCH_NAME_MAX, "%s%s%s", path, *path ? "." : "", name);
    return n >= 0 && n < INV_ARCH_NAME_MAX;
}

/* "(0-2): 3 x Linear(": as many as the numbers say; other names are one module's. */
static bool read_span(const char *name, unsigned long *first, unsigned long *last)
{
    char *end = NULL;
    *first = strtoul(name, &end, 10);
    if (end == name || *end != '-')
        return false;
    name = end + 1;
    *last = strtoul(name, &end, 10);
    return end > name && !*end && *last >= *first && *last - *first <= 999;
}

static inv_status repeat(reading *r, const char *name, inv_arch_module *module)
{
    unsigned long first = 0, last = 0;
    char one[24];
    if (!read_span(name, &first, &last))
        return set_name(r, name, module->name) ? add(r, module) : wrong(r, "a name too long");
    for (unsigned long i = first; i <= last; i++) {
        snprintf(one, sizeof one, "%lu", i);
        if (!set_name(r, one, module->name))
            return wrong(r, "a name too long");
        inv_status status = add(r, module);
        if (status != INV_OK)
            return status;
    }
    return INV_OK;
}

static inv_status open_owner(reading *r, const char *name, const char *type)
{
    owner o = {.block = {.first = r->arch->count, .line = r->line}};
    unsigned long last = 0;
    char one[24];
    if (read_span(name, &o.index, &last)) {
        o.copies = last - o.index;
        snprintf(one, sizeof one, "%lu", o.index);
        name = one;
    }
    if (r->depth == DEPTH_MAX || (*name && !set_name(r, name, o.block.path)))
        return wrong(r, "modules within modules too deep");
    snprintf(o.block.type, sizeof o.block.type, "%s", type);
    if (strncmp(type, PARAMETRIZED, strlen(PARAMETRIZED)) == 0) {
        snprintf(o.whole.type, sizeof o.whole.type, "%s", type + strlen(PARAMETRIZED));
        snprintf(o.whole.name, sizeof o.whole.name, "%s", o.block.path);
    }
    r->owners[r->depth++] = o;
    r->arch->is_printed = true;
    return INV_OK;
}

/* Of a parametrised module itself remains, not what its weight is made of; others come as often as they
 * say. */
static inv_status close_owner(reading *r)
{
    const owner *o = &r->owners[--r->depth];
    inv_arch_block block = o->block;
    char *at = strrchr(block.path, '.');
    if (*o->whole.type) {
        r->arch->count = block.first;
        return add(r, &o->whole);
    }
    inv_status status = inv_arch_close(r->arch, &block);
    at = at ? at + 1 : block.path;
    for (unsigned long i = 1; i <= o->copies && status == INV_OK; i++) {
        char next[INV_ARCH_NAME_MAX + 24];
        snprintf(next, sizeof next, "%.*s%lu", (int)(at - block.path), block.path, o->index + i);
        status = strlen(next) < INV_ARCH_NAME_MAX ? inv_arch_repeat(r->arch, &block, next)
                                                  : wrong(r, "a name too long");
    }
    return status;
}

/* "nn.Conv2d" and "torch.nn.Conv2d" are Conv2d. */
static bool take_type(reading *r, char *type, size_t size)
{
    (void)take(r, "torch.");
    (void)take(r, "nn.");
    return take_word(r, "_.", type, size);
}

/* Whether a module stands here, and no word: a layer may be called "input", or "output". */
static bool is_module(reading *r)
{
    skip_blanks(r);
    const char *c = r->at;
    while (isalnum((unsigned char)*c) || *c == '_' || *c == '.')
        c++;
    return c > r->at && *c == '(' && !isdigit((unsigned char)*r->at);
}

/* "Net (", as PyTorch before 0.4 printed it. */
static bool opens(reading *r)
{
    const char *start = r->at;
    char word[INV_ARCH_NAME_MAX];
    const bool is_open = take_word(r, "_.", word, sizeof word) && take(r, "(") && is_end(r);
    r->at = start;
    return is_open;
}

static size_t *count_of(reading *r)
{
    return r->depth ? &r->owners[r->depth - 1].count : &r->count;
}

/* A module behind its name: "Conv2d(1, 8, 5)", or "Sequential(" that others follow, of the name `whole`. */
static inv_status take_module(reading *r, const char *name, const char *whole,
                              inv_arch_module *module)
{
    char times[16];
    const char *start = r->at;
    if (!(take_word(r, "", times, sizeof times) && take(r, "x ")))
        r->at = start;
    if (!take_type(r, module->type, sizeof module->type) || !take(r, "("))
        return wrong(r, "a module is missing, as in 'fc1: Linear(784, 100)'");
    ++*count_of(r);
    if (is_end(r) || (strcmp(module->type, "Sequential") == 0 && is_module(r)))
        return open_owner(r, whole, module->type);
    inv_status status = take_arguments(r, true, module);
    return status == INV_OK ? repeat(r, name, module) : status;
}

/* Up to the end of the line: modules without names, as a Sequential in a program has them, whose numbers
 * are their names, and what closes it. */
static inv_status take_rest(reading *r)
{
    inv_status status = INV_OK;
    (void)take(r, ",");
    while (status == INV_OK && !is_end(r)) {
        inv_arch_module module = {0};
        char name[24];
        snprintf(name, sizeof name, "%zu", *count_of(r));
        if (r->depth > 0 && take(r, ")"))
            status = close_owner(r);
        else if (is_module(r) || opens(r))
            status = take_module(r, name, r->depth ? name : "", &module);
        else
            return wrong(r, "there is more behind the module");
        (void)take(r, ",");
    }
    return status;
}

static inv_status take_inputs(reading *r, inv_arch_module *module)
{
    do {
        if (module->input_count == INV_ARCH_INPUTS_MAX ||
            !take_word(r, "_.-", module->inputs[module->input_count], INV_ARCH_NAME_MAX))
            return wrong(r, "a name is missing behind '<-'");
        module->input_count++;
    } while (take(r, ","));
    return INV_OK;
}

/* "1x28x28", "(1, 28, 28)", "784", and words behind it. */
static inv_status take_input(reading *r)
{
    inv_arch *a = r->arch;
    (void)(take(r, "(") || take(r, "["));
    do {
        char *end = NULL;
        skip_blanks(r);
        if (!isdigit((unsigned char)*r->at))
            return wrong(r, "an input is 'CHANNELSxHEIGHTxWIDTH' or a number of values");
        if (a->rank == 3)
            return wrong(r, "an input has at most three sizes");
        a->dims[a->rank] = strtoul(r->at, &end, 10);
        r->at = end;
        if (a->dims[a->rank++] == 0)
            return wrong(r, "an input is 'CHANNELSxHEIGHTxWIDTH' or a number of values");
    } while (take(r, "x") || take(r, "X") || take(r, ","));
    (void)(take(r, ")") || take(r, "]"));
    skip_blanks(r);
    return *r->at == '(' || !r->at[strcspn(r->at, "0123456789")] || is_end(r)
               ? INV_OK
               : wrong(r, "an input is 'CHANNELSxHEIGHTxWIDTH' or a number of values");
}

static inv_status take_output(reading *r)
{
    static const char *const known[] = {"logits", "softmax", "log-softmax"};
    char word[16] = "";
    if (take_word(r, "-", word, sizeof word))
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (strcmp(word, known[i]) == 0) {
                snprintf(r->arch->output, sizeof r->arch->output, "%s", word);
                return INV_OK;
            }
    return wrong(r, "an output is 'logits', 'softmax' or 'log-softmax'");
}

/* Whether the line begins as no line of modules does. */
static bool is_program(const reading *r)
{
    static const char *const words[] = {"class ", "def ", "import ", "from ", "return ", "super("};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(r->at, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}

/* "conv1: Conv2d(1, 8, 5)", "(conv1): Conv2d(1, 8, 5)", "self.conv1 = nn.Conv2d(1, 8, 5)" */
static inv_status take_named(reading *r)
{
    inv_arch_module module = {0};
    char name[INV_ARCH_NAME_MAX] = "";
    const bool brackets = take(r, "("), is_own = !brackets && take(r, "self.");
    if (!take_word(r, "_.-", name, sizeof name))
        return wrong(r, "a line is 'name: Module(arguments)'");
    if (brackets && !take(r, ")"))
        return wrong(r, "a line is '(name): Module(arguments)'");
    if (take(r, "<-")) {
        inv_status status = take_inputs(r, &module);
        if (status != INV_OK)
            return status;
    }
    const bool is_assigned = take(r, "=");
    if (!is_assigned && !take(r, ":"))
        return wrong(r, "a line is 'name: Module(arguments)'");
    if (!brackets && !is_module(r) && strcmp(name, "input") == 0)
        return take_input(r);
    if (!brackets && !is_module(r) && strcmp(name, "output") == 0)
        return take_output(r);
    if (is_own)
        r->arch->is_printed = true;
    const bool is_whole = is_assigned && !is_own && r->depth == 0; /* "net = nn.Sequential(" */
    inv_status status = take_module(r, name, is_whole ? "" : name, &module);
    return status == INV_OK ? take_rest(r) : status;
}

static inv_status take_line(reading *r)
{
    owner *o = r->depth ? &r->owners[r->depth - 1] : NULL;
    if (is_end(r))
        return INV_OK;
    if (*r->at == ')')
        return o ? take_rest(r) : wrong(r, "')' has no '('");
    if (o && *o->whole.type && !o->is_read) {
        o->is_read = true;
        return take_arguments(r, false, &o->whole);
    }
    if (is_program(r))
        return wrong(r,
                     "a program, which is not run; give its modules, one on a line, in the order "
                     "that forward() has them in, or what print(model) says");
    return is_module(r) || opens(r) ? take_rest(r) : take_named(r);
}

/* Of a file of Python that this program printed (torch_write.c), the lines that are for it. */
static size_t find_lines(const char **text, size_t *line)
{
    static const char quotes[] = "\"\"\"", mark[] = "(--arch):\n";
    const char *start =
        strncmp(*text, quotes, strlen(quotes)) == 0 ? strstr(*text + 3, mark) : NULL;
    if (!start)
        return strlen(*text);
    start += strlen(mark);
    for (const char *c = *text; c < start; c++)
        *line += *c == '\n';
    *text = start;
    const char *end = strstr(start, quotes);
    return end ? (size_t)(end - start) : strlen(start);
}

inv_status inv_arch_read(const char *file, const char *text, inv_arch **out)
{
    reading r = {0};
    size_t left = 0;
    char *line = NULL;
    inv_status status = INV_OK;
    void *memory = NULL;
    *out = NULL;
    INV_TRY(inv_calloc(1, sizeof *r.arch, file, &memory));
    r.arch = memory;
    r.arch->file = strdup(file);
    if (!r.arch->file)
        INV_FAIL(INV_ENOMEM, "%s: no memory", file);
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0) /* as some editors mark UTF-8 */
        text += 3;
    left = find_lines(&text, &r.line);
    for (const char *end = text + left; text < end;) {
        const size_t length = strcspn(text, "\n");
        free(line);
        line = strndup(text, length);
        if (!line)
            INV_FAIL(INV_ENOMEM, "%s: no memory", file);
        r.line++;
        r.at = line;
        INV_TRY(take_line(&r));
        text += length + (text[length] != 0);
    }
    if (r.depth > 0)
        INV_RAISE(wrong(&r, "a ')' is missing at the end"));
    if (r.arch->count == 0)
        INV_FAIL(INV_ECONFIG, "%s: holds no module; a line is 'name: Module(arguments)'", file);
    *out = r.arch;
    r.arch = NULL;
done:
    inv_arch_free(r.arch);
    free(line);
    return status;
}

void inv_arch_free(inv_arch *arch)
{
    if (!arch)
        return;
    free(arch->modules);
    free(arch->file);
    free(arch);
}

/* ---- looking ---- */

const inv_arch_arg *inv_arch_find(const inv_arch_module *module, size_t place, const char *key)
{
    for (size_t i = 0; i < module->arg_count; i++) {
        const inv_arch_arg *arg = &module->args[i];
        if (*arg->key ? strcmp(arg->key, key) == 0 : i == place)
            return arg;
    }
    return NULL;
}

double inv_arch_number(const inv_arch_module *module, size_t place, const char *key, size_t i,
                       double usual)
{
    const inv_arch_arg *arg = inv_arch_find(module, place, key);
    if (!arg || arg->count == 0)
        return usual;
    return arg->values[i < arg->count ? i : arg->count - 1];
}
