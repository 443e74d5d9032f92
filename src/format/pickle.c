/* The stack machine of Python's pickles, with nothing to execute.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/pickle.h"

#include <stdlib.h>
#include <string.h>

/* Nothing here is to be released where a call fails: all of it belongs to the pickle. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        const inv_status status = (call);                                                          \
        if (status != INV_OK)                                                                      \
            return status;                                                                         \
    } while (0)

/* ---- memory: one list of all that was taken ---- */

typedef struct piece {
    struct piece *next;
    inv_pickle_value value; /* whose text and items are freed with it */
} piece;

typedef struct stack {
    inv_pickle_value **values;
    size_t count, capacity;
} stack;

struct inv_pickle {
    piece *pieces;
    inv_pickle_value *root;
    size_t size;
};

typedef struct machine {
    const char *name;
    const unsigned char *bytes;
    size_t size, at;
    inv_pickle_refusal *refusal;
    inv_pickle *pickle;
    stack stack;
    stack memo;
    stack marks; /* heights of the stack: integers */
    bool ended;
} machine;

static inv_status broken(const machine *m, const char *why)
{
    return INV_ERROR(INV_EFORMAT, "%s: damaged pickle, at byte %zu: %s", m->name, m->at, why);
}

static inv_status no_memory(const machine *m)
{
    return INV_ERROR(INV_ENOMEM, "%s: no memory for its pickle", m->name);
}

/* Makes room for one more in an array of pointers. */
static bool grow(inv_pickle_value ***values, size_t count, size_t *capacity)
{
    if (count < *capacity)
        return true;
    const size_t more = *capacity ? *capacity + *capacity / 2 + 1 : 4;
    inv_pickle_value **larger = NULL;
    if (more <= SIZE_MAX / sizeof *larger)
        larger = realloc(*values, more * sizeof *larger);
    if (!larger)
        return false;
    *values = larger;
    *capacity = more;
    return true;
}

static inv_status push(machine *m, stack *s, inv_pickle_value *value)
{
    if (!grow(&s->values, s->count, &s->capacity))
        return no_memory(m);
    s->values[s->count++] = value;
    return INV_OK;
}

static inv_status add(machine *m, inv_pickle_value *to, inv_pickle_value *item)
{
    if (!grow(&to->items, to->count, &to->capacity))
        return no_memory(m);
    to->items[to->count++] = item;
    return INV_OK;
}

static inv_status make(machine *m, inv_pickle_kind kind, inv_pickle_value **out)
{
    piece *p = calloc(1, sizeof *p);
    if (!p)
        return no_memory(m);
    p->value.kind = kind;
    p->next = m->pickle->pieces;
    m->pickle->pieces = p;
    *out = &p->value;
    return INV_OK;
}

static inv_status push_new(machine *m, inv_pickle_kind kind, inv_pickle_value **out)
{
    inv_status status = make(m, kind, out);
    return status == INV_OK ? push(m, &m->stack, *out) : status;
}

/* ---- reading ---- */

static inv_status take(machine *m, size_t count, const unsigned char **out)
{
    if (count > m->size - m->at)
        return broken(m, "it breaks off");
    *out = m->bytes + m->at;
    m->at += count;
    return INV_OK;
}

static inv_status take_number(machine *m, size_t bytes, uint64_t *out)
{
    const unsigned char *from = NULL;
    inv_status status = take(m, bytes, &from);
    *out = 0;
    for (size_t i = 0; status == INV_OK && i < bytes; i++)
        *out |= (uint64_t)from[i] << (8 * i);
    return status;
}

/* A line without its end. */
static inv_status take_line(machine *m, const char **line, size_t *length)
{
    const unsigned char *from = m->bytes + m->at;
    const unsigned char *end = m->at < m->size ? memchr(from, '\n', m->size - m->at) : NULL;
    if (!end)
        return broken(m, "it breaks off");
    *line = (const char *)from;
    *length = (size_t)(end - from);
    m->at += *length + 1;
    return INV_OK;
}

