/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/sniff.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* A kind, and the bytes that tell it, which stand at `at`. */
static const struct signature {
    size_t at, length;
    const char *bytes;
    inv_kind kind;
} signatures[] = {
    {0, 4, "PK\3\4", {"a ZIP archive", "unpack it and name what was in it"}},
    {0, 4, "PK\5\6", {"an empty ZIP archive", "download or make it again"}},
    {0, 2, "\x1f\x8b", {"a gzip file", "unpack it with gunzip"}},
    {0, 3, "BZh", {"a bzip2 file", "unpack it with bunzip2"}},
    {0,
     6,
     "\xfd"
     "7zXZ\0",
     {"an xz file", "unpack it with unxz"}},
    {0, 4, "\x28\xb5\x2f\xfd", {"a Zstandard file", "unpack it with unzstd"}},
    {0, 6, "7z\xbc\xaf\x27\x1c", {"a 7z archive", "unpack it and name what was in it"}},
    {0, 4, "Rar!", {"a RAR archive", "unpack it and name what was in it"}},
    {257, 5, "ustar", {"a tar archive", "unpack it and name what was in it"}},
    {0, 6, "\x93NUMPY", {"a NumPy file", "give it as data, with --data"}},
    {0, 8, "\x89HDF\r\n\x1a\n", {"an HDF5 file", "take the arrays out as .npy or .npz"}},
    {0,
     6,
     "\xef\xbf\xbdHDF",
     {"an HDF5 file that was spoilt, as if it were text", "copy or download it again"}},
    {4, 4, "TFL3", {"a TensorFlow Lite model", "take the Keras or ONNX model that it was made of"}},
    {0, 10, "MATLAB 5.0", {"a MATLAB file", "take the arrays out as .npy or .npz"}},
    {0, 4, "PAR1", {"a Parquet file", "take the images out as .npz or PNG files"}},
    {0, 2, "\x80\2", {"a Python pickle", "save its arrays with numpy.savez"}},
    {0, 2, "\x80\3", {"a Python pickle", "save its arrays with numpy.savez"}},
    {0, 2, "\x80\4", {"a Python pickle", "save its arrays with numpy.savez"}},
    {0, 2, "\x80\5", {"a Python pickle", "save its arrays with numpy.savez"}},
    {0, 3, "\xff\xd8\xff", {"a JPEG picture", "invproj pack makes data of folders of pictures"}},
    {0, 6, "\x89PNG\r\n", {"a PNG picture", "invproj pack makes data of folders of pictures"}},
    {0,
     4,
     "\x89PNG",
     {"a PNG picture that was spoilt, as if it were text", "copy or download it again"}},
    {0, 4, "GIF8", {"a GIF picture", "save it as PNG"}},
    {0, 2, "BM", {"a BMP picture", "save it as PNG"}},
    {8, 4, "WEBP", {"a WebP picture", "save it as PNG"}},
    {4, 7, "ftyphei", {"a HEIC picture", "save it as PNG"}},
    {4, 7, "ftyphev", {"a HEIC picture", "save it as PNG"}},
    {4, 8, "ftypmif1", {"a HEIC picture", "save it as PNG"}},
    {4, 8, "ftypmsf1", {"a HEIC picture", "save it as PNG"}},
    {4, 7, "ftypavi", {"an AVIF picture", "save it as PNG"}},
    {4, 4, "ftyp", {"a video", "save pictures of it as PNG"}},
    {0, 4, "<svg", {"an SVG drawing", "save it as PNG"}},
    {0, 4, "II*\0", {"a TIFF picture", "save it as PNG"}},
    {0, 4, "MM\0*", {"a TIFF picture", "save it as PNG"}},
    {0, 4, "%PDF", {"a PDF file", "save the picture in it as PNG"}},
    {0, 23, "version https://git-lfs", {"a Git LFS pointer, not the file", "run git lfs pull"}},
    {0, 2, "\xff\xfe", {"UTF-16 text", "save it as UTF-8"}},
    {0, 2, "\xfe\xff", {"UTF-16 text", "save it as UTF-8"}},
};

static const inv_kind web_page = {"a web page",
                                  "the download failed or needs a login: download it again"};

size_t inv_text_mark(const unsigned char *text, size_t size)
{
    return size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

/* In any case, and with blanks or an XML declaration before it. */
static bool is_web_page(const unsigned char *bytes, size_t size)
{
    static const char *const starts[] = {"<!doctype", "<html", "<head", "<?xml"};
    const char *text = (const char *)bytes;
    size_t at = inv_text_mark(bytes, size);
    while (at < size && memchr(" \t\r\n", text[at], 4))
        at++;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        const size_t length = strlen(starts[i]);
        if (size - at >= length && strncasecmp(text + at, starts[i], length) == 0)
            return true;
    }
    return false;
}

const inv_kind *inv_sniff(const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        const struct signature *s = &signatures[i];
        if (size >= s->at && size - s->at >= s->length &&
            memcmp(bytes + s->at, s->bytes, s->length) == 0)
            return &s->kind;
    }
    return is_web_page(bytes, size) ? &web_page : NULL;
}
