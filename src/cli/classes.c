/* Classes that a command is given, by number or by name, and those that have images.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* ---- the names ---- */

typedef struct class_names {
    size_t count;
    char *of[INV_CLASSES_MAX];
} class_names;

static void names_close(class_names *names)
{
    for (size_t c = 0; c < names->count; c++)
        free(names->of[c]);
}

/* Those that the run file has, if any. */
static inv_status names_open(const inv_run *run, class_names *names)
{
    uint64_t classes = 0;
    *names = (class_names){0};
    if (!inv_run_has_attribute(run, "/", "class_names"))
        return INV_OK;
    inv_status status = inv_run_size(run, "/data", "classes", &classes);
    if (status == INV_OK && classes > INV_CLASSES_MAX)
        return INV_ERROR(INV_EFORMAT, "%s: /data: %zu classes", inv_run_name(run), (size_t)classes);
    if (status == INV_OK)
        status = inv_run_texts(run, "/", "class_names", names->of, classes);
    names->count = status == INV_OK ? classes : 0;
    return status;
}

/* ---- a list of them ---- */

typedef struct class_list {
    const class_names *names;
    size_t count;
    size_t values[INV_LIST_MAX];
} class_list;

static bool is_number(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!isdigit((unsigned char)text[i]))
            return false;
    return length > 0 && strtoul(text, NULL, 10) <= INT_MAX;
}

/* The class of that name or, where there is none, of that number. */
static bool find_class(const class_list *list, const char *text, size_t length, size_t *class)
{
    const class_names *names = list->names;
    const bool number = is_number(text, length);
    const size_t value = number ? strtoul(text, NULL, 10) : 0;
    for (*class = 0; *class < names->count; ++*class)
        if (strlen(names->of[*class]) == length && memcmp(names->of[*class], text, length) == 0)
            break;
    if (*class == names->count) {
        *class = value;
        return number;
    }
    if (number && value != *class && value < names->count)
        cli_warn(
            "--classes: %.*s is the class of that name, which is number %zu; class %zu is named "
            "%s",
            (int)length, text, *class, value, names->of[value]);
    return true;
}

static bool add(class_list *list, size_t class)
{
    if (list->count == INV_LIST_MAX)
        return false;
    list->values[list->count++] = class;
    return true;
}

/* "5-9": each of those numbers, which may be a name; "A-E": the classes from the one to the other. */
static bool add_range(class_list *list, const char *first, size_t first_length, const char *last,
                      size_t last_length)
{
    size_t from = 0, to = 0, class = 0;
    const bool numbers = is_number(first, first_length) && is_number(last, last_length);
    if (numbers) {
        from = strtoul(first, NULL, 10);
        to = strtoul(last, NULL, 10);
    } else if (!find_class(list, first, first_length, &from) ||
               !find_class(list, last, last_length, &to)) {
        return false;
    }
    for (size_t n = from; n <= to; n++) {
        char text[32];
        const int length = snprintf(text, sizeof text, "%zu", n);
        if ((numbers && !find_class(list, text, (size_t)length, &class)) ||
            !add(list, numbers ? class : n))
            return false;
    }
    return from <= to;
}

/* What is between two commas. A name may have a hyphen in it, so that a range is the last guess. */
static bool add_item(class_list *list, const char *text, size_t length)
{
    size_t class = 0;
    if (find_class(list, text, length, &class))
        return add(list, class);
    for (size_t at = 1; at + 1 < length; at++)
        if (text[at] == '-' && add_range(list, text, at, text + at + 1, length - at - 1))
            return true;
    return false;
}

/* Bytes up to the comma that ends the item; a comma in a name ends none. */
static size_t item_length(const class_list *list, const char *text)
{
    size_t longest = strcspn(text, ",");
    for (size_t c = 0; c < list->names->count; c++) {
        const char *name = list->names->of[c];
        const size_t length = strlen(name);
        if (length > longest && strncmp(text, name, length) == 0 &&
            (text[length] == ',' || text[length] == '\0'))
            longest = length;
    }
    return longest;
}