/* ---- the stack ---- */

/* Values above the newest mark do not count. */
static size_t floor_of(const machine *m)
{
    return m->marks.count ? (size_t)m->marks.values[m->marks.count - 1]->integer : 0;
}

static inv_status pop(machine *m, inv_pickle_value **out)
{
    if (m->stack.count <= floor_of(m))
        return broken(m, "its stack is empty");
    *out = m->stack.values[--m->stack.count];
    return INV_OK;
}

static inv_status top(machine *m, inv_pickle_value **out)
{
    inv_status status = pop(m, out);
    if (status == INV_OK)
        m->stack.count++;
    return status;
}

static inv_status mark(machine *m)
{
    inv_pickle_value *height = NULL;
    inv_status status = make(m, INV_PICKLE_INT, &height);
    if (status != INV_OK)
        return status;
    height->integer = (int64_t)m->stack.count;
    return push(m, &m->marks, height);
}

/* What stands above the newest mark, which goes; it lies behind the stack until the next push. */
static inv_status pop_mark(machine *m, inv_pickle_value ***values, size_t *count)
{
    if (m->marks.count == 0)
        return broken(m, "its stack has no mark");
    const size_t floor = floor_of(m);
    m->marks.count--;
    *values = floor ? m->stack.values + floor : m->stack.values; /* NULL, where all is empty */
    *count = m->stack.count - floor;
    m->stack.count = floor;
    return INV_OK;
}

/* ---- values ---- */

static inv_status push_integer(machine *m, inv_pickle_kind kind, int64_t integer)
{
    inv_pickle_value *value = NULL;
    inv_status status = push_new(m, kind, &value);
    if (status == INV_OK)
        value->integer = integer;
    return status;
}

static inv_status push_real(machine *m)
{
    const unsigned char *from = NULL;
    inv_pickle_value *value = NULL;
    uint64_t bits = 0;
    TRY(take(m, 8, &from));
    for (size_t i = 0; i < 8; i++)
        bits = bits << 8 | from[i];
    TRY(push_new(m, INV_PICKLE_REAL, &value));
    memcpy(&value->real, &bits, sizeof bits);
    return INV_OK;
}

/* The two's complement of that many bytes. */
static inv_status push_long(machine *m, uint64_t bytes)
{
    const unsigned char *from = NULL;
    if (bytes > m->size)
        return broken(m, "it breaks off");
    TRY(take(m, (size_t)bytes, &from));
    if (bytes > 8)
        return push_integer(m, INV_PICKLE_LONG, 0);
    uint64_t value = bytes && from[bytes - 1] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = (size_t)bytes; i-- > 0;)
        value = value << 8 | from[i];
    return push_integer(m, INV_PICKLE_INT, (int64_t)value);
}

static inv_status set_text(machine *m, inv_pickle_value *value, const char *text, size_t length)
{
    char *copy = malloc(length + 1);
    if (!copy)
        return no_memory(m);
    memcpy(copy, text, length);
    copy[length] = '\0';
    value->text = copy;
    value->length = length;
    return INV_OK;
}

static inv_status push_text(machine *m, inv_pickle_kind kind, size_t size_bytes)
{
    const unsigned char *from = NULL;
    inv_pickle_value *value = NULL;
    uint64_t length = 0;
    TRY(take_number(m, size_bytes, &length));
    if (length > m->size)
        return broken(m, "it breaks off");
    TRY(take(m, (size_t)length, &from));
    TRY(push_new(m, kind, &value));
    return set_text(m, value, (const char *)from, (size_t)length);
}

static inv_status push_global(machine *m, const char *module, size_t module_length,
                              const char *what, size_t length)
{
    inv_pickle_value *value = NULL;
    TRY(push_new(m, INV_PICKLE_GLOBAL, &value));
    char *text = malloc(module_length + length + 2);
    if (!text)
        return no_memory(m);
    memcpy(text, module, module_length);
    text[module_length] = ' ';
    memcpy(text + module_length + 1, what, length);
    value->length = module_length + 1 + length;
    text[value->length] = '\0';
    value->text = text;
    if (strlen(text) != value->length)
        return broken(m, "a name holds a NUL");
    const char *refusal = m->refusal(text);
    if (refusal)
        return INV_ERROR(INV_EFORMAT, "%s: names Python's '%.200s': %s", m->name, text, refusal);
    return INV_OK;
}

