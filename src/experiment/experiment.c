/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/experiment.h"

#include <stdlib.h>
#include <string.h>

#include "experiment/groups.h"

enum { TOP_MAX = 24 };

const inv_field inv_experiment_fields[] = {
    {"title", INV_FIELD_TEXT, offsetof(inv_experiment, title), .affects = INV_AFFECTS_NOTHING,
     .help = "the experiment in a few words"},
    {"seed", INV_FIELD_SIZE, offsetof(inv_experiment, seed), 0, 0x1p53,
     .help = "seed of all random numbers"},
    {0}};

static const inv_field network_fields[] = {{"layers", INV_FIELD_OTHER, .high = INV_LAYERS_MAX,
                                            .required = true, .topic = "layers",
                                            .help = "the layers, from the image to the classes"},
                                           {0}};

const inv_field inv_project_fields[] = {
    {"name", INV_FIELD_NAME, offsetof(inv_project_spec, name),
     .help = "name of the result in the run file"},
    {"inverse", INV_FIELD_NAME, offsetof(inv_project_spec, inverse),
     .help = "name of the inverse; empty: the experiment's"},
    {"images", INV_FIELD_SIZE, offsetof(inv_project_spec, images), 1, 100000,
     .help = "number of test images to project, starting with the first"},
    {0}};

static const inv_field sheet_fields[] = {
    {"columns", INV_FIELD_SIZE, offsetof(inv_sheet, columns), 1, 1000, .help = "images per row"},
    {"zoom", INV_FIELD_SIZE, offsetof(inv_sheet, zoom), 1, 100, .help = "screen pixels per pixel"},
    {"gap", INV_FIELD_SIZE, offsetof(inv_sheet, gap), 0, 100,
     .help = "screen pixels between images"},
    {"round_to", INV_FIELD_REAL, offsetof(inv_sheet, round_to), 0.0, 1e30,
     .help = "round values to multiples of this; 0: do not round"},
    {"captions", INV_FIELD_BOOL, offsetof(inv_sheet, captioned),
     .help = "whether each image has a caption: its class, and how the net reads it"},
    {0}};

static const inv_field *sheet_group(const char *type)
{
    (void)type;
    return sheet_fields;
}

/* Of the group that has a sheet, beside its own keys. */
const inv_field inv_sheet_field[] = {{"sheet", INV_FIELD_GROUP, 0, .group = sheet_group,
                                      .help = "how the picture is laid out",
                                      .affects = INV_AFFECTS_NOTHING},
                                     {0}};

static const inv_field checkpoint_fields[] = {
    {"seconds", INV_FIELD_REAL, offsetof(inv_checkpoint_spec, seconds), 0.0, 1e9,
     .help = "longest time between two checkpoints of a learning stage, in seconds"},
    {"steps", INV_FIELD_SIZE, offsetof(inv_checkpoint_spec, steps), 0, 1e9,
     .help = "largest number of steps between two checkpoints; 0: by time only"},
    {0}};

#define REFERENCE_FIELD(member, text)                                                              \
    {                                                                                              \
#member, INV_FIELD_RANGE, offsetof(inv_reference, member), -1e30, 1e30, .help = text       \
    }

static const inv_field reference_fields[] = {
    {"source", INV_FIELD_NAME, offsetof(inv_reference, source),
     .help = "who published the figures"},
    REFERENCE_FIELD(accuracy, "fraction of the test images that are classified correctly"),
    REFERENCE_FIELD(l1_per_pixel, "mean difference of an image and its projection, per pixel"),
    REFERENCE_FIELD(relative_l2, "length of that difference, relative to the image's"),
    REFERENCE_FIELD(same_class,
                    "fraction of the projections that are classified like their originals"),
    REFERENCE_FIELD(confidence, "lowest and highest confidence in generated images"),
    {0}};

static const inv_data_spec data_defaults = {.folder = "data/mnist"};
static const inv_project_spec project_defaults = {.name = "projections", .images = 36};
static const inv_checkpoint_spec checkpoint_defaults = {10.0, 0};
static const inv_reference reference_defaults = {"", {1, 0}, {1, 0}, {1, 0}, {1, 0}, {1, 0}};

