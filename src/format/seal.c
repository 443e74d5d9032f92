/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/seal.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nettle/sha2.h>

#include "base/sniff.h"
#include "invproj/idx.h"
#include "invproj/run.h"

#define BEGINS       INV_RUN_FORMAT " " /* a seal, and then the format's number */
#define BLOCK_1      512                /* format 1's user block */
#define HEADER_MOST  64                 /* bytes of a superblock that are looked at */
#define ADDRESS_SIZE 8

static void write_digest(const unsigned char *bytes, size_t size, char text[INV_SHA256_TEXT])
{
    struct sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&context);
    sha256_update(&context, size, bytes);
    sha256_digest(&context, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

void inv_seal_write(const unsigned char *body, size_t size, char seal[INV_SEAL_BYTES])
{
    char line[INV_SEAL_BYTES + 1], digest[INV_SHA256_TEXT];
    write_digest(body, size, digest);
    const int used =
        snprintf(line, sizeof line, "\n" BEGINS "%d: the first %zu bytes have SHA-256 %s",
                 INV_RUN_VERSION, size, digest);
    memset(seal, ' ', INV_SEAL_BYTES);
    memcpy(seal, line, used < INV_SEAL_BYTES ? (size_t)used : INV_SEAL_BYTES);
    seal[INV_SEAL_BYTES - 1] = '\n';
}

/* ---- HDF5's superblock ---- */

static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};

static uint64_t read_address(const unsigned char *bytes)
{
    uint64_t value = 0;
    for (int i = ADDRESS_SIZE - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

/* Where the superblock says that the file ends; 0 where it does not say. HDF5 File Format
 * Specification 3.0, II.A: by the superblock's version, where the size of an address stands, and
 * where the end-of-file address does. invproj writes version 0; others may change it. */
static uint64_t end_of_file(const unsigned char *body, size_t size)
{
    static const struct {
        unsigned char size_at, end_at;
    } versions[] = {{13, 40}, {13, 44}, {9, 28}, {9, 28}};
    if (size < HEADER_MOST || memcmp(body, signature, sizeof signature) != 0)
        return 0;
    const unsigned char version = body[sizeof signature];
    if (version >= sizeof versions / sizeof *versions ||
        body[versions[version].size_at] != ADDRESS_SIZE)
        return 0;
    return read_address(body + versions[version].end_at);
}

bool inv_seal_ends_at(const unsigned char *body, size_t size)
{
    return end_of_file(body, size) == size;
}

bool inv_seal_is_cut(const unsigned char *body, size_t size)
{
    return end_of_file(body, size) > size;
}

/* ---- checking ---- */

static inv_status damaged(const char *path, const char *what)
{
    return INV_ERROR(INV_EFORMAT, "%s: damaged: %s; go back to a copy", path, what);
}

inv_status inv_seal_check_format(const char *path, unsigned long long format)
{
    if (format <= INV_RUN_VERSION)
        return INV_OK;
    return INV_ERROR(INV_EFORMAT,
                     "%s: made by a newer invproj (format %llu; this one reads up to %d)", path,
                     format, INV_RUN_VERSION);
}

/* The format that a seal at `text` tells, from 1 on; 0: there is no seal. */
static unsigned long long sealed_format(const unsigned char *text, size_t size)
{
    unsigned long long format = 0;
    const size_t begin = strlen(BEGINS);
    if (size < begin || memcmp(text, BEGINS, begin) != 0)
        return 0;
    for (size_t i = begin; i < size && text[i] >= '0' && text[i] <= '9' && format < 1000000; i++)
        format = 10 * format + (unsigned long long)(text[i] - '0');
    return format;
}

/* Format 1: the seal is a user block, the bytes behind it are HDF5. */
static inv_status check_first(const char *path, unsigned char *bytes, size_t size, inv_seal *out)
{
    char block[BLOCK_1] = "", digest[INV_SHA256_TEXT];
    if (size < BLOCK_1)
        return damaged(path, "cut short");
    *out = (inv_seal){true, 1, bytes + BLOCK_1, size - BLOCK_1};
    write_digest(out->body, out->size, digest);
    snprintf(block, sizeof block, BEGINS "1\nHDF5 from byte %d on, %zu bytes, SHA-256\n%s\n",
             BLOCK_1, out->size, digest);
    if (memcmp(bytes, block, BLOCK_1) != 0)
        return INV_ERROR(INV_EFORMAT,
                         "%s: damaged, or opened for writing by another program (files of format 1 "
                         "do not survive that): its checksum does not match; go back to a copy",
                         path);
    return INV_OK;
}

/* Bytes that HDF5's end-of-file address leaves out must be a seal and a right one. */
static inv_status check_last(const char *path, unsigned char *bytes, size_t size, inv_seal *out)
{
    const unsigned char *last = bytes + size - INV_SEAL_BYTES;
    char seal[INV_SEAL_BYTES];
    const size_t body = size - INV_SEAL_BYTES;
    inv_status status = inv_seal_check_format(path, sealed_format(last + 1, INV_SEAL_BYTES - 1));
    if (status != INV_OK)
        return status;
    inv_seal_write(bytes, body, seal);
    if (!inv_seal_ends_at(bytes, body) || memcmp(last, seal, INV_SEAL_BYTES) != 0)
        return damaged(path, "its checksum does not match");
    *out = (inv_seal){true, INV_RUN_VERSION, bytes, body};
    return INV_OK;
}

static inv_status not_run(const char *path, const unsigned char *bytes, size_t size)
{
    const inv_kind *kind = inv_sniff(bytes, size < INV_SNIFF_BYTES ? size : INV_SNIFF_BYTES);
    const char *what = size == 0 ? "an empty file" : kind ? kind->what : "";
    return INV_ERROR(INV_EFORMAT, "%s: not an invproj run file%s%s", path, *what ? " but " : "",
                     what);
}

inv_status inv_seal_check(const char *path, unsigned char *bytes, size_t size, inv_seal *out)
{
    const unsigned long long first = sealed_format(bytes, size);
    *out = (inv_seal){0};
    if (first == 1)
        return check_first(path, bytes, size, out);
    if (first > INV_RUN_VERSION)
        return inv_seal_check_format(path, first);
    const uint64_t end = end_of_file(bytes, size);
    if (size >= INV_SEAL_BYTES + HEADER_MOST && bytes[size - INV_SEAL_BYTES] == '\n' &&
        sealed_format(bytes + size - INV_SEAL_BYTES + 1, INV_SEAL_BYTES - 1) > 0)
        return check_last(path, bytes, size, out);
    if (size < sizeof signature || memcmp(bytes, signature, sizeof signature) != 0 || end == 0)
        return not_run(path, bytes, size);
    if (end > size)
        return damaged(path, "cut short");
    if (end < size)
        return damaged(path, "what follows its end is not a seal");
    *out = (inv_seal){false, 0, bytes, size};
    return INV_OK;
}