static inv_status push_line_global(machine *m)
{
    const char *module = NULL, *what = NULL;
    size_t module_length = 0, length = 0;
    TRY(take_line(m, &module, &module_length));
    TRY(take_line(m, &what, &length));
    return push_global(m, module, module_length, what, length);
}

static inv_status push_stack_global(machine *m)
{
    inv_pickle_value *module = NULL, *what = NULL;
    TRY(pop(m, &what));
    TRY(pop(m, &module));
    if (module->kind != INV_PICKLE_TEXT || what->kind != INV_PICKLE_TEXT)
        return broken(m, "a name is no text");
    return push_global(m, module->text, module->length, what->text, what->length);
}

/* The top `count` values, as one. */
static inv_status gather(machine *m, inv_pickle_kind kind, size_t count)
{
    inv_pickle_value *value = NULL;
    if (m->stack.count - floor_of(m) < count)
        return broken(m, "its stack is empty");
    TRY(make(m, kind, &value));
    m->stack.count -= count;
    for (size_t i = 0; i < count; i++)
        TRY(add(m, value, m->stack.values[m->stack.count + i]));
    return push(m, &m->stack, value);
}

static inv_status gather_marked(machine *m, inv_pickle_kind kind)
{
    inv_pickle_value **values = NULL, *value = NULL;
    size_t count = 0;
    TRY(make(m, kind, &value));
    TRY(pop_mark(m, &values, &count));
    if (kind == INV_PICKLE_DICT && count % 2)
        return broken(m, "a key has no value");
    for (size_t i = 0; i < count; i++)
        TRY(add(m, value, values[i]));
    return push(m, &m->stack, value);
}

/* Puts values into the list, set, dict, or whatever a call has made, that is on top. */
static inv_status put(machine *m, inv_pickle_value *const *values, size_t count, bool pairs)
{
    inv_pickle_value *to = NULL;
    TRY(top(m, &to));
    const bool takes = pairs ? to->kind == INV_PICKLE_DICT || to->kind == INV_PICKLE_CALL
                             : to->kind == INV_PICKLE_LIST || to->kind == INV_PICKLE_SET ||
                                   to->kind == INV_PICKLE_CALL;
    if (!takes || (pairs && count % 2))
        return broken(m, "values go into what cannot hold them");
    if (to->kind == INV_PICKLE_CALL && !pairs) /* what a call appends to is not looked into */
        return INV_OK;
    for (size_t i = 0; i < count; i++)
        TRY(add(m, to, values[i]));
    return INV_OK;
}

static inv_status put_marked(machine *m, bool pairs)
{
    inv_pickle_value **values = NULL;
    size_t count = 0;
    TRY(pop_mark(m, &values, &count));
    return put(m, values, count, pairs);
}

static inv_status put_top(machine *m, size_t count)
{
    inv_pickle_value *values[2] = {NULL};
    for (size_t i = count; i-- > 0;)
        TRY(pop(m, &values[i]));
    return put(m, values, count, count == 2);
}

static inv_status call(machine *m)
{
    inv_pickle_value *arguments = NULL, *what = NULL, *value = NULL;
    TRY(pop(m, &arguments));
    TRY(pop(m, &what));
    if (what->kind != INV_PICKLE_GLOBAL || arguments->kind != INV_PICKLE_TUPLE)
        return broken(m, "what is called is no name");
    TRY(push_new(m, INV_PICKLE_CALL, &value));
    TRY(add(m, value, what));
    return add(m, value, arguments);
}

/* The state of an object. Kept as a call's third item where nothing was put into it yet; the
 * attributes of an OrderedDict (state_dict's _metadata) come after its items, and are of no use. */
