/* What a sweep is: its files, names, commands, and the plan that stands in its folder.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "invproj/file.h"
#include "sweep.h"

#define PLAN_FORMAT   "invproj-sweep"
#define PLAN_BYTES    ((size_t)8 << 20)
#define FLAT_MAX      300 /* items whose files are all in one folder */
#define FOLDER_DIGITS 3   /* 4,096 folders: 250 run files in each of a million */

/* ---- opening ---- */

static inv_status find_data_key(cli_sweep *sweep)
{
    sweep->data_key = SIZE_MAX;
    for (size_t k = 0; k < inv_sweep_keys(sweep->items); k++)
        if (strcmp(inv_sweep_key(sweep->items, k), "data.folder") == 0)
            sweep->data_key = k;
    const size_t sets = inv_sweep_sets(sweep->items) + inv_sweep_keys(sweep->items);
    if (sweep->data_key != SIZE_MAX && sweep->options->data)
        return INV_ERROR(INV_EINVAL, "--data: data.folder varies in the sweep; leave --data out");
    return sets <= CLI_SETS_MAX
               ? INV_OK
               : INV_ERROR(INV_ECONFIG, "%s: %zu settings and keys that vary; at most %d are taken",
                           inv_config_name(sweep->file), sets, CLI_SETS_MAX);
}

inv_status cli_sweep_open(const cli_options *options, cli_sweep *sweep)
{
    const char *path = options->operands[0], *name = NULL;
    inv_status status = INV_OK;
    *sweep = (cli_sweep){.options = options, .out = options->out};
    INV_TRY(inv_config_read_file(path, &sweep->file));
    name = inv_config_text_at(sweep->file, "experiment");
    if (!name)
        INV_RAISE(inv_config_error(sweep->file,
                                   inv_config_has(sweep->file, "experiment") ? "experiment" : "",
                                   "names no experiment: experiment = \"r2rt.cfg\";"));
    if (*name == '/')
        sweep->experiment = strdup(name);
    else
        INV_TRY(inv_file_beside(path, name, &sweep->experiment));
    if (!sweep->experiment)
        INV_FAIL(INV_ENOMEM, "%s: no memory", path);
    INV_TRY(inv_config_read_file(sweep->experiment, &sweep->base));
    INV_TRY(
        inv_sweep_read(sweep->file, sweep->base, options->sets, options->set_count, &sweep->items));
    INV_TRY(find_data_key(sweep));
done:
    return status;
}

void cli_sweep_close(cli_sweep *sweep)
{
    for (size_t i = 0; i < sweep->data_count; i++)
        free(sweep->data[i].folder);
    free(sweep->data);
    inv_sweep_free(sweep->items);
    inv_config_free(sweep->base);
    inv_config_free(sweep->file);
    free(sweep->experiment);
}

/* ---- data ---- */

/* The data as the item's run will find them. */
static inv_status load_data(const cli_sweep *sweep, size_t item, cli_sweep_data *out)
{
    cli_options options = *sweep->options;
    cli_file file = {.options = &options, .starts = true};
    cli_materials materials = {0};
    char *set = NULL, number[INV_SWEEP_NUMBER];
    inv_status status = INV_OK;
    options.operands = &(char *){sweep->experiment};
    options.set_count = 0;
    for (size_t i = 0; i < inv_sweep_sets(sweep->items); i++)
        options.sets[options.set_count++] = inv_sweep_set(sweep->items, i);
    if (sweep->data_key != SIZE_MAX) {
        if (asprintf(&set, "data.folder=%s",
                     inv_sweep_value(sweep->items, item, sweep->data_key, number)) < 0)
            INV_FAIL(INV_ENOMEM, "sweep: no memory");
        options.sets[options.set_count++] = set;
    }
    INV_TRY(inv_sweep_item(sweep->items, item, &file.config));
    INV_TRY(inv_experiment_read(file.config, &file.experiment));
    INV_TRY(cli_data_open(&file, &materials));
    for (size_t i = 0; i < INV_DATA_FILES; i++) {
        strcat(out->sums, materials.data->sha256[i]);
        strcat(out->sums, "\n");
    }
done:
    inv_dataset_free(materials.data);
    free(materials.data_folder);
    inv_experiment_free(file.experiment);
    inv_config_free(file.config);
    free(set);
    return status;
}