/* Where the struct of a group is, and how large. */
#define AT(member)                                                                                 \
    .offset = offsetof(inv_experiment, member), .size = sizeof(((inv_experiment *)NULL)->member)
/* A stage that is there where the file names it; its sheet; the inverse it uses. */
#define STAGE(member)   AT(member), .has = offsetof(inv_experiment, has_##member)
#define SHEET(member)   .sheet = offsetof(inv_experiment, member##_sheet), .sheet_defaults
#define INVERSE(member) .inverse = offsetof(inv_experiment, member.inverse)

const inv_group inv_experiment_groups[] = {
    {.at_top = {"data", INV_FIELD_OTHER, .help = "the images to train and to test on"},
     .fields = inv_data_fields,
     AT(data),
     .defaults = &data_defaults},
    {.at_top = {"network", INV_FIELD_OTHER, .help = "the classifier"},
     .fields = network_fields,
     .required = true},
    {.at_top = {"training", INV_FIELD_OTHER, .help = "how the classifier is trained"},
     .fields = inv_train_fields,
     AT(training),
     .defaults = &inv_train_defaults},
    {.at_top = {"inverse", INV_FIELD_OTHER,
                .help =
                    "learn an inverse, which maps the values at a point of the net back to images"},
     .fields = inv_inverse_fields,
     STAGE(inverse),
     .defaults = &inv_inverse_defaults},
    {.at_top = {"inverses", INV_FIELD_OTHER, .high = INV_INVERSES_MAX,
                .help = "several inverses in place of one, ( { ... }, ... ), each with the keys of "
                        "inverse"},
     .fields = inv_inverse_fields,
     .list = true},
    {.at_top = {"generator", INV_FIELD_OTHER,
                .help =
                    "learn a generator, which makes images of a class and a few random numbers"},
     .fields = inv_maker_fields,
     STAGE(generator),
     .defaults = &inv_maker_defaults,
     SHEET(generator) = {10, 4, 2, INV_SCALING_FIXED, 0.0, 1.0, 0.0, true, NULL}},
    {.at_top = {"project", INV_FIELD_OTHER, .help = "carry test images through the net and back"},
     .fields = inv_project_fields,
     STAGE(project),
     .defaults = &project_defaults,
     INVERSE(project),
     SHEET(project) = {6, 4, 2, INV_SCALING_FIXED, 0.0, 1.0, 0.0, false, NULL}},
    {.at_top = {"generate", INV_FIELD_OTHER, .help = "make images of classes"},
     .fields = inv_generate_fields,
     STAGE(generate),
     .defaults = &inv_generate_defaults,
     .start = inv_generate_start,
     INVERSE(generate),
     SHEET(generate) = {5, 4, 2, INV_SCALING_TILE, 0.0, 1.0, 0.0, true, NULL}},
    {.at_top = {"features", INV_FIELD_OTHER, .help = "make an image for each unit or channel"},
     .fields = inv_features_fields,
     STAGE(features),
     .defaults = &inv_features_defaults,
     INVERSE(features),
     SHEET(features) = {10, 4, 2, INV_SCALING_TILE, 0.0, 1.0, 0.0, true, NULL}},
    {.at_top = {"exemplars", INV_FIELD_OTHER,
                .help = "find the real images that excite a class, unit or channel most"},
     .fields = inv_exemplars_fields,
     STAGE(exemplars),
     .defaults = &inv_exemplars_defaults,
     SHEET(exemplars) = {5, 4, 2, INV_SCALING_TILE, 0.0, 1.0, 0.0, true, NULL}},
    {.at_top = {"filters", INV_FIELD_OTHER, .help = "draw the kernels of the first layer"},
     .fields = inv_filters_fields,
     STAGE(filters),
     .defaults = &inv_filters_defaults,
     SHEET(filters) = {10, 4, 2, INV_SCALING_TILE, 0.0, 1.0, 0.0, true, NULL}},
    {.at_top = {"checkpoint", INV_FIELD_OTHER, .affects = INV_AFFECTS_NOTHING,
                .help = "how often a run leaves a checkpoint"},
     .fields = checkpoint_fields,
     AT(checkpoint),
     .defaults = &checkpoint_defaults},
    {.at_top = {"reference", INV_FIELD_OTHER, .affects = INV_AFFECTS_NOTHING,
                .help = "published figures to show beside the run's own"},
     .fields = reference_fields,
     AT(reference),
     .defaults = &reference_defaults},
    {.fields = NULL}};

