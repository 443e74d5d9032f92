/* version.h - the version of the headers, the library, the program and the package.
 *
 * This is the one place: the Makefile reads it here for the shared library's name and invproj.pc.
 *
 *     #include <stdio.h>
 *     #include <invproj/version.h>
 *     int main(void)
 *     {
 *         return printf("built with invproj %s\n", INV_VERSION) < 0;
 *     }
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_VERSION_H
#define INVPROJ_VERSION_H

#define INV_VERSION "0.2.0"

#endif