/* Which of the data are an item's; `data_count`: none yet. */
static size_t data_of(const cli_sweep *sweep, size_t item)
{
    char number[INV_SWEEP_NUMBER];
    size_t i = 0;
    if (sweep->data_key == SIZE_MAX)
        return 0;
    const char *folder = inv_sweep_value(sweep->items, item, sweep->data_key, number);
    while (i < sweep->data_count && strcmp(sweep->data[i].folder, folder) != 0)
        i++;
    return i;
}

static inv_status add_data(cli_sweep *sweep, size_t item)
{
    char number[INV_SWEEP_NUMBER];
    cli_sweep_data *more = realloc(sweep->data, (sweep->data_count + 1) * sizeof *more);
    if (!more)
        return INV_ERROR(INV_ENOMEM, "sweep: no memory");
    sweep->data = more;
    cli_sweep_data *one = &sweep->data[sweep->data_count++];
    *one = (cli_sweep_data){NULL, ""};
    if (sweep->data_key != SIZE_MAX) {
        one->folder = strdup(inv_sweep_value(sweep->items, item, sweep->data_key, number));
        if (!one->folder)
            return INV_ERROR(INV_ENOMEM, "sweep: no memory");
    }
    return load_data(sweep, item, one);
}

static inv_status sum_up(cli_sweep *sweep)
{
    char *all = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&all, &size);
    for (size_t i = 0; memory && i < sweep->data_count; i++)
        fputs(sweep->data[i].sums, memory);
    if (!memory || fclose(memory) != 0)
        return INV_ERROR(INV_ENOMEM, "sweep: no memory");
    inv_sweep_sha256(sweep->items, all, sweep->sha256);
    free(all);
    return INV_OK;
}

inv_status cli_sweep_load(cli_sweep *sweep)
{
    const size_t look = sweep->data_key == SIZE_MAX ? 1 : inv_sweep_count(sweep->items);
    inv_status status = INV_OK;
    for (size_t item = 0; item < look && status == INV_OK; item++)
        if (data_of(sweep, item) == sweep->data_count)
            status = add_data(sweep, item);
    return status == INV_OK ? sum_up(sweep) : status;
}

/* ---- names and commands ---- */

char *cli_sweep_path(const cli_sweep *sweep, size_t item, const char *ending)
{
    char name[INV_SWEEP_NAME], *path = NULL;
    const bool flat = inv_sweep_count(sweep->items) <= FLAT_MAX;
    inv_sweep_name(sweep->items, item, sweep->data[data_of(sweep, item)].sums, name);
    const int written =
        flat ? asprintf(&path, "%s/%s%s", sweep->out, name, ending)
             : asprintf(&path, "%s/%.*s/%s%s", sweep->out, FOLDER_DIGITS, name, name, ending);
    return written < 0 ? NULL : path;
}

static inv_status is_there(const cli_sweep *sweep, size_t item, const char *ending, bool *there)
{
    char *path = cli_sweep_path(sweep, item, ending);
    if (!path)
        return INV_ERROR(INV_ENOMEM, "sweep: no memory");
    *there = access(path, F_OK) == 0;
    free(path);
    return INV_OK;
}

inv_status cli_sweep_look(const cli_sweep *sweep, size_t item, cli_sweep_state *out)
{
    static const char *const endings[CLI_SWEEP_STATES] = {
        [CLI_SWEEP_DONE] = ".h5",
        [CLI_SWEEP_FAILING] = "." CLI_SWEEP_FAILED,
        [CLI_SWEEP_RUNNING] = ".h5" CLI_UNFINISHED,
    };
    inv_status status = INV_OK;
    bool there = false;
    *out = CLI_SWEEP_STATES;
    while (status == INV_OK && !there && --*out != CLI_SWEEP_MISSING)
        status = is_there(sweep, item, endings[*out], &there);
    return status;
}

void cli_sweep_words_free(char **words)
{
    for (size_t i = 0; words && words[i]; i++)
        free(words[i]);
    free(words);
}