void inv_experiment_defaults(inv_experiment *experiment)
{
    memset(experiment, 0, sizeof *experiment);
    experiment->seed = 1;
    for (const inv_group *group = inv_experiment_groups; group->at_top.key; group++) {
        char *base = (char *)experiment;
        if (group->defaults)
            memcpy(base + group->offset, group->defaults, group->size);
        if (group->sheet)
            memcpy(base + group->sheet, &group->sheet_defaults, sizeof group->sheet_defaults);
    }
}

/* All keys at the top of the file. */
static void list_top(inv_field out[TOP_MAX])
{
    size_t count = 0;
    for (const inv_field *field = inv_experiment_fields; field->key; field++)
        out[count++] = *field;
    for (const inv_group *group = inv_experiment_groups; group->at_top.key; group++)
        out[count++] = group->at_top;
    out[count] = (inv_field){0};
}

static inv_status read_stage(const inv_config *config, const inv_group *stage, inv_experiment *out)
{
    const char *key = stage->at_top.key;
    const inv_field_set sets[] = {{stage->fields, (char *)out + stage->offset},
                                  {inv_sheet_field, (char *)out + stage->sheet}};
    char path[2 * INV_NAME_MAX];
    if (!inv_config_has(config, key) && !stage->required)
        return INV_OK;
    if (stage->has)
        *(bool *)((char *)out + stage->has) = true;
    snprintf(path, sizeof path, "%s.preset", key);
    const char *preset = stage->start ? inv_config_text_at(config, path) : NULL;
    if (preset)
        stage->start(preset, (char *)out + stage->offset);
    return inv_config_sets(config, key, sets, stage->sheet ? 2 : 1);
}

static inv_status check_name(const inv_config *config, const inv_experiment *e, size_t i)
{
    char path[INV_NAME_MAX];
    snprintf(path, sizeof path, "inverses.%zu.name", i);
    for (size_t k = 0; k < i; k++)
        if (strcmp(e->inverses[k].name, e->inverses[i].name) == 0)
            return inv_config_error(config, path,
                                    "inverses.%zu is named '%s' too; give each a name of its own",
                                    k, e->inverses[i].name);
    return INV_OK;
}

/* One in `inverse`, or several in `inverses`, of which the first is what other stages use. */
static inv_status read_inverses(const inv_config *config, inv_experiment *e)
{
    const size_t count = inv_config_length(config, "inverses");
    if (!inv_config_has(config, "inverses")) {
        e->inverses[0] = e->inverse;
        e->inverse_count = e->has_inverse;
        return INV_OK;
    }
    if (e->has_inverse)
        return inv_config_error(config, "inverse", "inverses is there too; give one of the two");
    if (count == 0 || count > INV_INVERSES_MAX)
        return inv_config_error(config, "inverses",
                                "must be a list of 1 to %d groups, ( { ... }, ... )",
                                INV_INVERSES_MAX);
    for (size_t i = 0; i < count; i++) {
        char path[INV_NAME_MAX];
        snprintf(path, sizeof path, "inverses.%zu", i);
        e->inverses[i] = inv_inverse_defaults;
        inv_status status = inv_config_group(config, path, inv_inverse_fields, &e->inverses[i]);
        if (status == INV_OK)
            status = check_name(config, e, i);
        if (status != INV_OK)
            return status;
    }
    e->inverse = e->inverses[0];
    e->inverse_count = count;
    e->has_inverse = true;
    return INV_OK;
}

/* How long training is, is said once; no epochs leave it to the steps. */
static inv_status check_length(const inv_config *config, const inv_experiment *experiment)
{
    if (inv_config_has(config, "training.steps") && experiment->training.epochs > 0)
        return inv_config_error(config, "training.epochs",
                                "training.steps is there too; give one of the two: set the epochs, "
                                "or set training.epochs=0 and the steps count");
    return INV_OK;
}

