/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/names.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/plural.h"
#include "base/sniff.h"
#include "invproj/file.h"
#include "invproj/text.h"

#define NAMES_BYTES_MAX ((size_t)1 << 20)

/* ---- texts ---- */

bool inv_class_name_good(const char *text, size_t length)
{
    size_t at = 0, step = 1;
    while (at < length && step > 0) {
        uint32_t point = 0;
        step = inv_utf8(text + at, length - at, &point);
        step = point < ' ' || point == 0x7f ? 0 : step;
        at += step;
    }
    return length > 0 && length < INV_NAME_MAX && step > 0;
}

/* The character of a code point as UTF-8, NUL-terminated; RFC 3629, section 3. False: there is none. */
static bool put_character(unsigned long point, char text[5])
{
    unsigned char *s = (unsigned char *)text;
    const int more = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    static const unsigned char first[] = {0, 0xc0, 0xe0, 0xf0};
    if (point > 0x10ffff)
        return false;
    for (int i = more; i > 0; i--, point >>= 6)
        s[i] = (unsigned char)(0x80 | (point & 0x3f));
    s[0] = (unsigned char)(first[more] | point);
    s[more + 1] = '\0';
    return inv_class_name_good(text, (size_t)more + 1);
}

/* Bytes of the line at `text`, without what ends it; *next is where the next begins. */
static size_t line_length(const char *text, const char **next)
{
    const size_t all = strcspn(text, "\n");
    *next = text + all + (text[all] == '\n');
    return all - (all && text[all - 1] == '\r');
}

/* ---- classes.txt ---- */

/* The class before `count` of that name; `count` where there is none. */
static size_t find_name(const inv_dataset *data, size_t count, const char *name, size_t length)
{
    for (size_t c = 0; c < count; c++)
        if (strlen(data->class_names[c]) == length &&
            memcmp(data->class_names[c], name, length) == 0)
            return c;
    return count;
}

/* A line a class; `source` is who says so, for messages. */
static inv_status take_lines(const char *source, const char *text, inv_dataset *data)
{
    size_t count = 0;
    const char *next = NULL;
    for (const char *line = text; *line; line = next, count++) {
        const size_t length = line_length(line, &next);
        if (length == 0)
            return INV_ERROR(INV_EDATA, "%s:%zu: an empty line; each line names a class", source,
                             count + 1);
        if (!inv_class_name_good(line, length))
            return INV_ERROR(INV_EDATA,
                             "%s:%zu: a class name is 1 to %d bytes of printable UTF-8 text",
                             source, count + 1, INV_NAME_MAX - 1);
        if (count >= data->classes)
            continue;
        const size_t before = find_name(data, count, line, length);
        if (before < count)
            return INV_ERROR(INV_EDATA,
                             "%s:%zu: '%.*s' names two classes, %zu and %zu; each needs "
                             "a name of its own",
                             source, count + 1, (int)length, line, before, count);
        memcpy(data->class_names[count], line, length);
    }
    if (count != data->classes)
        return INV_ERROR(INV_EDATA, "%s: %zu %s, but the labels make %zu %s", source, count,
                         inv_plural(count, "name", "names"), data->classes,
                         inv_plural(data->classes, "class", "classes"));
    return INV_OK;
}

/* ---- mappings ---- */

/* The class and the name that a line of a mapping gives; false where it is no such line. */
typedef bool (*line_reader)(const char *line, size_t length, unsigned long *class, char *name);

/* "1 65 97" */
static bool read_code_points(const char *line, size_t length, unsigned long *class, char *name)
{
    char *end = NULL;
    *class = strtoul(line, &end, 10);
    return isdigit((unsigned char)*line) && *end == ' ' && isdigit((unsigned char)end[1]) &&
           end < line + length && put_character(strtoul(end + 1, NULL, 10), name);
}

