/* The document in short, as Markdown that fits a README or an issue.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* In one line, with what Markdown or HTML would read as something else escaped. */
static void write_plain(FILE *to, const char *text)
{
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ')
            putc(' ', to);
        else if (strchr("\\`*_[]<>#|&~", *c))
            fprintf(to, "\\%c", *c);
        else
            putc(*c, to);
    }
}

static void write_figures(FILE *to, const json_t *figures)
{
    const json_t *one = NULL;
    size_t i = 0;
    if (json_array_size(figures) == 0)
        return;
    fputs("\n| figure | value | published | |\n|---|---:|---:|---|\n", to);
    json_array_foreach(figures, i, one)
    {
        if (json_is_true(json_object_get(one, "detail")))
            continue;
        const char *result = text_of(one, "result");
        fputs("| ", to);
        if (*result) {
            write_plain(to, text_of(one, "group"));
            putc(' ', to);
            write_plain(to, result);
            fputs(": ", to);
        }
        write_plain(to, text_of(one, "label"));
        fprintf(to, " | %s%s%s | ", text_of(one, "text"), *text_of(one, "unit") ? " " : "",
                text_of(one, "unit"));
        write_plain(to, text_of(one, "published"));
        fputs(" | ", to);
        write_plain(to, text_of(one, "meaning"));
        fputs(" |\n", to);
    }
}

/* As the destination of a link, within < and >: a line's end and what else steers are written as of a URL, and so
 * is the sign that this is done by. */
static void write_link(FILE *to, const char *file)
{
    for (const char *c = file; *c; c++)
        if ((unsigned char)*c < ' ' || *c == '%')
            fprintf(to, "%%%02X", (unsigned)(unsigned char)*c);
        else
            fprintf(to, strchr("<>\\", *c) ? "\\%c" : "%c", *c);
}

/* Beside each other. */
static void write_sheets(FILE *to, const json_t *sheets)
{
    const json_t *one = NULL;
    size_t i = 0;
    json_array_foreach(sheets, i, one)
    {
        fputs(i ? " ![" : "\n![", to);
        write_plain(to, text_of(one, "alt"));
        fputs("](<", to);
        write_link(to, text_of(one, "file"));
        fputs(">)", to);
    }
    fputs(json_array_size(sheets) > 0 ? "\n" : "", to);
}

static void write_run(FILE *to, const json_t *run)
{
    const json_t *about = json_object_get(run, "about"), *sentence = NULL;
    size_t i = 0;
    fputs("## ", to);
    write_plain(to, text_of(about, "title"));
    fputs("\n\n", to);
    json_array_foreach(json_object_get(about, "summary"), i, sentence)
    {
        fputs(i ? " " : "", to);
        write_plain(to, json_string_value(sentence));
    }
    fputs("\n", to);
    write_sheets(to, json_object_get(run, "sheets"));
    write_figures(to, json_object_get(run, "figures"));
    fputs("\n", to);
    write_plain(to, text_of(about, "file"));
    if (*text_of(about, "program_version"))
        fprintf(to, ", made by invproj %s", text_of(about, "program_version"));
    if (json_object_get(about, "seed"))
        fprintf(to, ", seed %.0f", json_number_value(json_object_get(about, "seed")));
    fputs(".\n", to);
}

static void write_field(FILE *to, const char *text)
{
    fputs(" ", to);
    write_plain(to, text);
    fputs(" |", to);
}

/* The head of a sweep's table and the line below it. */
static void write_heads(FILE *to, const json_t *sweep)
{
    const json_t *keys = json_object_get(sweep, "setting_keys"), *one = NULL;
    const json_t *figures = json_object_get(sweep, "figures");
    size_t i = 0;
    fputs("|", to);
    json_array_foreach(keys, i, one)
    {
        write_field(to, json_string_value(one));
    }
    write_field(to, "runs");
    json_array_foreach(figures, i, one)
    {
        write_field(to, text_of(one, "label"));
    }
    fputs("\n|", to);
    for (i = 0; i < json_array_size(keys) + 1 + json_array_size(figures); i++)
        fputs("---|", to);
    fputs("\n", to);
}

/* A line for each setting of a sweep. */
static void write_sweep(FILE *to, const json_t *sweep)
{
    const json_t *setting = NULL, *one = NULL;
    size_t i = 0, k = 0;
    fputs("# ", to);
    write_plain(to, text_of(sweep, "name"));
    fputs("\n\n", to);
    write_heads(to, sweep);
    json_array_foreach(json_object_get(sweep, "settings"), i, setting)
    {
        fputs("|", to);
        json_array_foreach(json_object_get(setting, "values"), k, one)
        {
            write_field(to, json_string_value(one));
        }
        fprintf(to, " %.0f |", json_number_value(json_object_get(setting, "done")));
        json_array_foreach(json_object_get(sweep, "figures"), k, one)
        {
            write_field(to, text_of(json_array_get(json_object_get(one, "cells"), i), "text"));
        }
        fputs("\n", to);
    }
    fputs("\n", to);
}

inv_status report_markdown(const json_t *content, char **text, size_t *size)
{
    const json_t *run = NULL, *sweep = json_object_get(content, "sweep");
    size_t i = 0;
    *text = NULL;
    FILE *to = open_memstream(text, size);
    if (to && sweep)
        write_sweep(to, sweep);
    json_array_foreach(json_object_get(content, "runs"), i, run)
    {
        if (to && i)
            fputs("\n", to);
        if (to)
            write_run(to, run);
    }
    const bool good = to && !ferror(to);
    if (to && fclose(to) == 0 && good)
        return INV_OK;
    free(*text);
    *text = NULL;
    return INV_ERROR(INV_ENOMEM, "report: no memory for a text");
}
