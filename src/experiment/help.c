/* Help on experiment files: all of it is found in the tables that reading them uses.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "experiment/groups.h"
#include "invproj/help.h"

#define PLACES_MAX 48
#define TOPICS_MAX 32
#define SPEC_BYTES 1024 /* as many as the defaults of any type have */

/* ---- every key ---- */

static void visit_group(const inv_experiment *all, const inv_group *group, inv_key_visitor *visit,
                        void *context)
{
    const char *path = group->at_top.key;
    if (group->list) /* whose keys have been told */
        return;
    inv_fields_visit(group->fields, group->size ? (const char *)all + group->offset : NULL, path,
                     visit, context);
    if (group->sheet)
        inv_fields_visit(inv_sheet_field, (const char *)all + group->sheet, path, visit, context);
    if (strcmp(path, "network") == 0)
        inv_fields_visit(inv_layer_common_fields, inv_layer_common_default, "network.layers.N",
                         visit, context);
}

void inv_experiment_visit(inv_key_visitor *visit, void *context)
{
    inv_experiment *all = malloc(sizeof *all);
    if (!all)
        return;
    inv_experiment_defaults(all);
    for (const inv_field *field = inv_experiment_fields; field->key; field++)
        visit(&(inv_key){.path = field->key, .field = field, .holder = all}, context);
    for (const inv_group *group = inv_experiment_groups; group->at_top.key; group++) {
        visit(&(inv_key){.path = group->at_top.key, .field = &group->at_top, .holder = all},
              context);
        visit_group(all, group, visit, context);
    }
    free(all);
}

/* ---- topics: the choices that several keys may share ---- */

typedef struct place {
    char path[INV_TEXT_MAX];
    const inv_field *field;
} place;

typedef struct topic {
    const char *name;
    size_t count;
    place places[PLACES_MAX];
} topic;

typedef struct topics {
    size_t count;
    topic list[TOPICS_MAX];
} topics;

static topic *find_topic(topics *all, const char *name)
{
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->list[i].name, name) == 0)
            return &all->list[i];
    return NULL;
}

static void add_place(const inv_key *key, void *context);

/* The keys of each type, which may have choices too, stand beside the key that names the type. */
static void add_typed_keys(const inv_key *key, topics *all)
{
    const int length = (int)(strrchr(key->path, '.') - key->path);
    for (const inv_choice *c = key->field->choices; c->name; c++)
        for (const inv_field *f = key->field->group(c->name); f && f->key; f++) {
            char path[INV_TEXT_MAX];
            snprintf(path, sizeof path, "%.*s.%s", length, key->path, f->key);
            add_place(&(inv_key){.path = path, .field = f}, all);
        }
}

static void add_place(const inv_key *key, void *context)
{
    topics *all = context;
    const char *name = key->field->topic;
    topic *found = name && key->field->choices ? find_topic(all, name) : NULL;
    if (!name || !key->field->choices)
        return;
    if (!found && all->count < TOPICS_MAX) {
        found = &all->list[all->count++];
        found->name = name;
    }
    for (size_t i = 0; found && i < found->count; i++)
        if (strcmp(found->places[i].path, key->path) == 0)
            return;
    if (found && found->count < PLACES_MAX) {
        place *p = &found->places[found->count++];
        snprintf(p->path, sizeof p->path, "%s", key->path);
        p->field = key->field;
    }
    if (key->field->type == INV_FIELD_NAME && key->field->group)
        add_typed_keys(key, all);
}

/* The caller frees; NULL: no memory. */
static topics *find_topics(void)
{
    topics *all = calloc(1, sizeof *all);
    if (all)
        inv_experiment_visit(add_place, all);
    return all;
}

/* Whether the place tells what its choices mean; where none of a topic's does, none is shown. */
static bool tells(const place *p)
{
    return p->field->choices->help != NULL;
}

static const inv_choice *find_choice(const inv_choice *choices, const char *name)
{
    for (; choices->name; choices++)
        if (strcmp(choices->name, name) == 0)
            return choices;
    return NULL;
}

/* "keys: training.loss, ...": the places that have these choices, or some of them. */
static void print_places(const topic *t, const place *teller, FILE *out)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    if (!memory)
        return;
    const char *comma = "";
    for (size_t i = 0; i < t->count; i++) {
        const place *p = &t->places[i];
        if (tells(p) && p->field->choices != teller->field->choices)
            continue;
        fprintf(memory, "%s%s", comma, p->path);
        comma = ", ";
    }
    if (fclose(memory) == 0)
        inv_wrap(text, 8, (size_t)fprintf(out, "  keys:"), out);
    free(text);
    fputc('\n', out);
}

static void print_heading(const char *name, const char *help, FILE *out)
{
    char text[INV_TEXT_MAX];
    snprintf(text, sizeof text, "%s: %s", name, help);
    inv_wrap(text, 0, 0, out);
    fputc('\n', out);
}