/* "0,U+3042,\xe3\x81\x82" */
static bool read_characters(const char *line, size_t length, unsigned long *class, char *name)
{
    char *end = NULL;
    *class = strtoul(line, &end, 10);
    if (!isdigit((unsigned char)*line) || *end != ',')
        return false;
    const char *comma = memchr(end + 1, ',', length - (size_t)(end + 1 - line));
    if (!comma)
        return false;
    const size_t left = length - (size_t)(comma + 1 - line);
    if (!inv_class_name_good(comma + 1, left))
        return false;
    memcpy(name, comma + 1, left);
    name[left] = '\0';
    return true;
}

/* `heading`: whether the first line is one. Classes beyond the labels' do not matter, and one that it
 * leaves out is called by its number. */
static inv_status take_mapping(const char *source, const char *text, line_reader reader,
                               bool heading, inv_dataset *data)
{
    size_t number = 1;
    const char *next = NULL;
    for (size_t c = 0; c < data->classes; c++)
        snprintf(data->class_names[c], INV_NAME_MAX, "%zu", c);
    for (const char *line = text; *line; line = next, number++) {
        unsigned long class = 0;
        char name[INV_NAME_MAX];
        const size_t length = line_length(line, &next);
        if (length == 0 || (heading && number == 1))
            continue;
        if (!reader(line, length, &class, name))
            return INV_ERROR(INV_EDATA,
                             "%s:%zu: not a class and what it stands for; remove the file "
                             "or mend it",
                             source, number);
        if (class < data->classes)
            memcpy(data->class_names[class], name, INV_NAME_MAX);
    }
    return INV_OK;
}

/* ---- whichever is there ---- */

/* The text of a file of the folder, which the caller frees; NULL where there is none. */
static inv_status read_text(const char *folder, const char *stem, const char *ending, char **path,
                            unsigned char **text, const char **start)
{
    struct stat info;
    size_t size = 0;
    const char *slash = folder[strlen(folder) - 1] == '/' ? "" : "/";
    *text = NULL;
    if (asprintf(path, "%s%s%s%s", folder, slash, stem, ending) < 0) {
        *path = NULL;
        return INV_ERROR(INV_ENOMEM, "%s: no memory for a file name", folder);
    }
    if (stat(*path, &info) != 0)
        return INV_OK;
    inv_status status = inv_file_read(*path, NAMES_BYTES_MAX, text, &size);
    if (status == INV_OK && strlen((const char *)*text) < size)
        return INV_ERROR(INV_EDATA, "%s: a NUL byte at %zu: this is no text; save it as UTF-8",
                         *path, strlen((const char *)*text));
    *start = status == INV_OK ? (const char *)*text + inv_text_mark(*text, size) : NULL;
    return status;
}

static const struct names_file {
    bool has_stem;
    const char *ending;
    line_reader reader; /* NULL: a name a line */
    bool heading;
} names_files[] = {
    {false, INV_CLASSES_FILE, NULL, false},
    {true, "-mapping.txt", read_code_points, false},
    {true, "_classmap.csv", read_characters, true},
};

/* Takes the names from that file, if it is there. */
static inv_status try_file(const char *folder, const char *stem, const struct names_file *file,
                           inv_dataset *data, bool *found)
{
    char *path = NULL;
    unsigned char *text = NULL;
    const char *start = NULL;
    inv_status status = INV_OK;
    INV_TRY(read_text(folder, file->has_stem ? stem : "", file->ending, &path, &text, &start));
    *found = text != NULL;
    if (text)
        INV_TRY(file->reader ? take_mapping(path, start, file->reader, file->heading, data)
                             : take_lines(path, start, data));
done:
    free(path);
    free(text);
    return status;
}

inv_status inv_names_read(const char *folder, const char *stem, const char *known,
                          inv_dataset *data)
{
    void *memory = NULL;
    bool found = false;
    inv_status status = INV_OK;
    INV_TRY(inv_calloc(data->classes, INV_NAME_MAX, "the names of classes", &memory));
    data->class_names = memory;
    for (size_t i = 0; folder && !found && i < sizeof names_files / sizeof *names_files; i++)
        INV_TRY(try_file(folder, stem, &names_files[i], data, &found));
    if (found)
        return INV_OK;
    if (known)
        return take_lines("the known names", known, data);
    free(data->class_names);
    data->class_names = NULL;
done:
    return status;
}
