/* The page: the template, with a document in it.
 *
 * The template names what is put in as {{word}}. The page's Content-Security-Policy allows nothing but
 * pictures within it and exactly this style and this script, by their SHA-256. The document stands in a
 * block of JSON, in which every '<' is written \u003c, so that no text of a stranger's ends it; the
 * script makes text of it, never HTML.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nettle/base64.h>
#include <nettle/sha2.h>

#include "files.h"
#include "invproj/text.h"
#include "report.h"

/* Where `text` begins with a character that turns the direction of writing, it is shown as \u202e, and its
 * bytes are returned; else 0. */
static size_t write_turning(FILE *to, const char *text, size_t left, const char *backslash)
{
    uint32_t point = 0;
    const size_t length = (unsigned char)*text < 0x80 ? 0 : inv_utf8(text, left, &point);
    if (length == 0 || !inv_turns_text(point))
        return 0;
    fprintf(to, "%su%04x", backslash, (unsigned)point);
    return length;
}

/* Text of HTML, or of an attribute's value. */
static void write_escaped(FILE *to, const char *text)
{
    const char *end = text + strlen(text);
    for (const char *c = text; c < end; c++) {
        const size_t turning = write_turning(to, c, (size_t)(end - c), "\\");
        if (turning > 0)
            c += turning - 1;
        else if (*c == '<')
            fputs("&lt;", to);
        else if (*c == '>')
            fputs("&gt;", to);
        else if (*c == '&')
            fputs("&amp;", to);
        else if (*c == '"')
            fputs("&quot;", to);
        else
            putc(*c, to);
    }
}

/* ---- what is put in ---- */

static void write_title(const json_t *content, FILE *to)
{
    const json_t *runs = json_object_get(content, "runs");
    const json_t *sweep = json_object_get(content, "sweep");
    if (sweep) {
        write_escaped(to, json_string_value(json_object_get(sweep, "name")));
        return;
    }
    for (size_t i = 0; i < json_array_size(runs) && i < 3; i++) {
        const json_t *about = json_object_get(json_array_get(runs, i), "about");
        fputs(i ? ", " : "", to);
        write_escaped(to, json_string_value(json_object_get(about, "title")));
    }
    fputs(json_array_size(runs) > 3 ? ", ..." : "", to);
}

static void write_summary(const json_t *content, FILE *to)
{
    char *text = NULL;
    size_t size = 0;
    if (report_markdown(content, &text, &size) == INV_OK)
        write_escaped(to, text);
    free(text);
}

static void write_style(const json_t *content, FILE *to)
{
    (void)content;
    fputs(report_css, to);
}

static void write_script(const json_t *content, FILE *to)
{
    (void)content;
    for (const char *const *script = report_scripts; *script; script++)
        fputs(*script, to);
}

/* Outside of strings JSON has no '<'. */
static int write_json(const char *text, size_t size, void *data)
{
    for (size_t i = 0, turning; i < size; i += turning ? turning : 1) {
        turning = write_turning(data, text + i, size - i, "\\\\");
        if (turning == 0 && text[i] == '<')
            fputs("\\u003c", data);
        else if (turning == 0)
            putc(text[i], data);
    }
    return ferror((FILE *)data) ? -1 : 0;
}

static void write_content(const json_t *content, FILE *to)
{
    if (json_dump_callback(content, write_json, to, JSON_COMPACT | JSON_REAL_PRECISION(7)))
        putc(0, to); /* which is found */
}

/* 'sha256-...' of what `write` writes. */
static void write_digest(void (*write)(const json_t *content, FILE *to), FILE *to)
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    char *text = NULL, base64[BASE64_ENCODE_RAW_LENGTH(SHA256_DIGEST_SIZE) + 1] = "";
    size_t size = 0;
    struct sha256_ctx context;
    FILE *memory = open_memstream(&text, &size);
    if (memory)
        write(NULL, memory);
    if (memory && fclose(memory) == 0) {
        sha256_init(&context);
        sha256_update(&context, size, (const uint8_t *)text);
        sha256_digest(&context, sizeof digest, digest);
        base64_encode_raw(base64, sizeof digest, digest);
    }
    free(text);
    fprintf(to, "'sha256-%s'", base64);
}

static void write_policy(const json_t *content, FILE *to)
{
    (void)content;
    fputs("default-src 'none'; img-src data:; style-src ", to);
    write_digest(write_style, to);
    fputs("; script-src ", to);
    write_digest(write_script, to);
    fputs("; base-uri 'none'; form-action 'none'", to);
}

static const struct insertion {
    const char *word;
    void (*write)(const json_t *content, FILE *to);
} insertions[] = {
    {"{{policy}}", write_policy}, {"{{title}}", write_title},     {"{{summary}}", write_summary},
    {"{{style}}", write_style},   {"{{content}}", write_content}, {"{{script}}", write_script},
};

/* ---- the whole ---- */

static const struct insertion *find_insertion(const char *at)
{
    for (size_t i = 0; i < sizeof insertions / sizeof *insertions; i++)
        if (strncmp(at, insertions[i].word, strlen(insertions[i].word)) == 0)
            return &insertions[i];
    return NULL;
}

inv_status report_page(const json_t *content, char **text, size_t *size)
{
    *text = NULL;
    FILE *to = open_memstream(text, size);
    for (const char *at = report_html; to && *at;) {
        const struct insertion *here = *at == '{' ? find_insertion(at) : NULL;
        if (here) {
            here->write(content, to);
            at += strlen(here->word);
        } else {
            putc(*at++, to);
        }
    }
    const bool good = to && !ferror(to);
    if (to && fclose(to) == 0 && good && strlen(*text) == *size)
        return INV_OK;
    free(*text);
    *text = NULL;
    return INV_ERROR(INV_ENOMEM, "report: no memory for a page");
}