static inv_status build(machine *m)
{
    inv_pickle_value *state = NULL, *to = NULL;
    TRY(pop(m, &state));
    TRY(top(m, &to));
    if (to->kind != INV_PICKLE_CALL)
        return broken(m, "a state is given to what has none");
    if (to->count != 2)
        return INV_OK;
    to->has_state = true;
    return add(m, to, state);
}

/* ---- what was made before, by number ---- */

static inv_status memorise(machine *m, uint64_t number)
{
    inv_pickle_value *value = NULL;
    TRY(top(m, &value));
    if (number > m->size) /* they are given in order: no more than there are instructions */
        return broken(m, "a number of a value is too large");
    while (m->memo.count <= number)
        TRY(push(m, &m->memo, NULL));
    m->memo.values[number] = value;
    return INV_OK;
}

static inv_status recall(machine *m, uint64_t number)
{
    if (number >= m->memo.count || !m->memo.values[number])
        return broken(m, "there is no value of a number");
    return push(m, &m->stack, m->memo.values[number]);
}

/* ---- instructions ---- */

/* What an instruction makes, and the bytes of its number or the values that it takes. */
typedef struct instruction {
    unsigned char code;
    inv_status (*run)(machine *m, const struct instruction *how);
    inv_pickle_kind kind;
    size_t n;
} instruction;

static inv_status do_skip(machine *m, const instruction *how)
{
    const unsigned char *unused = NULL;
    return take(m, how->n, &unused);
}

static inv_status do_constant(machine *m, const instruction *how)
{
    return push_integer(m, how->kind, (int64_t)how->n);
}

static inv_status do_integer(machine *m, const instruction *how)
{
    uint64_t number = 0;
    TRY(take_number(m, how->n, &number));
    return push_integer(m, how->kind, how->n == 4 ? (int32_t)(uint32_t)number : (int64_t)number);
}

static inv_status do_long(machine *m, const instruction *how)
{
    uint64_t bytes = 0;
    TRY(take_number(m, how->n, &bytes));
    return push_long(m, bytes);
}

static inv_status do_real(machine *m, const instruction *how)
{
    (void)how;
    return push_real(m);
}

static inv_status do_text(machine *m, const instruction *how)
{
    return push_text(m, how->kind, how->n);
}

static inv_status do_global(machine *m, const instruction *how)
{
    return how->n ? push_stack_global(m) : push_line_global(m);
}

static inv_status do_gather(machine *m, const instruction *how)
{
    return gather(m, how->kind, how->n);
}

static inv_status do_gather_marked(machine *m, const instruction *how)
{
    return gather_marked(m, how->kind);
}

static inv_status do_put(machine *m, const instruction *how)
{
    return put_top(m, how->n);
}

static inv_status do_put_marked(machine *m, const instruction *how)
{
    return put_marked(m, how->kind == INV_PICKLE_DICT);
}

static inv_status do_call(machine *m, const instruction *how)
{
    (void)how;
    return call(m);
}

static inv_status do_build(machine *m, const instruction *how)
{
    (void)how;
    return build(m);
}

/* Without a number it is the next. */
static inv_status do_memorise(machine *m, const instruction *how)
{
    uint64_t number = m->memo.count;
    if (how->n)
        TRY(take_number(m, how->n, &number));
    return memorise(m, number);
}

static inv_status do_recall(machine *m, const instruction *how)
{
    uint64_t number = 0;
    TRY(take_number(m, how->n, &number));
    return recall(m, number);
}

static inv_status do_mark(machine *m, const instruction *how)
{
    (void)how;
    return mark(m);
}

static inv_status do_drop(machine *m, const instruction *how)
{
    inv_pickle_value *unused = NULL;
    (void)how;
    return pop(m, &unused);
}

static inv_status do_drop_marked(machine *m, const instruction *how)
{
    inv_pickle_value **unused = NULL;
    size_t count = 0;
    (void)how;
    return pop_mark(m, &unused, &count);
}