void inv_experiment_use_inverse(const inv_config *config, const char *name,
                                inv_experiment *experiment)
{
    for (const inv_group *group = inv_experiment_groups; group->at_top.key; group++) {
        char path[INV_NAME_MAX];
        if (!group->inverse)
            continue;
        snprintf(path, sizeof path, "%s.inverse", group->at_top.key);
        const char *said = inv_config_text_at(config, path);
        if (!said || !*said)
            snprintf((char *)experiment + group->inverse, INV_NAME_MAX, "%s", name);
    }
}

inv_status inv_experiment_read(const inv_config *config, inv_experiment **out)
{
    void *memory = NULL;
    inv_field top[TOP_MAX];
    inv_status status = INV_OK;
    *out = NULL;
    list_top(top);
    INV_TRY(inv_calloc(1, sizeof **out, "experiment", &memory));
    inv_experiment *experiment = memory;
    inv_experiment_defaults(experiment);
    INV_TRY(inv_config_group(config, "", top, experiment));
    for (const inv_group *stage = inv_experiment_groups; stage->at_top.key; stage++)
        if (!stage->list)
            INV_TRY(read_stage(config, stage, experiment));
    INV_TRY(read_inverses(config, experiment));
    INV_TRY(check_length(config, experiment));
    inv_experiment_use_inverse(config, experiment->inverse.name, experiment);
    *out = experiment;
    return INV_OK;
done:
    free(memory);
    return status;
}

inv_range inv_reference_find(const inv_reference *reference, const char *attribute)
{
    for (const inv_field *f = reference_fields; f->key; f++)
        if (f->type == INV_FIELD_RANGE && strcmp(f->key, attribute) == 0)
            return *(const inv_range *)((const char *)reference + f->offset);
    return (inv_range){1.0, 0.0};
}

/* ---- comparing ---- */

#define PATHS_MAX 128

/* Paths that do not count. */
typedef struct paths {
    size_t count;
    char text[PATHS_MAX][2 * INV_NAME_MAX];
} paths;

static void add_path(paths *list, const char *path, const char *key)
{
    if (list->count == PATHS_MAX)
        return;
    char *text = list->text[list->count];
    snprintf(text, sizeof *list->text, "%s%s%s", path, *path ? "." : "", key);
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->text[i], text) == 0) /* of several types' */
            return;
    list->count++;
}

/* The keys of the group at `path` that do not decide what its stage makes, `lengths`: or for how long. */
static void list_uncounted(const inv_field *fields, const char *path, bool lengths, paths *list)
{
    static const inv_choice untyped[] = {{"", NULL}, {0}};
    for (const inv_field *f = fields; f && f->key; f++) {
        const bool part = f->type == INV_FIELD_PART;
        for (const inv_choice *c = f->choices ? f->choices : untyped; part && c->name; c++)
            list_uncounted(f->group(c->name), path, lengths, list);
        if (f->affects == INV_AFFECTS_NOTHING || (f->affects == INV_AFFECTS_LENGTH && !lengths))
            add_path(list, path, f->key);
    }
}

bool inv_experiment_differs(const inv_config *a, const inv_config *b, bool lengths,
                            const char *const *besides, char path[INV_TEXT_MAX])
{
    paths list = {0};
    const char *except[2 * PATHS_MAX + 1];
    size_t count = 0;
    inv_field top[TOP_MAX];
    list_top(top);
    list_uncounted(top, "", lengths, &list);
    for (const inv_group *stage = inv_experiment_groups; stage->at_top.key; stage++) {
        for (size_t i = 0; stage->list && i < INV_INVERSES_MAX; i++) {
            char element[INV_NAME_MAX];
            snprintf(element, sizeof element, "%s.%zu", stage->at_top.key, i);
            list_uncounted(stage->fields, element, lengths, &list);
        }
        if (!stage->list)
            list_uncounted(stage->fields, stage->at_top.key, lengths, &list);
        list_uncounted(stage->sheet ? inv_sheet_field : NULL, stage->at_top.key, lengths, &list);
    }
    for (; count < list.count; count++)
        except[count] = list.text[count];
    for (; *besides && count < 2 * PATHS_MAX; besides++)
        except[count++] = *besides;
    except[count] = NULL;
    return inv_config_differs(a, b, except, path);
}

void inv_experiment_free(inv_experiment *experiment)
{
    free(experiment);
}