inv_status cli_sweep_words(const cli_sweep *sweep, size_t item, char ***out)
{
    static const char *const last[] = {"--resume", "-q", "--threads", "1"};
    const size_t sets = inv_sweep_sets(sweep->items), keys = inv_sweep_keys(sweep->items);
    void *memory = NULL;
    size_t n = 0;
    bool good = true;
    inv_status status = inv_calloc(2 * (sets + keys) + 16, sizeof(char *), "sweep", &memory);
    char **words = memory;
    *out = words;
    if (status != INV_OK)
        return status;
    const char *const first[] = {"invproj", "run", sweep->experiment};
    for (size_t i = 0; good && i < 3; i++)
        good = (words[n++] = strdup(first[i])) != NULL;
    for (size_t i = 0; good && i < sets + keys; i++) {
        char number[INV_SWEEP_NUMBER];
        good = (words[n++] = strdup("--set")) != NULL;
        if (good && i < sets)
            good = (words[n++] = strdup(inv_sweep_set(sweep->items, i))) != NULL;
        else if (good)
            good = asprintf(&words[n++], "%s=%s", inv_sweep_key(sweep->items, i - sets),
                            inv_sweep_value(sweep->items, item, i - sets, number)) > 0;
    }
    if (good && sweep->options->data)
        good = (words[n++] = strdup("--data")) && (words[n++] = strdup(sweep->options->data));
    good = good && (words[n++] = strdup("-o")) && (words[n++] = cli_sweep_path(sweep, item, ".h5"));
    for (size_t i = 0; good && i < 4; i++)
        good = (words[n++] = strdup(last[i])) != NULL;
    return good ? INV_OK : INV_ERROR(INV_ENOMEM, "sweep: no memory");
}

void cli_sweep_tell(const cli_sweep *sweep, size_t item, char *out, size_t size)
{
    size_t used = 0;
    for (size_t k = 0; k < inv_sweep_keys(sweep->items) && used < size; k++) {
        char number[INV_SWEEP_NUMBER];
        used += (size_t)snprintf(out + used, size - used, "%s%s=%s", k ? ", " : "",
                                 inv_sweep_key(sweep->items, k),
                                 inv_sweep_value(sweep->items, item, k, number));
    }
}

/* ---- the plan ---- */

static json_t *plan_data(const cli_sweep *sweep)
{
    json_t *list = json_array();
    for (size_t i = 0; i < sweep->data_count; i++)
        (void)json_array_append_new(
            list,
            json_pack("{so ss}", "folder",
                      sweep->data[i].folder ? json_string(sweep->data[i].folder) : json_null(),
                      "sha256", sweep->data[i].sums));
    return list;
}

static json_t *plan_sets(const cli_sweep *sweep)
{
    json_t *list = json_array();
    for (size_t i = 0; i < sweep->options->set_count; i++)
        (void)json_array_append_new(list, json_string(sweep->options->sets[i]));
    return list;
}

/* All that `gather` needs to know what there should be, wherever the folder is taken. */
static inv_status write_plan(const cli_sweep *sweep, size_t parts, char **out)
{
    char *text = NULL, *base = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(inv_config_text(sweep->file, &text));
    INV_TRY(inv_config_text(sweep->base, &base));
    json_t *plan =
        json_pack("{ss si sI sI ss ss ss ss ss so so}", "format", PLAN_FORMAT, "version", 1,
                  "parts", (json_int_t)parts, "items", (json_int_t)inv_sweep_count(sweep->items),
                  "sha256", sweep->sha256, "file", inv_config_name(sweep->file), "sweep", text,
                  "experiment", sweep->experiment, "experiment_text", base, "set", plan_sets(sweep),
                  "data", plan_data(sweep));
    *out = plan ? json_dumps(plan, JSON_INDENT(2)) : NULL;
    json_decref(plan);
    if (!*out)
        INV_FAIL(INV_ENOMEM, "%s: no memory for " CLI_SWEEP_PLAN, sweep->out);
done:
    free(text);
    free(base);
    return status;
}

/* Gives the text its name if nobody was first; *first tells. A link, unlike an exclusive open, leads to
 * the whole text or to nothing, on network file systems too. */