static inv_status refuse(const class_names *names, const char *text, const char *item,
                         size_t length)
{
    char word[INV_NAME_MAX];
    snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word), item);
    const char *near = inv_nearest(word, (const char *const *)names->of, names->count);
    if (near)
        return INV_ERROR(INV_EINVAL, "--classes: there is no class '%s'; did you mean '%s'?", word,
                         near);
    return INV_ERROR(INV_EINVAL, "--classes: '%s' is not a list like 0,3,5-9%s", text,
                     names->count ? ", or of names of classes" : "");
}

static inv_status read_list(class_list *list, const char *text)
{
    const char *at = text;
    for (bool more = true; more;) {
        const size_t length = item_length(list, at);
        if (!add_item(list, at, length))
            return refuse(list->names, text, at, length);
        more = at[length] == ',';
        at += length + more;
    }
    return INV_OK;
}

inv_status cli_set_classes(cli_file *file)
{
    class_names names;
    class_list list = {.names = &names};
    char text[12 * INV_LIST_MAX];
    size_t used = 0;
    inv_status status = INV_OK;
    INV_TRY(names_open(file->run, &names));
    INV_TRY(read_list(&list, file->options->classes));
    used = (size_t)snprintf(text, sizeof text, "%s.classes=[", file->options->group);
    for (size_t i = 0; i < list.count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%zu", i ? "," : "",
                                 list.values[i]);
    snprintf(text + used, sizeof text - used, "]");
    INV_TRY(inv_config_set(file->config, text));
done:
    names_close(&names);
    return status;
}

/* ---- those that have images ---- */

#define COUNTS "/data/images_per_class"

inv_status cli_put_class_images(inv_run *run, const inv_dataset *data)
{
    size_t count[INV_CLASSES_MAX];
    uint32_t kept[INV_CLASSES_MAX];
    inv_part_classes(&data->train, count);
    for (size_t c = 0; c < data->classes; c++)
        kept[c] = (uint32_t)count[c];
    return inv_run_put(run, COUNTS, INV_UINT32, 1, &data->classes, kept, INV_RUN_PLAIN);
}

/* How many images of each class were trained on; 1 where the run file does not say. */
static inv_status read_counts(const inv_run *run, size_t classes, uint32_t *count)
{
    for (size_t c = 0; c < classes; c++)
        count[c] = 1;
    return inv_run_has(run, COUNTS) ? inv_run_get(run, COUNTS, INV_UINT32, classes, count) : INV_OK;
}

inv_status cli_leave_out_empty(const inv_run *run, const inv_net *net, const char *stage,
                               inv_sizes *classes)
{
    const size_t all = inv_net_units(net, inv_net_depth(net));
    uint32_t count[INV_CLASSES_MAX];
    size_t empty = 0, first = 0;
    if (all > INV_CLASSES_MAX)
        return INV_OK;
    inv_status status = read_counts(run, all, count);
    if (status != INV_OK)
        return status;
    for (size_t i = 0; i < classes->count; i++)
        if (classes->values[i] < all && count[classes->values[i]] == 0)
            return INV_ERROR(INV_ECONFIG,
                             "%s.classes: no image of class %zu was trained on; leave it out",
                             stage, classes->values[i]);
    for (size_t c = all; c-- > 0;)
        if (count[c] == 0)
            empty++, first = c;
    if (classes->count > 0 || empty == 0)
        return INV_OK;
    for (size_t c = 0; c < all; c++)
        if (count[c] > 0)
            classes->values[classes->count++] = c;
    if (empty == 1)
        cli_warn("%-9s class %zu has no images and is left out", stage, first);
    else
        cli_warn("%-9s %zu classes have no images and are left out", stage, empty);
    return INV_OK;
}