static inv_status do_repeat(machine *m, const instruction *how)
{
    inv_pickle_value *value = NULL;
    (void)how;
    TRY(top(m, &value));
    return push(m, &m->stack, value);
}

static inv_status do_stop(machine *m, const instruction *how)
{
    (void)how;
    if (m->stack.count != 1 || m->marks.count != 0)
        return broken(m, "it ends with other than one value");
    m->pickle->root = m->stack.values[0];
    m->ended = true;
    return INV_OK;
}

static const instruction instructions[] = {
    {0x80, do_skip, .n = 1}, /* the protocol */
    {0x95, do_skip, .n = 8}, /* the length of a frame */
    {'.', do_stop, .n = 0},
    {'N', do_constant, INV_PICKLE_NONE, 0},
    {0x88, do_constant, INV_PICKLE_BOOL, 1},
    {0x89, do_constant, INV_PICKLE_BOOL, 0},
    {'J', do_integer, INV_PICKLE_INT, 4},
    {'K', do_integer, INV_PICKLE_INT, 1},
    {'M', do_integer, INV_PICKLE_INT, 2},
    {0x8a, do_long, INV_PICKLE_INT, 1},
    {0x8b, do_long, INV_PICKLE_INT, 4},
    {'G', do_real, INV_PICKLE_REAL, 8},
    {'X', do_text, INV_PICKLE_TEXT, 4},
    {'T', do_text, INV_PICKLE_TEXT, 4}, /* of Python 2, as 'U' is */
    {0x8c, do_text, INV_PICKLE_TEXT, 1},
    {'U', do_text, INV_PICKLE_TEXT, 1},
    {0x8d, do_text, INV_PICKLE_TEXT, 8},
    {'B', do_text, INV_PICKLE_BYTES, 4},
    {'C', do_text, INV_PICKLE_BYTES, 1},
    {0x8e, do_text, INV_PICKLE_BYTES, 8},
    {0x96, do_text, INV_PICKLE_BYTES, 8},
    {'c', do_global, INV_PICKLE_GLOBAL, 0},
    {0x93, do_global, INV_PICKLE_GLOBAL, 2},
    {']', do_gather, INV_PICKLE_LIST, 0},
    {'}', do_gather, INV_PICKLE_DICT, 0},
    {')', do_gather, INV_PICKLE_TUPLE, 0},
    {0x8f, do_gather, INV_PICKLE_SET, 0},
    {0x85, do_gather, INV_PICKLE_TUPLE, 1},
    {0x86, do_gather, INV_PICKLE_TUPLE, 2},
    {0x87, do_gather, INV_PICKLE_TUPLE, 3},
    {'Q', do_gather, INV_PICKLE_PERSISTENT, 1},
    {'t', do_gather_marked, INV_PICKLE_TUPLE, 0},
    {'l', do_gather_marked, INV_PICKLE_LIST, 0},
    {'d', do_gather_marked, INV_PICKLE_DICT, 0},
    {0x91, do_gather_marked, INV_PICKLE_SET, 0},
    {'a', do_put, INV_PICKLE_LIST, 1},
    {'s', do_put, INV_PICKLE_DICT, 2},
    {'e', do_put_marked, INV_PICKLE_LIST, 0},
    {0x90, do_put_marked, INV_PICKLE_SET, 0},
    {'u', do_put_marked, INV_PICKLE_DICT, 0},
    {'R', do_call, INV_PICKLE_CALL, 0},
    {0x81, do_call, INV_PICKLE_CALL, 0},
    {'b', do_build, INV_PICKLE_CALL, 0},
    {'q', do_memorise, .n = 1},
    {'r', do_memorise, .n = 4},
    {0x94, do_memorise, .n = 0},
    {'h', do_recall, .n = 1},
    {'j', do_recall, .n = 4},
    {'(', do_mark, .n = 0},
    {'0', do_drop, .n = 0},
    {'1', do_drop_marked, .n = 0},
    {'2', do_repeat, .n = 0},
};