/* The keys that go with a type; their defaults where they are the type's own. */
static void print_type_keys(const inv_field *field, const char *type, FILE *out)
{
    union {
        max_align_t align;
        char bytes[SPEC_BYTES];
    } spec = {0};
    if (!field->group)
        return;
    if (field->start)
        field->start(type, spec.bytes);
    for (const inv_field *f = field->group(type); f && f->key; f++)
        if (strcmp(f->key, "type") != 0)
            inv_fields_help((inv_field[]){*f, {0}}, field->start ? spec.bytes : NULL, "", out);
}

/* A topic's choices as one of its places tells them. Types with defaults of their own have their
 * keys here; those of others are told where they stand. */
static void print_told(const topic *t, const place *teller, FILE *out)
{
    const inv_field *field = teller->field;
    print_places(t, teller, out);
    if (!field->start) {
        inv_choices_help(field->choices, 4, out);
        return;
    }
    for (const inv_choice *c = field->choices; c->name; c++) {
        fputc('\n', out);
        print_heading(c->name, c->help, out);
        print_type_keys(field, c->name, out);
    }
}

/* Whether another place before this one tells of the same choices. */
static bool is_told(const topic *t, size_t which)
{
    for (size_t i = 0; i < which; i++)
        if (t->places[i].field->choices == t->places[which].field->choices)
            return true;
    return false;
}

static void print_topic(const topic *t, FILE *out)
{
    print_heading(t->name, t->places[0].field->help, out);
    for (size_t i = 0; i < t->count; i++)
        if (tells(&t->places[i]) && !is_told(t, i))
            print_told(t, &t->places[i], out);
}

/* ---- what is asked for ---- */

/* A group at the top of the file heads its keys. */
static bool is_heading(const inv_key *key)
{
    return key->field->type == INV_FIELD_OTHER && !strchr(key->path, '.');
}

static void print_key(const inv_key *key, void *context)
{
    FILE *out = context;
    if (is_heading(key)) {
        fputc('\n', out);
        print_heading(key->path, key->field->help, out);
    } else {
        inv_key_help(key, out);
    }
}

void inv_experiment_help(FILE *out)
{
    topics *all = find_topics();
    inv_experiment_visit(print_key, out);
    for (size_t i = 0; all && i < all->count; i++) {
        fputc('\n', out);
        print_topic(&all->list[i], out);
    }
    free(all);
}

typedef struct asked {
    const char *word;
    FILE *out;
    size_t found;
    const char *topic; /* of the key that is asked for itself */
} asked;

/* A blank line between any two parts of the answer. */
static FILE *next_part(asked *a)
{
    if (a->found++)
        fputc('\n', a->out);
    return a->out;
}

/* The key asked for, and those below it. */
static void print_below(const inv_key *key, void *context)
{
    asked *a = context;
    const size_t length = strlen(a->word);
    if (strncmp(key->path, a->word, length) != 0 || (key->path[length] && key->path[length] != '.'))
        return;
    a->found++;
    if (!key->path[length])
        a->topic = key->field->topic;
    if (is_heading(key))
        print_heading(key->path, key->field->help, a->out);
    else
        inv_key_help(key, a->out);
}

static void print_choice(asked *a, const topic *t, const place *teller)
{
    char heading[INV_NAME_MAX + 32];
    const inv_choice *choice = find_choice(teller->field->choices, a->word);
    if (!choice)
        return;
    FILE *out = next_part(a);
    snprintf(heading, sizeof heading, "%s (%s)", choice->name, t->name);
    print_heading(heading, choice->help, out);
    print_places(t, teller, out);
    print_type_keys(teller->field, choice->name, out);
}

bool inv_experiment_help_on(const char *word, FILE *out)
{
    asked a = {.word = word, .out = out};
    topics *all = find_topics();
    inv_experiment_visit(print_below, &a);
    for (size_t i = 0; all && i < all->count; i++) {
        const topic *t = &all->list[i];
        if (strcmp(t->name, word) == 0 || (a.topic && strcmp(t->name, a.topic) == 0)) {
            next_part(&a);
            print_topic(t, out);
        }
        for (size_t p = 0; p < t->count; p++)
            if (tells(&t->places[p]) && !is_told(t, p))
                print_choice(&a, t, &t->places[p]);
    }
    free(all);
    return a.found > 0;
}

typedef struct teller {
    inv_word_teller *tell;
    void *context;
} teller;

static void tell_group(const inv_key *key, void *context)
{
    const teller *to = context;
    const inv_field *field = key->field;
    if (field->type == INV_FIELD_OTHER || field->type == INV_FIELD_GROUP ||
        field->type == INV_FIELD_LIST)
        to->tell(INV_WORD_GROUP, key->path, field->help, to->context);
}

void inv_experiment_words(inv_word_teller *tell, void *context)
{
    topics *all = find_topics();
    inv_experiment_visit(tell_group, &(teller){tell, context});
    for (size_t i = 0; all && i < all->count; i++)
        tell(INV_WORD_TOPIC, all->list[i].name, all->list[i].places[0].field->help, context);
    for (size_t i = 0; all && i < all->count; i++)
        for (size_t p = 0; p < all->list[i].count; p++)
            for (const inv_choice *c = all->list[i].places[p].field->choices; c->name && c->help;
                 c++)
                tell(INV_WORD_CHOICE, c->name, c->help, context);
    free(all);
}
