/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/columns.h"

#include <locale.h>
#include <stdbool.h>
#include <string.h>
#include <wchar.h>

#include "invproj/text.h"

/* As the C library knows it in a locale of UTF-8, whichever the program is in: 0 for what stands on the
 * character before it. -1, what is no character, counts as one. */
static int width_of(uint32_t point)
{
    const int width = wcwidth((wchar_t)point);
    return width < 0 ? 1 : width;
}

static bool is_ascii(const char *text)
{
    while (*text && !((unsigned char)*text & 0x80))
        text++;
    return !*text;
}

int inv_text_width(const char *text)
{
    if (is_ascii(text)) /* which needs no locale */
        return (int)strlen(text);
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = uselocale(utf8); /* (locale_t)0, where there is none, changes nothing */
    size_t left = strlen(text);
    int width = 0;
    while (left > 0) {
        uint32_t point = '?';
        const size_t bytes = inv_utf8(text, left, &point);
        const size_t step = bytes > 0 ? bytes : 1;
        width += width_of(point);
        text += step;
        left -= step;
    }
    uselocale(before);
    if (utf8)
        freelocale(utf8);
    return width;
}

void inv_text_pad(FILE *out, const char *text, int width)
{
    const int left = width - inv_text_width(text);
    fprintf(out, "%s%*s", text, left > 0 ? left : 0, "");
}
