/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/text.h"

size_t inv_utf8(const char *text, size_t left, uint32_t *point)
{
    static const uint32_t minimum[] = {0, 0, 0x80, 0x800, 0x10000}; /* of that many bytes */
    static const unsigned char bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    const unsigned char *s = (const unsigned char *)text;
    if (left == 0 || (s[0] >= 0x80 && s[0] < 0xc2) || s[0] > 0xf4)
        return 0;
    const size_t length = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    uint32_t value = s[0] & bits[length];
    if (length > left)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (s[i] & 0x3f);
    }
    if (value < minimum[length] || (value >= 0xd800 && value < 0xe000) || value > 0x10ffff)
        return 0;
    if (point)
        *point = value;
    return length;
}

bool inv_turns_text(uint32_t point)
{
    return point == 0x61c || point == 0x200e || point == 0x200f ||
           (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}