static inv_status put_first(const char *path, const char *text, bool *first)
{
    char *aside = NULL;
    inv_status status = INV_OK;
    *first = false;
    if (asprintf(&aside, "%s.XXXXXX", path) < 0)
        return INV_ERROR(INV_ENOMEM, "%s: no memory", path);
    const int file = mkstemp(aside);
    if (file < 0) {
        status = INV_ERROR(INV_EIO, "%s: %s", path, strerror(errno));
        free(aside);
        return status;
    }
    const mode_t mask = umask(0); /* that a new file gets, and mkstemp does not give */
    (void)umask(mask);
    const size_t size = strlen(text);
    const bool written = fchmod(file, 0666 & ~mask) == 0 &&
                         write(file, text, size) == (ssize_t)size && fsync(file) == 0;
    if (close(file) != 0 || !written)
        status = INV_ERROR(INV_EIO, "%s: %s", path, strerror(errno));
    else if (link(aside, path) == 0)
        *first = true;
    else if (errno != EEXIST) /* a file system without links: then who is last is right */
        status =
            rename(aside, path) == 0 ? INV_OK : INV_ERROR(INV_EIO, "%s: %s", path, strerror(errno));
    (void)unlink(aside);
    free(aside);
    return status;
}

/* What a user names in place of a sweep's folder, told as what it is. */
static inv_status check_folder(const char *out, const char *plan)
{
    struct stat info;
    if (stat(out, &info) != 0)
        return INV_ERROR(INV_EIO, "%s: %s", out, strerror(errno));
    if (!S_ISDIR(info.st_mode))
        return INV_ERROR(INV_EINVAL, "%s: is a file; name the folder that sweep -o wrote", out);
    if (access(plan, F_OK) != 0 && errno == ENOENT)
        return INV_ERROR(INV_EINVAL,
                         "%s: is no folder of a sweep, as " CLI_SWEEP_PLAN
                         " is not in it; name the folder that sweep -o wrote",
                         out);
    return INV_OK;
}

static inv_status read_plan(const char *out, json_t **plan)
{
    char *path = NULL;
    unsigned char *text = NULL;
    size_t size = 0;
    json_error_t error;
    inv_status status = INV_OK;
    *plan = NULL;
    if (asprintf(&path, "%s/" CLI_SWEEP_PLAN, out) < 0)
        return INV_ERROR(INV_ENOMEM, "%s: no memory", out);
    INV_TRY(check_folder(out, path));
    INV_TRY(inv_file_read(path, PLAN_BYTES, &text, &size));
    *plan = json_loads((const char *)text, JSON_REJECT_DUPLICATES, &error);
    const char *format = json_string_value(json_object_get(*plan, "format"));
    if (!format || strcmp(format, PLAN_FORMAT) != 0)
        INV_FAIL(INV_EFORMAT, "%s: is no plan of a sweep%s%s", path, *plan ? "" : ": ",
                 *plan ? "" : error.text);
    if (json_integer_value(json_object_get(*plan, "version")) != 1)
        INV_FAIL(INV_EFORMAT, "%s: is of a newer invproj", path);
done:
    if (status != INV_OK) {
        json_decref(*plan);
        *plan = NULL;
    }
    free(text);
    free(path);
    return status;
}

static inv_status check_plan(cli_sweep *sweep, const json_t *plan, const cli_part *part)
{
    const char *sum = json_string_value(json_object_get(plan, "sha256"));
    const json_int_t items = json_integer_value(json_object_get(plan, "items"));
    sweep->parts = (size_t)json_integer_value(json_object_get(plan, "parts"));
    if (!sum || strcmp(sum, sweep->sha256) != 0)
        return INV_ERROR(INV_EINVAL,
                         "%s: holds another sweep, of %lld experiments: its file, its experiment "
                         "or the data differ; choose another folder",
                         sweep->out, (long long)items);
    if (part && !part->given && part->count != sweep->parts)
        return INV_ERROR(INV_EINVAL,
                         "%s: was begun in %zu parts, and this is %zu/%zu%s%s; give --part I/N "
                         "(--part 0/1 does all that is missing)",
                         sweep->out, sweep->parts, part->index, part->count,
                         *part->source ? ", " : "", part->source);
    return INV_OK;
}