static inv_status step(machine *m)
{
    const unsigned char *code = NULL;
    TRY(take(m, 1, &code));
    for (size_t i = 0; i < sizeof instructions / sizeof *instructions; i++)
        if (instructions[i].code == *code)
            return instructions[i].run(m, &instructions[i]);
    m->at--;
    return INV_ERROR(INV_EFORMAT,
                     "%s: its pickle has the instruction %02x at byte %zu, which a file of "
                     "parameters has no need of",
                     m->name, *code, m->at);
}

inv_status inv_pickle_read(const char *name, const unsigned char *bytes, size_t size,
                           inv_pickle_refusal *refusal, inv_pickle **out)
{
    inv_status status = INV_OK;
    machine m = {.name = name, .bytes = bytes, .size = size, .refusal = refusal};
    *out = NULL;
    m.pickle = calloc(1, sizeof *m.pickle);
    if (!m.pickle)
        return no_memory(&m);
    while (status == INV_OK && !m.ended)
        status = step(&m);
    m.pickle->size = m.at;
    free(m.stack.values);
    free(m.memo.values);
    free(m.marks.values);
    if (status == INV_OK)
        *out = m.pickle;
    else
        inv_pickle_free(m.pickle);
    return status;
}

void inv_pickle_free(inv_pickle *pickle)
{
    if (!pickle)
        return;
    for (piece *p = pickle->pieces, *next = NULL; p; p = next) {
        next = p->next;
        free((char *)p->value.text);
        free(p->value.items);
        free(p);
    }
    free(pickle);
}

/* ---- looking ---- */

const inv_pickle_value *inv_pickle_root(const inv_pickle *pickle)
{
    return pickle->root;
}

size_t inv_pickle_size(const inv_pickle *pickle)
{
    return pickle->size;
}

bool inv_pickle_is(const inv_pickle_value *value, inv_pickle_kind kind, const char *text)
{
    return value && value->kind == kind && value->text && value->length == strlen(text) &&
           memcmp(value->text, text, value->length) == 0;
}

/* Python 2 gave an OrderedDict its items as a list of pairs. */
static bool item_of_list(const inv_pickle_value *arguments, size_t i, const inv_pickle_value **key,
                         const inv_pickle_value **value)
{
    const inv_pickle_value *list = arguments->count == 1 ? arguments->items[0] : NULL;
    if (!list || list->kind != INV_PICKLE_LIST || i >= list->count || list->items[i]->count != 2)
        return false;
    *key = list->items[i]->items[0];
    *value = list->items[i]->items[1];
    return true;
}

bool inv_pickle_item(const inv_pickle_value *dict, size_t i, const inv_pickle_value **key,
                     const inv_pickle_value **value)
{
    size_t first = 0;
    if (dict && dict->kind == INV_PICKLE_CALL)
        first = dict->has_state ? 3 : 2;
    else if (!dict || dict->kind != INV_PICKLE_DICT)
        return false;
    if (dict->count == first && first > 0)
        return item_of_list(dict->items[1], i, key, value);
    if (i >= (dict->count - first) / 2)
        return false;
    *key = dict->items[first + 2 * i];
    *value = dict->items[first + 2 * i + 1];
    return true;
}

const inv_pickle_value *inv_pickle_get(const inv_pickle_value *dict, const char *key)
{
    const inv_pickle_value *at = NULL, *value = NULL;
    for (size_t i = 0; inv_pickle_item(dict, i, &at, &value); i++)
        if (inv_pickle_is(at, INV_PICKLE_TEXT, key))
            return value;
    return NULL;
}

const inv_pickle_value *inv_pickle_argument(const inv_pickle_value *call, const char *global,
                                            size_t i)
{
    if (!call || call->kind != INV_PICKLE_CALL ||
        !inv_pickle_is(call->items[0], INV_PICKLE_GLOBAL, global) || i >= call->items[1]->count)
        return NULL;
    return call->items[1]->items[i];
}
