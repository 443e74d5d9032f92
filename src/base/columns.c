/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/columns.h"

#include <stdbool.h>
#include <string.h>

#include "invproj/text.h"

typedef struct span {
    uint32_t first, last;
} span;

/* What takes two columns: East_Asian_Width W and F, in blocks. Unicode Standard Annex 11. */
static const span wide[] = {
    {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},
    {0x4e00, 0x9fff},   {0xa000, 0xa4cf},   {0xa960, 0xa97f},   {0xac00, 0xd7a3},
    {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff01, 0xff60},   {0xffe0, 0xffe6},
    {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
};

/* What stands on the character before it: general categories Mn, Me and Cf, of the scripts that
 * classes are likely to be named in. */
static const span joined[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a}, {0x064b, 0x065f},
    {0x0900, 0x0902}, {0x093c, 0x093c}, {0x0941, 0x0948}, {0x094d, 0x094d}, {0x0981, 0x0981},
    {0x0e31, 0x0e31}, {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
    {0x200b, 0x200f}, {0x202a, 0x202e}, {0x20d0, 0x20ff}, {0x3099, 0x309a}, {0xfe00, 0xfe0f},
    {0xfe20, 0xfe2f},
};

static bool is_in(const span *list, size_t count, uint32_t point)
{
    for (size_t i = 0; i < count; i++)
        if (point >= list[i].first && point <= list[i].last)
            return true;
    return false;
}

int inv_text_width(const char *text)
{
    size_t left = strlen(text);
    int width = 0;
    while (left > 0) {
        uint32_t point = '?';
        const size_t bytes = inv_utf8(text, left, &point);
        const size_t step = bytes > 0 ? bytes : 1;
        if (!is_in(joined, sizeof joined / sizeof *joined, point))
            width += is_in(wide, sizeof wide / sizeof *wide, point) ? 2 : 1;
        text += step;
        left -= step;
    }
    return width;
}

void inv_text_pad(FILE *out, const char *text, int width)
{
    const int left = width - inv_text_width(text);
    fprintf(out, "%s%*s", text, left > 0 ? left : 0, "");
}