inv_status cli_sweep_claim(cli_sweep *sweep, const cli_part *part)
{
    char *path = NULL, *text = NULL;
    json_t *plan = NULL;
    bool first = false;
    inv_status status = INV_OK;
    INV_TRY(inv_file_make_folder(sweep->out));
    if (asprintf(&path, "%s/" CLI_SWEEP_PLAN, sweep->out) < 0)
        INV_FAIL(INV_ENOMEM, "%s: no memory", sweep->out);
    if (access(path, F_OK) != 0) {
        INV_TRY(write_plan(sweep, part->count, &text));
        INV_TRY(put_first(path, text, &first));
    }
    INV_TRY(read_plan(sweep->out, &plan));
    INV_TRY(check_plan(sweep, plan, part));
done:
    json_decref(plan);
    free(text);
    free(path);
    return status;
}

/* ---- a folder that tells itself what it holds ---- */

static inv_status take_data(const json_t *plan, cli_sweep *sweep)
{
    const json_t *list = json_object_get(plan, "data");
    const size_t count = json_array_size(list);
    void *memory = NULL;
    inv_status status = inv_calloc(count, sizeof *sweep->data, CLI_SWEEP_PLAN, &memory);
    sweep->data = memory;
    for (size_t i = 0; i < count && status == INV_OK; i++) {
        const json_t *one = json_array_get(list, i);
        const char *sums = json_string_value(json_object_get(one, "sha256"));
        const char *folder = json_string_value(json_object_get(one, "folder"));
        cli_sweep_data *data = &sweep->data[sweep->data_count++];
        snprintf(data->sums, sizeof data->sums, "%s", sums ? sums : "");
        data->folder = folder ? strdup(folder) : NULL;
        if ((folder && !data->folder) || (sweep->data_key != SIZE_MAX && !folder))
            status = INV_ERROR(INV_EFORMAT, "%s: its data are not those of its keys", sweep->out);
    }
    return status;
}

/* Whether each item's data are among those of the plan. */
static bool has_all_data(const cli_sweep *sweep)
{
    for (size_t i = 0; i < inv_sweep_count(sweep->items); i++)
        if (data_of(sweep, i) >= sweep->data_count)
            return false;
    return true;
}

static inv_status take_items(const json_t *plan, cli_sweep *sweep)
{
    const char *text = json_string_value(json_object_get(plan, "sweep"));
    const char *base = json_string_value(json_object_get(plan, "experiment_text"));
    const char *name = json_string_value(json_object_get(plan, "experiment"));
    const char *file = json_string_value(json_object_get(plan, "file"));
    const json_t *list = json_object_get(plan, "set");
    const char *sets[CLI_SETS_MAX];
    size_t count = 0;
    inv_status status = INV_OK;
    for (; count < json_array_size(list) && count < CLI_SETS_MAX; count++)
        sets[count] = json_string_value(json_array_get(list, count));
    for (size_t i = 0; i < count; i++)
        if (!sets[i])
            text = NULL;
    if (!text || !base || !name)
        return INV_ERROR(INV_EFORMAT, "%s/" CLI_SWEEP_PLAN ": is damaged", sweep->out);
    sweep->experiment = strdup(name);
    if (!sweep->experiment)
        INV_FAIL(INV_ENOMEM, "%s: no memory", sweep->out);
    INV_TRY(inv_config_read_text(file ? file : CLI_SWEEP_PLAN, text, &sweep->file));
    INV_TRY(inv_config_read_text(name, base, &sweep->base));
    INV_TRY(inv_sweep_read(sweep->file, sweep->base, sets, count, &sweep->items));
    INV_TRY(find_data_key(sweep));
done:
    return status;
}

inv_status cli_sweep_reopen(const cli_options *options, const char *out, cli_sweep *sweep)
{
    json_t *plan = NULL;
    inv_status status = INV_OK;
    *sweep = (cli_sweep){.options = options, .out = out};
    INV_TRY(read_plan(out, &plan));
    INV_TRY(take_items(plan, sweep));
    INV_TRY(take_data(plan, sweep));
    if (!has_all_data(sweep))
        INV_FAIL(INV_EFORMAT, "%s/" CLI_SWEEP_PLAN ": is damaged", out);
    INV_TRY(sum_up(sweep));
    INV_TRY(check_plan(sweep, plan, NULL));
done:
    json_decref(plan);
    return status;
}
